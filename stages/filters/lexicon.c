/* The words and phrases that the filters know, in one hash table by the first word of each. */
#include <pthread.h>
#include <stdlib.h>

#include "stages/filters/look.h"

enum { PHRASES_MAX = 640, PHRASE_WORDS_MAX = 6, SLOTS = 2048 };

/* Divided by bars. Apostrophes are left out, as words_split() does. */
static const struct {
    enum word_kind kind;
    const char *phrases;
} lists[] = {
    {WORD_STOP,
     "the|of|and|a|an|to|in|is|are|was|were|with|on|at|from|by|its|it|as|for|that|this|these|those|"
     "has|have|his|her|their|they|he|she|him|them|into|onto|over|under|near|behind|beside|between|"
     "through|while|which|who|whose|where|there|some|one|two|three|each|other|another|both|all|"
     "several|or|but|not|no|be|been|being|out|up|down|off|across|around|along|against|above|below|"
     "front|when|so|than|then|more|most|very|only|just|also|toward|towards|within|without|next"},
    {WORD_NON_VISUAL,
     "sound|sounds|sounding|hear|hears|hearing|heard|audible|noise|noises|noisy|silence|silent|hum|"
     "humming|buzz|buzzing|chirp|chirps|chirping|laughter|whisper|whispers|whispering|rustle|"
     "rustles|rustling|echo|echoes|echoing|clink|clinking|clatter|murmur|murmuring|melody|loud|"
     "loudly"},
    {WORD_NON_VISUAL,
     "smell|smells|smelling|scent|scents|aroma|aromas|aromatic|fragrance|fragrant|odor|odour|"
     "stench|taste|tastes|tasty|delicious|flavor|flavors|flavorful|flavour|flavours|savory|"
     "savoury"},
    {WORD_NON_VISUAL,
     "think|thinks|thinking|thought|thoughts|wonder|wonders|wondering|remember|remembers|memory|"
     "memories|nostalgia|nostalgic|feel|feels|feeling|feelings|emotion|emotions|emotional|mood|"
     "atmosphere|ambiance|ambience|vibe|evoke|evokes|evoking|convey|conveys|conveying|sense of|"
     "dream|dreams|dreaming|hope|hopes|hoping|imagine|imagines|intend|intends|intending|tranquil|"
     "tranquility|serene|serenity|peaceful|peacefulness|captivating|enchanting|mesmerizing|"
     "breathtaking|stunning|testament|whimsical|timeless|majestic"},
    {WORD_NON_VISUAL,
     "perhaps|maybe|possibly|probably|likely|presumably|seem|seems|seemingly|apparently|"
     "appears to|appear to|appearing to|suggest|suggests|suggesting|hint|hints|hinting|imply|"
     "implies|implying|might be|may be|could be|might have|may have|could have|as if|as though|"
     "what appears|it is possible|one can imagine"},
    {WORD_REFUSAL_START,
     "im sorry|i am sorry|sorry i|sorry but|my apologies|i apologize|i apologise|apologies but|"
     "i cannot|i can not|i cant|im unable|i am unable|im not able|i am not able|unable to|"
     "unfortunately i|unfortunately there|as an ai|as a language model|as an artificial|"
     "i do not have|i dont have|i do not see|i dont see|im afraid|i am afraid|i will not|i wont|"
     "i need more|there is no caption|no caption was|no caption is|no image|please provide|"
     "please share|could you please|can you please|could you provide|it seems you|"
     "it seems that you|it looks like you|it appears you|it appears that you|you have not|"
     "you havent|you didnt|you did not|your message|the caption is empty|the message is empty|"
     "the message you|the caption you"},
    {WORD_REFUSAL,
     "as an ai language|as an ai model|as an ai assistant|language model|cannot assist|cant assist|"
     "cannot help with|cant help with|cannot fulfill|cant fulfill|cannot provide|cant provide|"
     "unable to assist|unable to provide|unable to generate|unable to create|unable to describe|"
     "unable to view|not able to provide|not able to generate|against my guidelines|"
     "content policy|i cannot see|i cannot view|i cant view|image was not provided|"
     "message is empty|message was empty|message appears to be empty|caption is missing|"
     "provide a caption|provide me with|provide the caption|provide more details|"
     "provide more information|provide more context"},
    {WORD_BOILERPLATE_START,
     "here is a detailed|here is the detailed|here is the description|here is a description|"
     "here is the caption|here is a caption|here is the paragraph|here is a paragraph|"
     "here is a more|here is a fuller|here is an expanded|here is the expanded|here is the fuller|"
     "here is the requested|here is your|here is a possible|heres a detailed|heres the detailed|"
     "heres the description|heres a description|heres the caption|heres a caption|"
     "heres the paragraph|heres a paragraph|heres a more|heres a fuller|heres an expanded|"
     "heres your|heres a possible|id be happy|i would be happy|ill describe|i will describe|"
     "let me describe|let me expand|this is a detailed description|this is a description|"
     "the detailed description|detailed description|expanded description|expanded caption|"
     "a detailed description|based on the|based on your|in response to|as requested|thank you|"
     "thanks for|of course|no problem|sure thing|got it|great question"},
    {WORD_BOILERPLATE,
     "i hope this|hope this helps|let me know if|let me know whether|let me know what|"
     "feel free to|would you like me|is there anything else|if you have any questions|"
     "if you need any|if youd like|if you would like|happy to help|glad to help|word count|"
     "the original caption|the given caption|the provided caption|the short caption|"
     "the seed caption|the caption says|the caption mentions|the caption states|"
     "the caption describes|the caption does not|according to the caption|based on the caption|"
     "from the caption|in the caption|this caption|this description|the above description|"
     "please note|it should be noted|as described in the|as mentioned in the|as stated in the"},
    {WORD_ANNOUNCES, "here is|heres|here are|below is|the following"},
    {WORD_TAG,
     "caption|captions|description|answer|output|response|user|human|assistant|system|instruction|"
     "instructions|question|prompt|input|title|result|task|completion|explanation|reasoning|note|"
     "notes|summary|seed|text|context"},
    {WORD_INTERJECTION,
     "sure|certainly|absolutely|okay|ok|great|gladly|understood|alright|yes|no|hello|hi|greetings"},
};

