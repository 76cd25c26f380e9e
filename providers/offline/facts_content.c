/* What the caption says of its things: colours, numbers, doings, places. */
#include <stdio.h>

#include "providers/offline/facts.h"
#include "providers/offline/wrongs.h"

enum { OBJECT_WORDS = 7, COLOUR_FACTS = 4, COUNT_FACTS = 2, PLACE_FACTS = 1 };

static struct str head_of(const struct facts *fs, const struct phrase *p)
{
    const struct word *w = &fs->words.w[p->head];

    return (struct str){w->s.p, words_slice(&fs->words, p->head, p->head + (size_t)w->span).n};
}

/* "the dog" into a fixed buffer. */
static void about_phrase(char out[ABOUT_MAX], const struct facts *fs, const struct phrase *p)
{
    (void)snprintf(out, ABOUT_MAX, "the " STR_FMT, STR_ARG(head_of(fs, p)));
}

static bool same_concept(const struct phrase *a, const struct phrase *b)
{
    return strcmp(noun_concept(a->noun), noun_concept(b->noun)) == 0;
}

/* Whether the caption speaks of another thing of that kind: then "the dog" is nobody. */
static bool has_rival(const struct facts *fs, size_t at, bool by_colour)
{
    const struct phrase *p = &fs->phrases.p[at];
    struct str colour = phrase_colour(p, &fs->words);

    for (size_t i = 0; i < fs->phrases.n; i++) {
        const struct phrase *q = &fs->phrases.p[i];
        struct str other = phrase_colour(q, &fs->words);
        bool differs = by_colour && other.n > 0 && !str_ieq(other, colour);

        if (i == at || !same_concept(p, q))
            continue;
        if (q->indefinite || q->number || differs || q->plural != p->plural)
            return true;
        if (!q->determined && i > at && by_colour)
            return true;
    }
    return false;
}

static void wrong_colours(struct facts *fs, struct fact *f, bool two, struct choice *c)
{
    unsigned n = 0, from, step;

    while (lex_colours[n])
        n++;
    from = choice_below(c, n);
    step = 1 + choice_below(c, 3);
    for (unsigned i = 0; i < n; i++) {
        char wrong[WRONG_MAX];
        const char *a = lex_colours[(from + i) % n], *b = lex_colours[(from + i + step) % n];

        if (!two && colours_near(f->value, a))
            continue;
        (void)snprintf(wrong, sizeof(wrong), two ? "%s and %s" : "%s", a, b);
        fact_wrong(fs, f, wrong);
    }
}

static bool asks_for_colour(const struct phrase *p)
{
    enum noun_class k = p->noun->class;

    return p->colour && k != N_PERSON && k != N_GROUP && k != N_BODY && k != N_OTHER &&
           k != N_QUANTITY && k != N_ART;
}

static void add_colour(struct facts *fs, size_t at, struct choice *c)
{
    const struct phrase *p = &fs->phrases.p[at];
    struct str colour = phrase_colour(p, &fs->words);
    char about[ABOUT_MAX];
    struct fact *f;

    if (!asks_for_colour(p) || has_rival(fs, at, true) || str_ieq(colour, STR("dark")))
        return;
    about_phrase(about, fs, p);
    for (size_t i = 0; i < fs->n; i++)
        if (fs->f[i].kind == FACT_COLOUR && strcmp(fs->f[i].about, about) == 0)
            return;
    f = facts_add(fs, FACT_COLOUR, colour, about);
    if (!f)
        return;
    f->plural = p->plural;
    wrong_colours(fs, f, p->colour_end - p->colour >= 2 && str_ifind(colour, STR(" and ")) > 0, c);
}

static void add_count(struct facts *fs, size_t at, struct choice *c)
{
    const struct phrase *p = &fs->phrases.p[at];
    char about[ABOUT_MAX];
    unsigned from;
    struct fact *f;

    if (!p->number || !p->plural || p->noun->class == N_OTHER || p->noun->class == N_QUANTITY ||
        p->noun->class == N_BODY || has_rival(fs, at, false))
        return;
    (void)snprintf(about, sizeof(about), STR_FMT, STR_ARG(head_of(fs, p)));
    f = facts_add(fs, FACT_COUNT, facts_slice(fs, p->number - 1U, p->number), about);
    if (!f)
        return;
    f->plural = true;
    from = choice_below(c, 5);
    for (unsigned i = 0; i < 8; i++)
        fact_wrong(fs, f, lex_numbers[1 + (from + i) % 8]);
}

