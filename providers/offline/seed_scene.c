/* What a seed settles about its scene: traits, setting, and the things worth a sentence. */
#include "providers/offline/seed.h"

#define SUBJECT_TRAITS                                                                             \
    (S_PERSON | S_FUR | S_BIRD | S_VEHICLE | S_FOOD | S_PLANT | S_BUILDING | S_THING | S_ART |     \
     S_WATERY | F_LIVE)

static bool is_place_preposition(const struct words *ws, size_t i)
{
    static const char *const places[] = {"in",     "on",    "at",      "into",   "through",
                                         "over",   "near",  "across",  "along",  "by",
                                         "onto",   "under", "from",    "inside", "beside",
                                         "around", "above", "towards", "toward", "past"};

    for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++)
        if (word_is(ws, i, places[k]))
            return true;
    return false;
}

/* Grounds that are as often mere substances ("a glass of water") need a preposition. */
static uint64_t noun_traits(const struct seed *s, const struct phrase *p)
{
    uint64_t traits = p->noun->traits & ~SUBJECT_TRAITS;
    bool placed = p->first > 0 && is_place_preposition(&s->words, p->first - 1U);

    if ((traits & E_ALL) && !(traits & T_OUT) && !(traits & T_IN) && !placed)
        traits &= ~E_ALL;
    return traits;
}

/* The setting named first with a preposition, else the first named. */
static uint64_t setting(const struct seed *s)
{
    uint64_t first = 0;

    for (size_t i = 0; i < s->phrases.n; i++) {
        const struct phrase *p = &s->phrases.p[i];
        uint64_t e = noun_traits(s, p) & E_ALL;

        if (e && p->first > 0 && is_place_preposition(&s->words, p->first - 1U) &&
            !word_is(&s->words, p->first - 1U, "near") && !word_is(&s->words, p->first - 1U, "by"))
            return e;
        if (!first)
            first = e;
    }
    return first;
}

static uint64_t gather(const struct seed *s)
{
    uint64_t traits = 0;

    for (size_t i = 0; i < s->phrases.n; i++)
        traits |= noun_traits(s, &s->phrases.p[i]);
    for (size_t i = 0; i < s->words.n; i++) {
        const struct mod *m = word_mod(&s->words, i);

        if (m)
            traits |= m->traits;
        if (s->phrases.role[i] == VERB_ING || s->phrases.role[i] == VERB_FINITE)
            traits |= word_verb(&s->words, i)->traits;
    }
    return traits;
}

static uint64_t settle(uint64_t traits, uint64_t e)
{
    uint64_t all = traits & E_ALL;

    if (!e)
        e = all & (~all + 1U); /* lowest of those that verbs and qualities gave */
    if (all & E_UNDER)
        e = E_UNDER;
    if ((traits & T_OUT) && (traits & T_IN))
        traits &= ~(T_OUT | T_IN);
    if ((e & E_ROOM) && (traits & T_OUT))
        e = 0;
    if ((e & (E_BEACH | E_SNOW | E_GRASS | E_FOREST | E_STREET | E_DESERT)) && !(traits & T_IN))
        traits |= T_OUT;
    traits = (traits & ~E_ALL) | e;
    return e ? traits : traits | E_NONE;
}

static bool stands_out(struct str colour)
{
    static const char *const vivid[] = {"red",    "orange", "yellow", "pink",
                                        "purple", "green",  "blue",   "turquoise"};

    for (size_t i = 0; i < sizeof(vivid) / sizeof(vivid[0]); i++)
        if (str_is(colour, vivid[i]))
            return true;
    return false;
}

static bool worth_a_sentence(const struct seed *s, size_t i)
{
    const struct phrase *p = &s->phrases.p[i];
    enum noun_class c = p->noun->class;
    bool solid = c == N_VEHICLE || c == N_THING || c == N_CLOTHES || c == N_BUILDING;

    return solid && (int)i != s->subject.phrase && !s->words.w[p->head].possessive &&
           p->end - p->first <= 6;
}

static void note_thing(struct seed *s, const struct phrase *p)
{
    struct seed_thing *t = &s->things[s->n_things];
    struct str colour = phrase_colour(p, &s->words);
    struct buf b;

    buf_init(&b, SUBJECT_REF_MAX - 1);
    buf_addz(&b, "the ");
    if (colour.n > 0) {
        buf_adds(&b, colour);
        buf_addc(&b, ' ');
    }
    buf_adds(&b, words_slice(&s->words, p->head, p->head + (size_t)s->words.w[p->head].span));
    if (!b.failed) {
        memcpy(t->ref, b.p, b.n);
        t->ref[b.n] = '\0';
        t->plural = p->plural;
        t->coloured = stands_out(colour);
        s->n_things++;
    }
    buf_free(&b);
}

static bool is_artwork(const struct seed *s)
{
    const struct phrase *p = &s->phrases.p[0];

    return s->phrases.n > 0 && p->noun->class == N_ART && (p->noun->traits & S_ART) &&
           strcmp(noun_concept(p->noun), "photograph") != 0;
}

void seed_scene(struct seed *s)
{
    s->n_things = 0;
    s->traits = settle(gather(s), setting(s)) | s->subject.traits;
    if (is_artwork(s))
        s->traits |= F_ART;
    if (s->subject.joined && s->phrases.p[s->subject.phrase].noun->class !=
                                 s->phrases.p[s->subject.phrase + 1].noun->class)
        s->traits &= ~SUBJECT_TRAITS;
    for (size_t i = 0; i < s->phrases.n && s->n_things < SEED_THINGS_MAX; i++)
        if (worth_a_sentence(s, i))
            note_thing(s, &s->phrases.p[i]);
}
