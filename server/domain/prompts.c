/* The built-in prompts. A text that has been released is never edited: a better one gets a new
 * name, because the text is part of every recipe that names it. */
#include "server/domain/prompt.h"

#include "server/base/hash.h"
#include "server/domain/template.h"
#include "server/json/write.h"

enum { MESSAGE_BYTES_MAX = 1 << 20 };

#define CAPTION_RULES                                                                              \
    "- Keep everything that the caption says: each object, attribute, number, name, place and "    \
    "relation. Contradict none of it.\n"                                                           \
    "- State only what can be seen. Leave out sounds, smells, thoughts, moods, intentions and "    \
    "what came before or after.\n"                                                                 \
    "- Be objective and concrete. No literary tone, no comparison for effect, no opinion, no "     \
    "praise, no emotion, and no hedging such as \"perhaps\" or \"seems\".\n"                       \
    "- Do not make up counts, sizes, distances, dates, brands, printed words, serial numbers or "  \
    "names that the caption does not give.\n"

#define CAPTION_FORM                                                                               \
    "- Natural English in a single paragraph. No title, list, heading or markup, no quotation "    \
    "marks around it, and no remark about this task or about the caption. Answer with the "        \
    "paragraph alone."

static const char dense_system[] =
    "You turn a short caption of a picture into a detailed description of the same picture.\n"
    "\n"
    "Rules:\n" CAPTION_RULES
    "- Add what anyone looking at the picture would plausibly see. Begin with the main subject: "
    "its parts, shape, colours, materials, surface and posture, and how its parts belong "
    "together. Then say how it is placed, what is around and behind it, and how the light "
    "falls.\n"
    "- Write 80 to 150 words.\n" CAPTION_FORM;

static const char concise_system[] =
    "You turn a short caption of a picture into a fuller description of the same picture.\n"
    "\n"
    "Rules:\n" CAPTION_RULES
    "- Add the few visible details that matter most: how the main subject looks and is built, and "
    "where it stands.\n"
    "- Write 30 to 55 words, never 60 or more.\n" CAPTION_FORM;

static const char regions_system[] =
    "You turn a short caption of a picture into a description of the same picture, region by "
    "region.\n"
    "\n"
    "Rules:\n" CAPTION_RULES
    "- Begin with the main subject and where in the picture it is. Then go on in this order: the "
    "foreground, the middle, the background, the left, the right. Say of each region what anyone "
    "looking at the picture would plausibly see there: shapes, colours, materials, and how it lies "
    "to the subject. Pass over a region that the caption leaves empty.\n"
    "- Name the regions in the sentences themselves, as in \"in the foreground\" or \"to the "
    "left of the house\".\n"
    "- Write 80 to 150 words.\n" CAPTION_FORM;

static const char instruct_system[] =
    "You write dialogues in which one person asks about a picture and another, who looks at it, "
    "answers. You get notes that say what the picture shows; take all of them as true.\n"
    "\n"
    "Rules:\n"
    "- Answer with one JSON object and nothing else: {\"pairs\":[{\"question\":\"...\","
    "\"answer\":\"...\"}]}. Where the task asks for options, each pair also has "
    "\"options\":{\"A\":\"...\",\"B\":\"...\",\"C\":\"...\",\"D\":\"...\"}.\n"
    "- Both people see the picture itself. No question, option or answer may mention a caption, "
    "a description, notes, a text or a passage, or say that something is stated, described or "
    "mentioned.\n"
    "- Ask only what the picture settles, and give only answers that follow from what it shows.\n"
    "- Each question can be understood by itself, and no two ask the same thing.\n"
    "- Vary how questions begin: what, which, who, where, when, why, how, does, is. No word "
    "begins more than half of them.\n"
    "- Plain sentences on one line: no markup, no tags, no numbering, no speaker names.";

static const char multiple_choice_task[] =
    "Task: multiple choice. Write {{turns_min}} to {{turns_max}} pairs. Each has a question, "
    "four options and the letter of the right option as its answer. Exactly one option is "
    "right; the other three are of the same kind and about as long, sound plausible, and are "
    "wrong for this picture. No option speaks of the others, as \"all of the above\" does. "
    "Spread the right letters over A, B, C and D. Prefer questions "
    "that can only be answered by taking several parts of the picture together, and that "
    "cannot be guessed without seeing it.";

static const char question_answering_task[] =
    "Task: questions and answers. Write {{turns_min}} to {{turns_max}} pairs. Each answer is "
    "one complete sentence in words of its own. Cover different sides of the picture: how "
    "things look, where they are in relation to each other, the order in which things happen, "
    "why something is as it is, and what can be inferred.";

