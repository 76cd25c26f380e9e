#include "providers/offline/subject.h"

#include "server/base/buf.h"

enum { VERB_REACH = 14 };

static bool can_be_subject(const struct noun *n)
{
    return n->class >= N_PERSON && n->class <= N_CLOTHES;
}

/* "a group of dogs": the head is the noun after "of". */
static size_t skip_quantity(const struct words *ws, const struct phrases *ps, size_t i)
{
    const struct phrase *p = &ps->p[i];
    bool counts =
        p->noun->class == N_QUANTITY || p->noun->class == N_GROUP || p->noun->class == N_ART;

    if (counts && word_is(ws, p->end, "of") && i + 1 < ps->n && ps->p[i + 1].first == p->end + 1)
        return i + 1;
    return i;
}

/* "a kite shaped like a whale" shows no whale. */
static bool is_simile(const struct words *ws, const struct phrase *p)
{
    return p->first > 0 && word_is(ws, p->first - 1U, "like");
}

struct search {
    int living, other; /* phrase indices or -1 */
};

static void consider(struct search *s, const struct words *ws, const struct phrases *ps, size_t i)
{
    size_t head = skip_quantity(ws, ps, i);
    const struct phrase *p = &ps->p[head];

    if (is_simile(ws, p) || phrase_is_open(ws, p) || ws->w[p->head].possessive)
        return;
    if (s->living < 0 && (p->noun->traits & F_LIVE))
        s->living = (int)head;
    if (s->other < 0 && can_be_subject(p->noun))
        s->other = (int)head;
}

/* What stands before the first finite verb, living beings first; behind it living beings only. */
static int find_phrase(const struct words *ws, const struct phrases *ps, unsigned sentences)
{
    struct search s = {-1, -1};
    size_t verb = 0, i;

    while (verb < ws->n && ps->role[verb] != VERB_FINITE && !word_is_mod(ws, verb, M_AUXILIARY))
        verb++;
    for (i = 0; i < ps->n && ps->p[i].first < verb; i++)
        if (ws->w[ps->p[i].first].sentence < sentences)
            consider(&s, ws, ps, i);
    if (s.living >= 0 || s.other >= 0)
        return s.living >= 0 ? s.living : s.other;
    for (; i < ps->n && ws->w[ps->p[i].first].sentence < sentences; i++)
        consider(&s, ws, ps, i);
    return s.living;
}

/* "the dog", or "the black dog" where `coloured` and a colour is named. */
static void add_head(struct buf *b, const struct words *ws, const struct phrase *p, bool coloured)
{
    struct str colour = phrase_colour(p, ws);
    struct str head = words_slice(ws, p->head, p->head + (size_t)ws->w[p->head].span);
    bool shout = head.n > 1 && head.p[1] >= 'A' && head.p[1] <= 'Z';

    buf_addz(b, "the ");
    if (coloured && colour.n > 0) {
        buf_adds(b, (struct str){ws->lower + (colour.p - ws->text.p), colour.n});
        buf_addc(b, ' ');
    }
    if (ws->w[p->head].possessive || shout || ws->w[p->head].first || p->first == 0)
        buf_adds(b, (struct str){ws->w[p->head].s.p, head.n});
    else
        buf_adds(b, head);
}

/* "a man and a dog" before any verb. */
static const struct phrase *second_of_pair(const struct words *ws, const struct phrases *ps, int i)
{
    const struct phrase *p = &ps->p[i], *next = p + 1;

    if ((size_t)i + 1 >= ps->n || !word_is(ws, p->end, "and") || next->first != p->end + 1)
        return NULL;
    return next->noun->traits & F_LIVE && p->noun->traits & F_LIVE ? next : NULL;
}

static bool same_kind(const struct phrase *a, const struct phrase *b)
{
    return strcmp(noun_concept(a->noun), noun_concept(b->noun)) == 0;
}

/* Another one of the same kind: a later "the dog" is the same dog, "another dog" is not. */
static bool is_repeated(const struct phrases *ps, int at)
{
    for (size_t i = 0; i < ps->n; i++) {
        const struct phrase *q = &ps->p[i];

        if ((int)i != at && same_kind(q, &ps->p[at]) &&
            (q->indefinite || q->number || q->plural != ps->p[at].plural))
            return true;
    }
    return false;
}

static void name_it(struct subject *s, const struct words *ws, const struct phrase *p,
                    const struct phrase *second)
{
    struct buf b;

    buf_init(&b, SUBJECT_REF_MAX - 1);
    add_head(&b, ws, p, s->repeated && p->noun->class != N_PERSON);
    if (second && !same_kind(p, second)) {
        buf_addz(&b, " and ");
        add_head(&b, ws, second, false);
    } else if (second) {
        buf_reset(&b);
        buf_addz(&b, "the two ");
        buf_addz(&b, p->noun->class == N_ANIMAL && p->noun != second->noun ? "animals"
                     : p->noun == second->noun && p->noun->many            ? p->noun->many
                                                                           : "people");
    }
    if (!b.failed) {
        memcpy(s->ref, b.p, b.n);
        s->ref[b.n] = '\0';
    }
    buf_free(&b);
}

int phrase_verb(const struct words *ws, const struct phrases *ps, const struct phrase *p)
{
    size_t stop = p->end + (size_t)VERB_REACH;

    for (size_t i = p->end; i < ws->n && i < stop && !ws->w[i].first; i++) {
        if (word_is_mod(ws, i, M_SUBORDINATOR))
            return -1;
        if (ps->role[i] == VERB_ING || ps->role[i] == VERB_FINITE)
            return (int)i;
    }
    return -1;
}

void subject_find(struct subject *s, const struct words *ws, const struct phrases *ps,
                  unsigned sentences)
{
    int i = find_phrase(ws, ps, sentences), verb;
    const struct phrase *p, *second;

    *s = (struct subject){.phrase = i, .ref = "the main subject"};
    if (i < 0)
        return;
    p = &ps->p[i];
    second = second_of_pair(ws, ps, i);
    s->noun = p->noun;
    s->traits = p->noun->traits & (T(26) | T(27) | T(28) | T(29) | T(30) | T(31) | T(32) | T(33) |
                                   T(34) | T(35) | F_LIVE);
    if (p->noun->class == N_CLOTHES)
        s->traits |= S_THING;
    s->plural = p->plural || second;
    s->joined = second != NULL;
    s->repeated = is_repeated(ps, i);
    name_it(s, ws, p, second);
    verb = phrase_verb(ws, ps, second ? second : p);
    if (verb < 0)
        return;
    s->verb_at = (size_t)verb;
    s->verb = word_verb(ws, s->verb_at);
}