static bool is_place_word(const struct facts *fs, size_t i)
{
    static const char *const places[] = {"in",   "on",   "at",   "through", "across", "along",
                                         "over", "into", "near", "by",      "beside", "inside"};

    for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++)
        if (word_is(&fs->words, i, places[k]))
            return true;
    return false;
}

static uint64_t all_settings(const struct facts *fs)
{
    uint64_t traits = 0;

    for (size_t i = 0; i < fs->phrases.n; i++)
        traits |= fs->phrases.p[i].noun->traits;
    return traits & (E_ALL | T_IN);
}

static void add_place(struct facts *fs, size_t at, struct choice *c)
{
    const struct phrase *p = &fs->phrases.p[at];
    unsigned from = choice_below(c, (unsigned)wrong_places_n);
    uint64_t traits = all_settings(fs);
    struct fact *f;

    if (p->noun->class != N_PLACE || p->first == 0 || p->end - p->first > OBJECT_WORDS ||
        !is_place_word(fs, p->first - 1U) || fs->words.w[p->first].first ||
        fs->words.w[p->head].possessive)
        return;
    f = facts_add(fs, FACT_PLACE, facts_slice(fs, p->first, p->end), fs->subject.ref);
    if (!f)
        return;
    f->plural = fs->subject.plural;
    for (size_t i = 0; i < wrong_places_n; i++) {
        const struct wrong_place *w = &wrong_places[(from + i) % wrong_places_n];

        if (!(w->setting & traits))
            fact_wrong(fs, f, w->text);
    }
}

/* Doings that can go on together with the right one do not contradict it. */
static bool can_go_together(enum verb_family right, enum verb_family wrong)
{
    bool moving = right == V_RUN || right == V_WALK || right == V_JUMP || right == V_RIDE ||
                  right == V_SWIM || right == V_CLIMB || right == V_FLY || right == V_DANCE;

    if (right == wrong)
        return true;
    if (moving)
        return right == V_JUMP && wrong == V_RUN;
    if (right == V_SIT || right == V_STAND || right == V_LIE)
        return wrong == V_READ || wrong == V_EAT || wrong == V_MAKE || wrong == V_HOLD ||
               wrong == V_LIE || wrong == V_SIT;
    return wrong == V_SIT || wrong == V_LIE || (right == V_PLAY && wrong == V_RUN) ||
           (right == V_THROW && wrong == V_JUMP);
}

static void wrong_doings(struct facts *fs, struct fact *f, const struct verb *right, char form,
                         struct choice *c)
{
    unsigned from = choice_below(c, (unsigned)wrong_acts_n);
    bool animal = fs->subject.noun && fs->subject.noun->class == N_ANIMAL;

    for (size_t i = 0; i < wrong_acts_n; i++) {
        const struct wrong_act *w = &wrong_acts[(from + i) % wrong_acts_n];
        const char *word = form == 'g' ? w->ing : form == 's' ? w->third : w->base;
        char wrong[WRONG_MAX];

        if (can_go_together(right->family, w->family) || (animal && !w->animal))
            continue;
        (void)snprintf(wrong, sizeof(wrong), "%s%s", word, w->rest);
        fact_wrong(fs, f, wrong);
    }
}

/* The phrase that begins right behind word i, or NULL. */
static const struct phrase *object_at(const struct facts *fs, size_t i)
{
    int at = i < fs->words.n && !fs->words.w[i].first && !fs->words.w[i].pause
                 ? phrase_at(&fs->phrases, i)
                 : -1;

    if (at < 0 || fs->phrases.p[at].first != i)
        return NULL;
    return fs->words.w[fs->phrases.p[at].head].possessive ? NULL : &fs->phrases.p[at];
}