struct phrase {
    uint64_t hash[PHRASE_WORDS_MAX];
    unsigned n, kind;
};

static struct phrase phrases[PHRASES_MAX];
static size_t n_phrases;
/* One more than the index of the first phrase with this first word; 0: none. */
static uint16_t slots[SLOTS];

static void add_phrase(struct str text, enum word_kind kind)
{
    struct words w;
    if (words_split(text, &w) < 0 || w.n > PHRASE_WORDS_MAX || n_phrases == PHRASES_MAX)
        abort(); /* a list that does not fit is found by the first test */
    struct phrase *p = &phrases[n_phrases++];
    p->n = (unsigned)w.n;
    p->kind = kind;
    for (size_t i = 0; i < w.n; i++)
        p->hash[i] = w.of[i].hash;
    words_free(&w);
}

static void add_list(const char *list, enum word_kind kind)
{
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, "|");
        add_phrase((struct str){p, n}, kind);
        p += n + (p[n] == '|');
    }
}

static int by_first_word(const void *a, const void *b)
{
    uint64_t x = ((const struct phrase *)a)->hash[0], y = ((const struct phrase *)b)->hash[0];
    return (x > y) - (x < y);
}

static void build(void)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        add_list(lists[i].phrases, lists[i].kind);
    qsort(phrases, n_phrases, sizeof(phrases[0]), by_first_word);
    for (size_t i = n_phrases; i-- > 0;) {
        size_t at = phrases[i].hash[0] % SLOTS;
        while (slots[at] && phrases[slots[at] - 1].hash[0] != phrases[i].hash[0])
            at = (at + 1) % SLOTS;
        slots[at] = (uint16_t)(i + 1);
    }
}

static bool begins(const struct word *w, size_t n, const struct phrase *p)
{
    if (p->n > n)
        return false;
    for (size_t i = 1; i < p->n; i++)
        if (w[i].hash != p->hash[i])
            return false;
    return true;
}

unsigned lexicon_kinds(const struct word *w, size_t n)
{
    static pthread_once_t built = PTHREAD_ONCE_INIT;
    (void)pthread_once(&built, build);
    size_t at = w->hash % SLOTS;
    while (slots[at] && phrases[slots[at] - 1].hash[0] != w->hash)
        at = (at + 1) % SLOTS;
    if (!slots[at])
        return 0;
    unsigned kinds = 0;
    for (size_t i = slots[at] - 1U; i < n_phrases && phrases[i].hash[0] == w->hash; i++)
        if (begins(w, n, &phrases[i]))
            kinds |= phrases[i].kind;
    return kinds;
}
