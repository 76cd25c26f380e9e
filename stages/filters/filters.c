#include "stages/filters/filters.h"

#include <stdlib.h>

#include "server/base/cleanup.h"
#include "stages/filters/look.h"

enum { OPENING_WORDS = 8 };

/* Those without a function are asked later, by who knows other captions. */
static const filter_fn functions[FILTER_COUNT] = {
    [FILTER_RESERVED_STRING] = filter_reserved_string,
    [FILTER_EMPTY] = filter_empty,
    [FILTER_MOJIBAKE] = filter_mojibake,
    [FILTER_REFUSAL] = filter_refusal,
    [FILTER_LANGUAGE] = filter_language,
    [FILTER_FINISH_REASON] = filter_finish_reason,
    [FILTER_LENGTH] = filter_length,
    [FILTER_SHORT] = filter_short,
    [FILTER_PROMPT_TAG] = filter_prompt_tag,
    [FILTER_ECHO] = filter_echo,
    [FILTER_BOILERPLATE] = filter_boilerplate,
    [FILTER_MARKUP] = filter_markup,
    [FILTER_LOOP] = filter_loop,
    [FILTER_UNFINISHED] = filter_unfinished,
    [FILTER_NON_VISUAL] = filter_non_visual,
    [FILTER_SEED_KEPT] = filter_seed_kept,
    [FILTER_INVENTED_DIGITS] = filter_invented_digits,
    [FILTER_INVENTED_QUOTES] = filter_invented_quotes,
};

static size_t spaced_words(struct str text)
{
    size_t n = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ' ';
    return n;
}

static int take_look(const struct caption_text *c, const struct words *words, struct look *l)
{
    *l = (struct look){.c = c, .words = words, .spaced_words = spaced_words(c->text)};
    l->kinds = malloc((words->n + 1) * sizeof(l->kinds[0]));
    if (!l->kinds || words_split(c->seed, &l->seed) < 0)
        return -1;
    for (size_t i = 0; i < words->n; i++)
        l->kinds[i] = (uint16_t)lexicon_kinds(&words->of[i], words->n - i);
    signs_read(c->raw, &l->signs);
    return 0;
}

static void look_free(struct look *l)
{
    free(l->kinds);
    words_free(&l->seed);
}

void filter_hit(const struct filter_settings *s, enum filter_id id, struct filter_verdict *v)
{
    if (s->of[id].action == FILTER_DROP && v->dropped == FILTER_COUNT)
        v->dropped = id;
    else if (s->of[id].action != FILTER_OFF)
        v->hits |= 1U << (unsigned)id;
}

int filters_judge(const struct filter_settings *s, const struct words *words,
                  const struct caption_text *c, struct filter_verdict *v)
{
    struct look l _cleanup_(look_free) = {0};
    if (take_look(c, words, &l) < 0)
        return -1;
    size_t opening = words->n < OPENING_WORDS ? words->n : OPENING_WORDS;
    *v = (struct filter_verdict){.dropped = FILTER_COUNT,
                                 .text_hash = words_hash(words->of, words->n),
                                 .opening_hash = words_hash(words->of, opening)};
    for (int i = 0; i < FILTER_COUNT; i++)
        if (functions[i] && s->of[i].action != FILTER_OFF && functions[i](&l, s->of[i].param))
            filter_hit(s, (enum filter_id)i, v);
    return 0;
}