/* Verb, up to two prepositions, and the phrase behind them if it is near. */
static size_t predicate_end(const struct facts *fs, size_t verb)
{
    size_t i = verb + 1;
    const struct phrase *p;

    while (i < verb + 3 &&
           (word_is_mod(&fs->words, i, M_PREPOSITION) || word_is_mod(&fs->words, i, M_ADVERB)) &&
           !fs->words.w[i].first && !fs->words.w[i].pause)
        i += fs->words.w[i].span;
    p = object_at(fs, i);
    if (p && p->end - verb <= OBJECT_WORDS)
        return p->end;
    while (i > verb + 1 &&
           (!fs->words.w[i - 1].lex || word_is_mod(&fs->words, i - 1, M_PREPOSITION)))
        i--;
    return i;
}

static void add_act(struct facts *fs, struct choice *c)
{
    const struct subject *s = &fs->subject;
    char form;
    size_t end;
    struct fact *f;

    if (!s->verb || s->repeated || s->verb->family == V_OTHER || s->verb->family == V_WEAR)
        return;
    form = fs->words.w[s->verb_at].lex->form;
    end = predicate_end(fs, s->verb_at);
    if (end == s->verb_at + 1 && (s->verb->family == V_HOLD || s->verb->family == V_LOOK ||
                                  s->verb->family == V_THROW || s->verb->family == V_MAKE))
        return;
    f = facts_add(fs, form == 'g' ? FACT_DOING : FACT_ACT, facts_slice(fs, s->verb_at, end),
                  s->ref);
    if (!f)
        return;
    f->plural = s->plural;
    wrong_doings(fs, f, s->verb, form, c);
}

static const char *const *object_list(enum noun_class k)
{
    switch (k) {
    case N_CLOTHES:
        return wrong_clothes;
    case N_THING:
        return wrong_things;
    case N_FOOD:
        return wrong_food;
    case N_VEHICLE:
        return wrong_vehicles;
    case N_OTHER:
    case N_PERSON:
    case N_GROUP:
    case N_ANIMAL:
    case N_PLANT:
    case N_BUILDING:
    case N_ART:
    case N_PLACE:
    case N_BODY:
    case N_QUANTITY:
        break;
    }
    return NULL;
}

static void add_object(struct facts *fs, size_t at, struct choice *c)
{
    const struct phrase *p = &fs->phrases.p[at], *object;
    int verb = (p->noun->traits & F_LIVE) ? phrase_verb(&fs->words, &fs->phrases, p) : -1;
    const char *const *list;
    char about[ABOUT_MAX];
    struct fact *f;

    if (verb < 0 || has_rival(fs, at, false))
        return;
    object = object_at(fs, (size_t)verb + 1);
    list = object && object->end - object->first <= OBJECT_WORDS ? object_list(object->noun->class)
                                                                 : NULL;
    if (!list || (!object->determined && !object->plural) || verb + 1 >= (int)fs->words.n)
        return;
    if (fs->subject.phrase == (int)at)
        (void)snprintf(about, sizeof(about), "%s", fs->subject.ref);
    else
        about_phrase(about, fs, p);
    f = facts_add(fs, FACT_OBJECT, facts_slice(fs, object->first, object->end), about);
    if (!f)
        return;
    f->plural = fs->subject.phrase == (int)at ? fs->subject.plural : p->plural;
    (void)snprintf(f->verb, sizeof(f->verb), "%s", word_verb(&fs->words, (size_t)verb)->ing);
    wrongs_from(fs, f, list, c);
}

static void add_mouth(struct facts *fs, struct choice *c)
{
    for (size_t i = 0; i + 1 < fs->phrases.n; i++) {
        const struct phrase *p = &fs->phrases.p[i], *mouth = p + 1;
        struct fact *f;

        if (strcmp(mouth->noun->one, "mouth") != 0 || p->noun->class != N_THING ||
            mouth->first != p->end + 1 || !word_is(&fs->words, p->end, "in") || !p->determined)
            continue;
        f = facts_add(fs, FACT_MOUTH, facts_slice(fs, p->first, p->end), fs->subject.ref);
        if (!f)
            return;
        f->plural = fs->subject.plural;
        wrongs_from(fs, f, wrong_things, c);
        return;
    }
}

/* The only concept of a class in the caption, or NULL. */
static const struct phrase *only_one(const struct facts *fs, enum noun_class class)
{
    const struct phrase *found = NULL;

    for (size_t i = 0; i < fs->phrases.n; i++) {
        const struct phrase *p = &fs->phrases.p[i];
        bool group = class == N_PERSON && p->noun->class == N_GROUP;

        if (p->noun->class != class && !group)
            continue;
        if (group || (found && !same_concept(found, p)))
            return NULL;
        if (!found)
            found = p;
    }
    return found;
}

