/* Whether a seed is a sentence or a noun phrase: decides the frames that it can stand in. */
#include "providers/offline/seed.h"

enum { FOREIGN_WORDS = 3, LONG_SEED = 60 };

static size_t known_words(const struct words *ws)
{
    size_t n = 0;

    for (size_t i = 0; i < ws->n; i++)
        n += ws->w[i].lex != NULL || ws->w[i].span == 0;
    return n;
}

static bool ends_in(const struct word *w, char c)
{
    return w->s.n > 3 && w->s.p[w->s.n - 1] == c;
}

/* "A skater ollies off …": an unknown -s form right behind a single being. */
static bool unknown_verb(const struct seed *s, size_t i)
{
    const struct word *w = &s->words.w[i];
    int before = i > 0 && !w->first && !w->pause ? phrase_at(&s->phrases, i - 1) : -1;

    if (before < 0 || w->lex || !w->span || !ends_in(w, 's'))
        return false;
    return !s->phrases.p[0].plural && !s->subject.joined &&
           (s->phrases.p[before].noun->traits & F_LIVE) != 0 && !s->words.w[i - 1].possessive;
}

static bool looks_past(const struct seed *s, size_t i)
{
    const struct words *ws = &s->words;
    const struct word *w = &ws->w[i];
    const struct mod *before = i > 0 ? word_mod(ws, i - 1) : NULL;

    if (w->lex || !w->span || i == 0 || (phrase_at(&s->phrases, i - 1) < 0 && !before))
        return false;
    if (before && before->class != M_ADVERB)
        return false;
    return ends_in(w, 'd') || ends_in(w, 's');
}

/* After "that" or "who" the next finite verb belongs to the relative clause. */
static enum seed_form clause_form(const struct seed *s)
{
    const struct words *ws = &s->words;
    bool relative = false, doubt = false;

    for (size_t i = 0; i < ws->n; i++) {
        const struct mod *m = word_mod(ws, i);
        enum verb_role role = (enum verb_role)s->phrases.role[i];
        bool finite = role == VERB_FINITE || (m && m->class == M_AUXILIARY);

        if (m && m->class == M_SUBORDINATOR && i > 0)
            break;
        if ((m && m->class == M_RELATIVE) ||
            (word_is(ws, i, "that") && i > 0 && phrase_at(&s->phrases, i) < 0))
            relative = true;
        if (finite && !relative)
            return i == 0 ? SEED_DOUBTFUL : SEED_SENTENCE;
        if (finite)
            relative = false;
        doubt = doubt || role == VERB_MAYBE;
        if (unknown_verb(s, i))
            return SEED_SENTENCE;
        doubt = doubt || looks_past(s, i);
    }
    return doubt ? SEED_DOUBTFUL : SEED_PHRASE;
}

static bool begins_like_phrase(const struct words *ws)
{
    const struct mod *m = word_mod(ws, 0);

    return m == NULL || m->class == M_DETERMINER || m->class == M_NUMBER || m->class == M_COLOUR ||
           m->class == M_ADJECTIVE || m->class == M_PARTICIPLE;
}

/* "a painting of …" */
static bool is_picture(const struct seed *s)
{
    const struct phrase *p = &s->phrases.p[0];

    return s->phrases.n > 0 && p->first == 0 && p->noun->class == N_ART && !p->plural;
}

enum seed_form seed_form(const struct seed *s)
{
    const struct words *ws = &s->words;
    size_t known = known_words(ws);
    enum seed_form form;

    if (ws->n == 0 || ws->w[ws->n - 1].sentence > 0 || ws->n > LONG_SEED)
        return SEED_VERBATIM;
    if (ws->n >= FOREIGN_WORDS && known * 3 < ws->n)
        return SEED_VERBATIM;
    form = clause_form(s);
    if (form != SEED_SENTENCE && is_picture(s))
        return SEED_PICTURE;
    if (form != SEED_PHRASE)
        return form;
    if (!begins_like_phrase(ws) || (word_verb(ws, 0) && !word_noun(ws, 0)))
        return SEED_DOUBTFUL;
    return SEED_PHRASE;
}
