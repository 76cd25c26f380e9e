#include "providers/offline/phrases.h"

static bool is_quality(const struct words *ws, size_t i)
{
    const struct mod *m = word_mod(ws, i);

    return m && (m->class == M_COLOUR || m->class == M_ADJECTIVE || m->class == M_PARTICIPLE);
}

static bool goes_on(const struct words *ws, size_t i)
{
    return i < ws->n && !ws->w[i].first;
}

/* A word that is both quality and noun counts as a quality when a noun or quality follows. */
static bool reads_as_quality(const struct words *ws, size_t i)
{
    size_t next = i + (ws->w[i].span ? ws->w[i].span : 1U);

    if (!is_quality(ws, i))
        return false;
    if (!word_noun(ws, i))
        return true;
    return goes_on(ws, next) && !ws->w[next].pause && (word_noun(ws, next) || is_quality(ws, next));
}

/* "smiling woman" after a determiner, "very big" and one unknown quality before a known noun. */
static bool reads_as_filler(const struct words *ws, size_t i, const struct phrase *p)
{
    const struct verb *v = word_verb(ws, i);
    bool before_noun = goes_on(ws, i + 1) && !ws->w[i + 1].pause && word_noun(ws, i + 1) &&
                       !word_is_mod(ws, i + 1, M_PREPOSITION);

    if (!p->determined || word_noun(ws, i))
        return false;
    if (word_is(ws, i, "very"))
        return true;
    if (v && ws->w[i].lex->form == 'g')
        return before_noun && i > 0 && word_is_mod(ws, i - 1, M_DETERMINER);
    return !ws->w[i].lex && before_noun;
}

static void note_colour(struct phrase *p, const struct words *ws, size_t i)
{
    if (!word_is_mod(ws, i, M_COLOUR))
        return;
    if (!p->colour)
        p->colour = (uint16_t)(i + 1);
    p->colour_end = (uint16_t)(i + ws->w[i].span);
}

/* One word before the noun; 0 when it cannot stand there, else the number of words taken. */
static size_t take_premodifier(struct phrase *p, const struct words *ws, size_t i)
{
    const struct mod *m = word_mod(ws, i);

    if (m && m->class == M_DETERMINER && !p->colour) {
        p->determined = true;
        p->indefinite = p->indefinite || word_is(ws, i, "a") || word_is(ws, i, "an") ||
                        word_is(ws, i, "another");
        return ws->w[i].span;
    }
    if (m && m->class == M_NUMBER && !p->number) {
        p->number = (uint16_t)(i + 1);
        p->determined = true;
        return ws->w[i].span;
    }
    if (reads_as_quality(ws, i)) {
        note_colour(p, ws, i);
        return ws->w[i].span;
    }
    if (m && m->class == M_AND && p->colour && p->colour_end == i &&
        word_is_mod(ws, i + 1, M_COLOUR))
        return 1;
    return reads_as_filler(ws, i, p) ? 1 : 0;
}

static bool agrees(const struct words *ws, size_t i, bool plural)
{
    return word_verb(ws, i) && ws->w[i].lex->form == (plural ? 'b' : 's');
}

/* Only what acts by itself makes a word that is noun and verb a verb: "dog plays", but "tomato
 * plants". */
static bool acts(const struct noun *n)
{
    return (n->traits & F_LIVE) || n->class == N_VEHICLE || n->class == N_BODY ||
           n->class == N_CLOTHES;
}

/* "dog toy", "police officer": the later noun is the head, unless it reads as the verb. */
static bool joins_compound(const struct words *ws, const struct phrase *p, size_t next)
{
    const struct noun *n = word_noun(ws, next);

    if (!goes_on(ws, next) || ws->w[next].pause || !n || word_mod(ws, next))
        return false;
    if (word_verb(ws, next) &&
        ((acts(p->noun) && agrees(ws, next, p->plural)) || ws->w[next].lex->form == 'g'))
        return false;
    if (ws->w[next - 1].possessive)
        return true;
    if (p->noun->class == N_PERSON)
        return n->class == N_PERSON && !p->plural;
    return !p->plural && n->class != N_OTHER && n->class != N_QUANTITY;
}

