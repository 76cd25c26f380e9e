#include "providers/offline/seed.h"

#include <stdlib.h>

#include "server/base/text.h"

enum { SEED_BYTES_MAX = 65536 };

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/* By sound, for the words of the lexicon. */
static const char *article_for(struct str word)
{
    if (str_starts(word, STR("uni")) || str_starts(word, STR("euro")) ||
        str_starts(word, STR("one")) || str_starts(word, STR("ute")))
        return "a ";
    if (str_starts(word, STR("hour")))
        return "an ";
    return word.n > 0 && is_vowel(word.p[0]) ? "an " : "a ";
}

/* "Black dog runs": a bare singular count noun at the front takes an article. */
static const char *missing_article(const struct seed *s)
{
    const struct phrase *p = &s->phrases.p[0];
    bool countable;

    if (s->phrases.n == 0 || p->first != 0 || p->determined || p->plural)
        return "";
    if (s->words.w[p->head].possessive || phrase_is_open(&s->words, p))
        return "";
    countable = p->noun->many && strcmp(p->noun->many, p->noun->one) != 0 &&
                p->noun->class != N_BODY && p->noun->class != N_OTHER &&
                strcmp(p->noun->one, "santa") != 0;
    if (!countable || word_is_mod(&s->words, p->end, M_PRONOUN) || s->words.w[0].span == 0)
        return "";
    return article_for(s->words.w[0].s);
}

/* A known lower-case word, written with one capital only, that is no name. */
static bool may_lower(const struct words *ws)
{
    const struct word *w = &ws->w[0];

    if (ws->n == 0 || !w->capital || !w->lex || word_is(ws, 0, "i"))
        return false;
    if (w->s.n > 1 && ws->text.p[w->at + 1] >= 'A' && ws->text.p[w->at + 1] <= 'Z')
        return false;
    return !word_is(ws, 0, "german") && !word_is(ws, 0, "asian") && !word_is(ws, 0, "african") &&
           !word_is(ws, 0, "american") && !word_is(ws, 0, "indian") &&
           !word_is(ws, 0, "japanese") && !word_is(ws, 0, "chinese") &&
           !word_is(ws, 0, "mexican") && !word_is(ws, 0, "european") && !word_is(ws, 0, "santa") &&
           !word_is(ws, 0, "christmas") && !word_is(ws, 0, "labrador") &&
           !word_is(ws, 0, "german shepherd");
}

struct seed *seed_read(struct str text)
{
    struct seed *s = malloc(sizeof(*s));

    if (!s)
        return NULL;
    buf_init(&s->clean, SEED_BYTES_MAX);
    seed_clean(s, text);
    if (s->clean.failed || s->clean.n == 0) {
        seed_free(s);
        return NULL;
    }
    words_read(&s->words, buf_str(&s->clean));
    phrases_read(&s->phrases, &s->words);
    subject_find(&s->subject, &s->words, &s->phrases, 2);
    s->n_words = text_words(buf_str(&s->clean));
    s->form = seed_form(s);
    s->lower_first = may_lower(&s->words);
    s->article = s->form == SEED_VERBATIM ? "" : missing_article(s);
    seed_scene(s);
    return s;
}

void seed_free(struct seed *s)
{
    if (!s)
        return;
    buf_free(&s->clean);
    free(s);
}
