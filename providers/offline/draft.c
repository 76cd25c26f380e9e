#include "providers/offline/draft.h"

#define POSE(n) T(n)

enum { VALUES_MAX = 96 };

/* Poses of style_pose, by number, that fit what the subject does. */
static uint64_t person_poses(enum verb_family f)
{
    static const uint64_t poses[V_FAMILIES] = {
        [V_RUN] = POSE(0) | POSE(7) | POSE(12),
        [V_WALK] = POSE(3),
        [V_JUMP] = POSE(4) | POSE(5),
        [V_SIT] = POSE(6) | POSE(7) | POSE(8),
        [V_STAND] = POSE(9) | POSE(16),
        [V_LIE] = POSE(11),
        [V_RIDE] = POSE(7) | POSE(12),
        [V_SWIM] = POSE(13),
        [V_CLIMB] = POSE(14) | POSE(12),
        [V_PLAY] = POSE(7),
        [V_LOOK] = POSE(16),
        [V_HOLD] = POSE(12),
        [V_EAT] = POSE(12),
        [V_TALK] = POSE(16),
        [V_MAKE] = POSE(7) | POSE(12),
        [V_READ] = POSE(17),
        [V_FACE] = POSE(16),
        [V_FIGHT] = POSE(12),
    };

    return poses[f];
}

static uint64_t animal_poses(enum verb_family f)
{
    static const uint64_t poses[V_FAMILIES] = {
        [V_RUN] = POSE(0) | POSE(1) | POSE(2),
        [V_WALK] = POSE(2) | POSE(3),
        [V_JUMP] = POSE(5),
        [V_SIT] = POSE(15),
        [V_STAND] = POSE(10) | POSE(15),
        [V_LIE] = POSE(11),
        [V_SWIM] = POSE(13),
        [V_EAT] = POSE(17),
    };

    return poses[f];
}

static uint64_t poses_of(const struct seed *s)
{
    const struct subject *who = &s->subject;
    enum verb_family f;

    if (!who->verb || who->joined || who->repeated || !(who->traits & F_LIVE) ||
        (s->traits & (F_BODY | E_UNDER)))
        return 0;
    f = who->verb->family;
    if (who->traits & S_BIRD)
        return f == V_FLY ? POSE(18) : f == V_STAND || f == V_SIT ? POSE(20) : 0;
    if (who->traits & S_FUR)
        return animal_poses(f) & ~(who->plural ? POSE(2) : 0);
    if (!(who->traits & S_PERSON) || strcmp(noun_concept(who->noun), "baby") == 0)
        return 0;
    return person_poses(f);
}

/* `any` is matched by what a value asks for, `never` by what it shuns. */
static const struct style_value *choose_value(struct draft *d, enum style kind, uint64_t any,
                                              uint64_t never)
{
    const struct style_kind *k = style_kind(kind);
    const struct style_value *fit[VALUES_MAX];
    unsigned n = 0;

    for (size_t i = 0; i < k->n && n < VALUES_MAX; i++) {
        const struct style_value *v = &k->values[i];

        if ((v->any == 0 || (v->any & any)) && !(v->avoid & never))
            fit[n++] = v;
    }
    return n > 0 ? fit[choice_below(&d->c, n)] : NULL;
}

static const char *ground_name(const struct seed *s)
{
    static const struct {
        uint64_t setting;
        const char *name;
    } names[] = {
        {E_BEACH, "the sand"},        {E_SNOW, "the snow"},           {E_ICE, "the ice"},
        {E_WATER, "the water"},       {E_POOL, "the water"},          {E_FIELD, "the turf"},
        {E_STREET, "the pavement"},   {E_FOREST, "the forest floor"}, {E_ROCK, "the rock"},
        {E_DESERT, "the sand"},       {E_DIRT, "the ground"},         {E_ROOM, "the floor"},
        {E_STAGE, "the stage floor"}, {E_COURT, "the court surface"},
    };

    if (s->traits & E_GRASS)
        return words_have_phrase(&s->words, STR("field")) ? "the field" : "the grass";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (s->traits & names[i].setting)
            return names[i].name;
    return NULL;
}

const char *part_name(uint64_t traits)
{
    if (traits & S_PERSON)
        return "the clothing";
    if (traits & S_FUR)
        return "the fur";
    if (traits & S_BIRD)
        return "the plumage";
    if (traits & S_VEHICLE)
        return "the outer surface";
    if (traits & S_BUILDING)
        return "the structure";
    return "the surface";
}

static void set(struct draft *d, enum slot slot, const char *z)
{
    d->slots.v[slot] = str_of(z);
}

