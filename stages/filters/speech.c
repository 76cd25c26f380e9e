/* Who speaks, and to whom: refusals, boilerplate, leaked instructions, what cannot be seen. */
#include "server/base/cleanup.h"
#include "stages/filters/look.h"

enum {
    START_WORDS = 2,     /* in which a refusal begins */
    TAG_WORDS = 3,       /* "Final detailed caption:" */
    NON_VISUAL_WORDS = 2 /* fewer are an accident */
};

static bool any(const struct look *l, size_t words, unsigned kinds)
{
    for (size_t i = 0; i < words && i < l->words->n; i++)
        if (l->kinds[i] & kinds)
            return true;
    return false;
}

bool filter_refusal(const struct look *l, const double *param)
{
    (void)param;
    return any(l, START_WORDS, WORD_REFUSAL_START) || any(l, l->words->n, WORD_REFUSAL);
}

/* Whether a colon comes before the first sentence ends. */
static bool announces(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':')
            return true;
        if (strchr(".!?", text.p[i]))
            return false;
    }
    return false;
}

bool filter_boilerplate(const struct look *l, const double *param)
{
    (void)param;
    if (any(l, 1, WORD_BOILERPLATE_START) || any(l, l->words->n, WORD_BOILERPLATE))
        return true;
    if (any(l, 1, WORD_INTERJECTION) && look_behind(l, 0) && strchr(",!.:;", look_behind(l, 0)))
        return true;
    return any(l, 1, WORD_ANNOUNCES) && announces(l->c->text);
}

/* Whether word i is the first of the text, of a line of markup, or of a sentence. */
static bool begins_sentence(const struct look *l, size_t i)
{
    const char *text = l->c->text.p;
    size_t at = l->words->of[i].at;
    bool space = at > 0 && text[at - 1] == ' ';
    at -= space;
    return i == 0 || at == 0 || strchr(".!?:;#*>]\"", text[at - 1]) ||
           (space && text[at - 1] == '-');
}

/* "Caption:" and "Final detailed caption:" at the beginning of a sentence, but not "The text:". */
static bool is_tag(const struct look *l, size_t i)
{
    char behind = look_behind(l, i);
    if (behind != ':' && behind != '*')
        return false;
    for (size_t k = 0; k < TAG_WORDS && k <= i; k++) {
        if (begins_sentence(l, i - k))
            return true;
        if (l->kinds[i - k - 1] & WORD_STOP)
            return false;
    }
    return false;
}

bool filter_prompt_tag(const struct look *l, const double *param)
{
    static const char *const marks[] = {"###", "[INST", "[/INST", "<<SYS", "<|", "<start_of_turn>"};
    const bool *has = l->signs.has;
    (void)param;
    if (has['#'] || has['['] || has['<'])
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
            if (str_find(l->c->raw, str_of(marks[i])) >= 0)
                return true;
    for (size_t i = 0; has[':'] && i < l->words->n; i++)
        if ((l->kinds[i] & WORD_TAG) && is_tag(l, i))
            return true;
    return false;
}

struct gram_set {
    size_t words, mask;
    uint64_t slots[]; /* 0: free */
};

static uint64_t gram(const struct word *w, size_t n)
{
    return words_hash(w, n) | 1;
}

static size_t slot_of(const struct gram_set *g, uint64_t hash)
{
    size_t at = (hash >> 1) & g->mask;
    while (g->slots[at] && g->slots[at] != hash)
        at = (at + 1) & g->mask;
    return at;
}

static int add_grams(struct gram_set *g, struct str text)
{
    struct words w _cleanup_(words_free) = {NULL, 0};
    if (words_split(text, &w) < 0)
        return -1;
    for (size_t i = 0; i + g->words <= w.n; i++) {
        uint64_t hash = gram(&w.of[i], g->words);
        g->slots[slot_of(g, hash)] = hash;
    }
    return 0;
}

const struct gram_set *gram_set_new(const struct str *texts, size_t n, size_t words,
                                    struct arena *a)
{
    size_t bytes = 0, size = 64;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].n;
    while (size < bytes) /* a word and what follows it take two bytes at least */
        size *= 2;
    struct gram_set *g = arena_alloc(a, sizeof(*g) + size * sizeof(g->slots[0]));
    if (!g)
        return NULL;
    g->words = words;
    g->mask = size - 1;
    for (size_t i = 0; i < n; i++)
        if (add_grams(g, texts[i]) < 0)
            return NULL;
    return g;
}

static bool is_number(struct str word)
{
    return word.n > 0 && word.p[0] >= '0' && word.p[0] <= '9';
}

/* "80 to 150 words", "in 120 words": no picture shows that. */
static bool demands_length(const struct look *l)
{
    for (size_t i = 1; i < l->words->n; i++)
        if (str_ieq(look_word(l, i), STR("words")) && is_number(look_word(l, i - 1)))
            return true;
    return false;
}

bool filter_echo(const struct look *l, const double *param)
{
    const struct gram_set *g = l->c->instructions;
    (void)param; /* the set was made for it */
    for (size_t i = 0; g && i + g->words <= l->words->n; i++)
        if (g->slots[slot_of(g, gram(&l->words->of[i], g->words))])
            return true;
    return demands_length(l);
}

bool filter_non_visual(const struct look *l, const double *param)
{
    size_t found = 0;
    for (size_t i = 0; i < l->words->n; i++)
        found += (l->kinds[i] & WORD_NON_VISUAL) && !words_contain(&l->seed, &l->words->of[i], 1);
    return found >= NON_VISUAL_WORDS && (double)found * 100 > param[0] * (double)l->words->n;
}