/* Words of the noun phrase at i, or 0. */
static size_t read_phrase(struct phrase *p, const struct words *ws, size_t i)
{
    size_t j = i;

    *p = (struct phrase){.first = (uint16_t)i};
    while (goes_on(ws, j) || j == i) {
        size_t taken = j < ws->n && !(j > i && ws->w[j].pause && !is_quality(ws, j))
                           ? take_premodifier(p, ws, j)
                           : 0;

        if (taken == 0)
            break;
        j += taken;
    }
    if (j >= ws->n || (j > i && ws->w[j].first) || !word_noun(ws, j))
        return 0;
    do {
        p->head = (uint16_t)j;
        p->noun = word_noun(ws, j);
        p->plural = ws->w[j].lex->plural || (p->number && !word_is(ws, p->number - 1U, "one"));
        j += ws->w[j].span;
    } while (joins_compound(ws, p, j));
    p->end = (uint16_t)j;
    return j - i;
}

static bool joined_by_and(const struct words *ws, const struct phrase *p)
{
    return p->first > 0 && word_is(ws, p->first - 1U, "and");
}

static bool object_follows(const struct words *ws, size_t i)
{
    return goes_on(ws, i + 1) &&
           (word_is_mod(ws, i + 1, M_DETERMINER) || word_is_mod(ws, i + 1, M_PREPOSITION));
}

/* A form that is a verb only where no noun can stand. */
static enum verb_role verb_role(const struct words *ws, const struct phrases *ps, size_t i)
{
    const struct phrase *before = ps->n > 0 ? &ps->p[ps->n - 1] : NULL;
    bool adjacent = before && before->end == i && goes_on(ws, i);
    const struct verb *v = word_verb(ws, i);
    const struct mod *prev = i > 0 && goes_on(ws, i) ? word_mod(ws, i - 1) : NULL;

    if (!v)
        return VERB_NONE;
    if (ws->w[i].lex->form == 'g')
        return word_noun(ws, i) ? VERB_NONE : VERB_ING;
    if (prev && (prev->class == M_PREPOSITION || prev->class == M_DETERMINER ||
                 prev->class == M_NUMBER || prev->class == M_ADJECTIVE))
        return VERB_NONE;
    if (prev && word_is(ws, i - 1, "to"))
        return VERB_NONE;
    if (!v->doubtful && i > 0)
        return VERB_FINITE;
    if (i > 0 && ws->w[i - 1].possessive)
        return VERB_NONE;
    if (adjacent && acts(before->noun) &&
        (agrees(ws, i, before->plural) || agrees(ws, i, ps->p[0].plural) ||
         (joined_by_and(ws, before) && agrees(ws, i, true))))
        return VERB_FINITE;
    if (!prev && before && agrees(ws, i, ps->p[0].plural) && object_follows(ws, i))
        return VERB_FINITE;
    if (before && prev &&
        (prev->class == M_COLOUR || prev->class == M_ADVERB || prev->class == M_RELATIVE ||
         prev->class == M_AND))
        return VERB_FINITE;
    return before || i > 0 ? VERB_MAYBE : VERB_NONE;
}

void phrases_read(struct phrases *ps, const struct words *ws)
{
    size_t i = 0;

    ps->n = 0;
    memset(ps->role, 0, ws->n);
    while (i < ws->n) {
        enum verb_role role = verb_role(ws, ps, i);
        size_t taken = 0;

        if (role == VERB_FINITE || role == VERB_ING) {
            ps->role[i] = (uint8_t)role;
            i++;
            continue;
        }
        if (ps->n < PHRASES_MAX)
            taken = read_phrase(&ps->p[ps->n], ws, i);
        ps->n += taken > 0;
        ps->role[i] = (uint8_t)role;
        i += taken > 0 ? taken : 1;
    }
}

bool phrase_is_open(const struct words *ws, const struct phrase *p)
{
    const struct word *next = p->end < ws->n ? &ws->w[p->end] : NULL;
    char last;

    if (!next || next->first || next->pause || next->lex || ws->w[p->end - 1U].possessive)
        return false;
    last = next->s.p[next->s.n - 1];
    if (last == 'd' || last == 'g') /* a participle */
        return false;
    if (!(p->noun->traits & F_LIVE))
        return true;
    return next->s.n > 3 && last != 's' && last != 'y' && !p->plural;
}

int phrase_at(const struct phrases *ps, size_t word)
{
    for (size_t i = 0; i < ps->n; i++)
        if (word >= ps->p[i].first && word < ps->p[i].end)
            return (int)i;
    return -1;
}

struct str phrase_colour(const struct phrase *p, const struct words *ws)
{
    if (!p->colour)
        return (struct str){"", 0};
    return words_slice(ws, p->colour - 1U, p->colour_end);
}