static void choose_things(struct draft *d)
{
    const struct seed *s = d->seed;
    unsigned from = choice_below(&d->c, (unsigned)s->n_things);

    for (size_t i = 0; i < s->n_things; i++) {
        const struct seed_thing *t = &s->things[(from + i) % s->n_things];
        bool accent = t->coloured && !(d->open & SLOT_BIT(SLOT_ACCENT)) &&
                      !(d->traits & (F_MONO | T_NIGHT | F_SHADOW));

        if (accent) {
            d->open |= SLOT_BIT(SLOT_ACCENT);
            set(d, SLOT_ACCENT, t->ref);
            set(d, SLOT_ACCENT_IS, t->plural ? "are" : "is");
        } else if (!(d->open & SLOT_BIT(SLOT_THING))) {
            d->open |= SLOT_BIT(SLOT_THING);
            set(d, SLOT_THING, t->ref);
            set(d, SLOT_THING_IS, t->plural ? "are" : "is");
        }
    }
}

static void set_context(struct draft *d)
{
    const struct subject *who = &d->seed->subject;
    const char *ground = ground_name(d->seed);

    set(d, SLOT_REF, who->ref);
    set(d, SLOT_IS, who->plural ? "are" : "is");
    set(d, SLOT_HAS, who->plural ? "have" : "has");
    set(d, SLOT_S, who->plural ? "" : "s");
    set(d, SLOT_PART, part_name(d->traits));
    set(d, SLOT_GROUND, ground ? ground : "");
    d->context = SLOT_BIT(SLOT_REF) | SLOT_BIT(SLOT_PART) | SLOT_BIT(SLOT_SEED);
    if (ground)
        d->context |= SLOT_BIT(SLOT_GROUND);
}

static bool has_any(const struct seed *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words_have(&s->words, str_of(words[i])))
            return true;
    return false;
}

/* Hair and shoes only where the seed says nothing of them nor of what hides them. */
static uint64_t person_features(const struct seed *s)
{
    static const char *const head[] = {
        "hat",           "helmet",      "cap",        "hair",     "haired",   "hood",
        "bald",          "mohawk",      "wig",        "hooded",   "scarf",    "headscarf",
        "turban",        "veil",        "mask",       "headband", "bandanna", "crown",
        "blond",         "blonde",      "redheaded",  "costume",  "wet",      "brunette",
        "headdress",     "beanie",      "dreadlocks", "bandana",  "face",     "hard",
        "paint",         "sombrero",    "dressed",    "clown",    "ponytail", "blond-haired",
        "blonde-haired", "long-haired", "suit"};
    static const char *const feet[] = {
        "shoe", "boot",  "sandal", "barefoot",     "foot", "feet",    "sneaker", "skate",
        "ski",  "sock",  "heel",   "rollerblades", "flip", "costume", "swim",    "surf",
        "wade", "horse", "snow",   "bed",          "toe",  "flipper", "slipper", "uniform"};
    const char *concept = noun_concept(s->subject.noun);
    bool plural = s->subject.plural;
    bool man = strcmp(concept, "man") == 0 || strcmp(concept, "boy") == 0;
    bool woman = strcmp(concept, "woman") == 0 || strcmp(concept, "girl") == 0;
    bool bare = (s->traits & (F_BARE | F_WET | E_WATER | E_POOL | E_UNDER | E_BEACH)) != 0;
    uint64_t groups = 0;

    if ((man || woman) && !plural && !has_any(s, head, sizeof(head) / sizeof(head[0])))
        groups |= man ? FEATURE_HAIR_SHORT : FEATURE_HAIR_LONG;
    if ((man || woman) && !bare && !has_any(s, feet, sizeof(feet) / sizeof(feet[0])))
        groups |= FEATURE_SHOES;
    if ((man || woman) && !plural && !(s->traits & (F_BODY | E_SNOW)))
        groups |= FEATURE_WRIST;
    return groups;
}

static uint64_t features_of(const struct seed *s)
{
    const struct noun *n = s->subject.noun;

    if (!n || s->subject.joined || s->subject.repeated || (s->traits & F_BODY))
        return 0;
    if (n->class == N_PERSON)
        return person_features(s);
    return feature_groups(noun_concept(n));
}

/* Later kinds see what earlier ones settled, so that light, shadow and sky agree. */
void draft_choose(struct draft *d, const struct seed *seed)
{
    d->seed = seed;
    d->traits = seed->traits;
    d->open = 0;
    for (unsigned kind = 0; kind < STYLE_KINDS; kind++) {
        uint64_t any = d->traits, never = d->traits;
        const struct style_value *v;

        if (kind == STYLE_POSE || kind == STYLE_FEATURE) {
            any = kind == STYLE_POSE ? poses_of(seed) : features_of(seed);
            never = seed->subject.plural ? FEATURE_MANY : 0;
        }
        v = choose_value(d, (enum style)kind, any, never);
        if (!v)
            continue;
        d->slots.v[kind] = str_of(v->text);
        d->traits |= v->add;
        d->open |= SLOT_BIT(kind);
    }
    set_context(d);
    choose_things(d);
}