static void add_animal(struct facts *fs, struct choice *c)
{
    const struct phrase *p = only_one(fs, N_ANIMAL);
    unsigned from = choice_below(c, (unsigned)lex_animals.n);
    struct fact *f;

    if (!p || strcmp(noun_concept(p->noun), "animal") == 0)
        return;
    f = facts_add(fs, FACT_ANIMAL,
                  facts_slice(fs, p->head, p->head + (size_t)fs->words.w[p->head].span),
                  fs->subject.ref);
    for (size_t i = 0; f && i < lex_animals.n && f->n_wrong < WRONGS; i++) {
        const struct noun *n = &lex_animals.rows[(from + i * 7) % lex_animals.n];
        bool sister = ((n->traits & p->noun->traits) & ~F_LIVE) != 0;

        /* "bird" has no sisters among the birds: each of them is one. */
        if (strcmp(p->noun->one, "bird") == 0)
            sister = !(n->traits & S_BIRD);
        if (sister && !n->concept && strcmp(n->one, "bird") != 0)
            fact_wrong(fs, f, p->plural && n->many ? n->many : n->one);
    }
}

static bool in_list(const char *const *list, const char *z)
{
    for (; *list; list++)
        if (strcmp(*list, z) == 0)
            return true;
    return false;
}

static void add_who(struct facts *fs, struct choice *c)
{
    const struct phrase *p = only_one(fs, N_PERSON);
    const char *concept;
    struct fact *f;

    if (!p || p->plural)
        return;
    concept = noun_concept(p->noun);
    if (strcmp(concept, "child") == 0 || strcmp(concept, "teenager") == 0)
        return;
    f = facts_add(fs, FACT_WHO,
                  facts_slice(fs, p->head, p->head + (size_t)fs->words.w[p->head].span),
                  fs->subject.ref);
    if (f)
        wrongs_from(fs, f, in_list(wrong_people, concept) ? wrong_people : wrong_trades, c);
}

static void add_time(struct facts *fs, struct choice *c)
{
    static const char *const words[] = {"morning", "midday", "noon",  "afternoon", "evening",
                                        "sunset",  "dusk",   "night", "dawn",      "sunrise"};
    const char *found = NULL;
    struct fact *f;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!words_have_phrase(&fs->words, str_of(words[i])))
            continue;
        if (found)
            return;
        found = words[i];
    }
    if (!found)
        return;
    f = facts_add(fs, FACT_TIME, str_of(found), "");
    if (!f)
        return;
    for (unsigned from = choice_below(c, 6), i = 0; i < 6; i++) {
        const char *w = wrong_times[(from + i) % 6];
        bool late = strcmp(found, "sunset") == 0 || strcmp(found, "dusk") == 0;
        bool early = strcmp(found, "sunrise") == 0 || strcmp(found, "morning") == 0;

        if ((late && strcmp(w, "evening") == 0) ||
            (early && (strcmp(w, "dawn") == 0 || strcmp(w, "morning") == 0)) ||
            (strcmp(found, "noon") == 0 && strcmp(w, "midday") == 0) ||
            (strcmp(found, "dawn") == 0 && strcmp(w, "morning") == 0))
            continue;
        fact_wrong(fs, f, w);
    }
}

static unsigned count_kind(const struct facts *fs, enum fact_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < fs->n; i++)
        n += fs->f[i].kind == kind;
    return n;
}

void facts_content(struct facts *fs, struct choice *c)
{
    add_act(fs, c);
    add_animal(fs, c);
    add_who(fs, c);
    add_mouth(fs, c);
    add_time(fs, c);
    for (size_t i = 0; i < fs->phrases.n; i++) {
        if (count_kind(fs, FACT_COLOUR) < COLOUR_FACTS)
            add_colour(fs, i, c);
        if (count_kind(fs, FACT_COUNT) < COUNT_FACTS)
            add_count(fs, i, c);
        if (count_kind(fs, FACT_PLACE) < PLACE_FACTS)
            add_place(fs, i, c);
        if (count_kind(fs, FACT_OBJECT) < 1)
            add_object(fs, i, c);
    }
}
