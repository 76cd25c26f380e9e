/* What a person might ask for who wants to be told what a picture shows. Trainers of the first step
 * put the picture in their place, but those who read the files see them. Adding or reordering any
 * changes the files of exports that are made again. */
#include "server/base/hash.h"
#include "stages/export/writer.h"

static const char *const questions[] = {
    "Describe this image in detail.",
    "What do you see in this picture? Please be thorough.",
    "Please give a detailed account of what this image shows.",
    "Tell me everything that can be seen in this photo.",
    "Walk me through this picture, leaving nothing out.",
    "What is shown here? Describe it as fully as you can.",
    "Could you describe this scene in depth?",
    "Explain in detail what is going on in this image.",
    "Give a full description of what is visible here.",
    "Describe the picture so that someone who cannot see it could imagine it.",
    "What does this image look like? Include its details, too.",
    "Please look closely and describe what this photo contains.",
    "How would you describe this picture to a friend, in detail?",
    "Describe the main subject of this image and everything around it.",
    "Provide a careful description of the objects and the setting in this picture.",
    "What are the contents of this image? Answer at length.",
    "Paint a picture in words of what you see here.",
    "Describe the appearance of everything in this photo.",
    "I would like a close description of this image.",
    "Take a look at this picture and report all that you notice.",
    "What can be observed in this scene? Be specific.",
    "Give me an exhaustive description of this photo.",
    "Share the details of this image, from the most striking to the smallest.",
    "Please describe what is depicted here, as precisely as possible.",
};

const char *pretrain_question(struct str caption_id)
{
    uint64_t n = sizeof(questions) / sizeof(questions[0]);
    return questions[hash_choice(STR("pretrain:"), caption_id) % n];
}
