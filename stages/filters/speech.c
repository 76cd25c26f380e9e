/* Who speaks, and to whom: refusals, boilerplate, leaked instructions, what cannot be seen. */
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
    (void)param; /* the set was made for it */
    return gram_set_meets(l->c->instructions, l->words) || demands_length(l);
}

bool filter_non_visual(const struct look *l, const double *param)
{
    size_t found = 0;
    for (size_t i = 0; i < l->words->n; i++)
        found += (l->kinds[i] & WORD_NON_VISUAL) && !words_contain(&l->seed, &l->words->of[i], 1);
    return found >= NON_VISUAL_WORDS && (double)found * 100 > param[0] * (double)l->words->n;
}