static const char complex_reasoning_task[] =
    "Task: complex reasoning. Write {{turns_min}} to {{turns_max}} pairs. Each question needs "
    "several steps of thought that start from what can be seen: a deduction, a cause and its "
    "effect, a plan, a problem to solve, or what would change if something in the picture "
    "were different. Each answer is one paragraph that goes step by step from visible details "
    "to a conclusion.";

const struct prompt prompts[] = {
    {.name = "dense-v1",
     .stage = "captions",
     .system = dense_system,
     .template = "Caption: {{seed}}",
     .description = "A detailed paragraph of 80 to 150 words, main subject first"},
    {.name = "concise-v1",
     .stage = "captions",
     .system = concise_system,
     .template = "Caption: {{seed}}",
     .description = "A short paragraph of 30 to 55 words"},
    {.name = "regions-v1",
     .stage = "captions",
     .system = regions_system,
     .template = "Caption: {{seed}}",
     .description = "A paragraph of 80 to 150 words, region by region"},
    {.name = "instruct-v1",
     .stage = "dialogues",
     .system = instruct_system,
     .template = "{{task}}\n\nWhat the picture shows: {{caption}}",
     .task = {multiple_choice_task, question_answering_task, complex_reasoning_task},
     .description = "Dialogues of all three tasks, as if both people saw the picture"},
    {.name = NULL},
};

const struct prompt *prompt_find(struct str stage, struct str name)
{
    for (const struct prompt *p = prompts; p->name; p++)
        if (str_is(stage, p->stage) && str_is(name, p->name))
            return p;
    return NULL;
}

/* The tasks by name, which is not their order. */
static void put_tasks(const struct prompt *p, struct buf *json)
{
    static const int alphabetical[DIALOGUE_TASKS] = {2, 0, 1};
    json_key(json, "tasks");
    if (!p->task[0]) {
        json_write_null(json);
        return;
    }
    json_open(json, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(json, dialogue_tasks[alphabetical[i]]);
        json_z(json, p->task[alphabetical[i]]);
    }
    json_close(json, '}');
}

void prompt_parts_write(const struct prompt *p, struct buf *json)
{
    json_key(json, "system");
    json_z(json, p->system);
    put_tasks(p, json);
    json_key(json, "template");
    json_z(json, p->template);
}

void prompt_hash(const struct prompt *p, uint8_t out[PROMPT_HASH_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct buf json;
    buf_init(&json, MESSAGE_BYTES_MAX);
    json_open(&json, '{');
    json_key(&json, "stage");
    json_z(&json, p->stage);
    prompt_parts_write(p, &json);
    json_close(&json, '}');
    sha256(buf_str(&json), digest);
    memcpy(out, digest, PROMPT_HASH_BYTES);
    buf_free(&json);
}

static const char *number(struct arena *a, int v)
{
    return v > 0 ? arena_printf(a, "%d", v) : NULL;
}

/* Without memory, and for what no template can be, the buffer fails. */
static void render(struct str text, const struct str *values, struct arena *a, struct buf *out)
{
    const unsigned every = TEMPLATE_HAS(VARIABLE_COUNT) - 1;
    struct template t;
    struct err e = {0};
    if (template_parse(text, every, "", a, &t, &e) == 0)
        template_render(&t, values, out);
    else
        out->failed = true;
}

struct str prompt_render(const struct prompt *p, const struct prompt_values *v, struct arena *a)
{
    struct str values[VARIABLE_COUNT] = {
        [VARIABLE_SEED] = v->seed,
        [VARIABLE_CAPTION] = v->caption,
        [VARIABLE_DOMAIN] = v->domain,
        [VARIABLE_SOURCE] = v->source,
        [VARIABLE_LABEL] = v->label,
        [VARIABLE_TURNS_MIN] = str_of(number(a, v->turns.min)),
        [VARIABLE_TURNS_MAX] = str_of(number(a, v->turns.max)),
    };
    struct buf task, out;
    buf_init(&task, MESSAGE_BYTES_MAX);
    buf_init(&out, MESSAGE_BYTES_MAX);
    render(v->task, values, a, &task);
    values[VARIABLE_TASK] = buf_str(&task);
    render(str_of(p->template), values, a, &out);
    bool failed = task.failed || out.failed;
    struct str text = failed ? (struct str){NULL, 0} : arena_str(a, buf_str(&out));
    buf_free(&task);
    buf_free(&out);
    return text;
}

const char *const dialogue_tasks[] = {"multiple_choice", "question_answering", "complex_reasoning",
                                      NULL};
const double dialogue_default_mix[DIALOGUE_TASKS] = {171.0 / 1243.0, 199.0 / 1243.0,
                                                     100.0 / 1243.0};
const struct turns dialogue_default_turns[DIALOGUE_TASKS] = {{6, 8}, {6, 8}, {2, 4}};
