#include "providers/offline/wrongs.h"

const struct wrong_act wrong_acts[] = {
    {V_LIE, "sleep", "sleeps", "sleeping", " on a blanket", true},
    {V_READ, "read", "reads", "reading", " a newspaper", false},
    {V_CLIMB, "climb", "climbs", "climbing", " a ladder", false},
    {V_SWIM, "swim", "swims", "swimming", " across a lake", true},
    {V_MAKE, "paint", "paints", "painting", " a wooden fence", false},
    {V_EAT, "eat", "eats", "eating", " from a bowl", true},
    {V_MAKE, "dig", "digs", "digging", " a deep hole", true},
    {V_DANCE, "dance", "dances", "dancing", " in a circle", false},
    {V_RIDE, "ride", "rides", "riding", " a bicycle", false},
    {V_SIT, "sit", "sits", "sitting", " on a bench", true},
    {V_MAKE, "cook", "cooks", "cooking", " a meal", false},
    {V_HOLD, "sweep", "sweeps", "sweeping", " the floor", false},
    {V_JUMP, "jump", "jumps", "jumping", " over a puddle", true},
    {V_RUN, "run", "runs", "running", " along a corridor", true},
    {V_LIE, "doze", "dozes", "dozing", " beside a stove", true},
    {V_EAT, "drink", "drinks", "drinking", " from a bucket", true},
    {V_MAKE, "write", "writes", "writing", " a letter", false},
    {V_CLIMB, "ascend", "ascends", "ascending", " a staircase", true},
};
const size_t wrong_acts_n = sizeof(wrong_acts) / sizeof(wrong_acts[0]);

#define WET (E_WATER | E_POOL | E_UNDER | E_BEACH)
const struct wrong_place wrong_places[] = {
    {"a crowded kitchen", E_ROOM | T_IN},
    {"a quiet library", E_ROOM | T_IN},
    {"a sandy beach", WET | E_DESERT},
    {"a dense forest", E_FOREST | E_GRASS | T(25)},
    {"a city street", E_STREET},
    {"a wide lake", WET},
    {"a snowy mountain", E_SNOW | E_ROCK | E_ICE},
    {"a narrow cave", E_ROCK},
    {"a theatre stage", E_STAGE | E_ROOM},
    {"a railway station", E_STREET | T_IN},
    {"a desert valley", E_DESERT | E_ROCK | E_DIRT},
    {"a farm meadow", E_GRASS | E_FIELD | E_FOREST},
    {"a tennis court", E_COURT | E_FIELD},
    {"an empty classroom", E_ROOM | T_IN},
    {"a ferry", WET},
    {"an ice rink", E_ICE | E_SNOW},
};
const size_t wrong_places_n = sizeof(wrong_places) / sizeof(wrong_places[0]);

const char *const wrong_things[] = {
    "an umbrella", "a guitar",   "a basket",     "a lantern", "a rope",   "a newspaper", "a bucket",
    "a telescope", "a suitcase", "a broom",      "a trumpet", "a pillow", "a kite",      "a hammer",
    "a teapot",    "a drum",     "a paintbrush", "a globe",   NULL};
const char *const wrong_clothes[] = {"a straw hat",
                                     "a striped tie",
                                     "a raincoat",
                                     "a woollen scarf",
                                     "a long skirt",
                                     "an apron",
                                     "a bathrobe",
                                     "leather gloves",
                                     "a silk kimono",
                                     "a tuxedo",
                                     "rubber boots",
                                     "a sleeveless vest",
                                     NULL};
const char *const wrong_food[] = {"a slice of melon",
                                  "a bowl of soup",
                                  "a pretzel",
                                  "a boiled egg",
                                  "a bunch of grapes",
                                  "a pancake",
                                  "a carrot",
                                  "a taco",
                                  "a pear",
                                  "a muffin",
                                  NULL};
const char *const wrong_vehicles[] = {
    "a tractor", "a motorcycle", "a rowboat",  "a tram",    "a helicopter", "a scooter", "a taxi",
    "a canoe",   "a bus",        "a sailboat", "a bicycle", "a camel",      NULL};
const char *const wrong_times[] = {"morning", "midday", "afternoon", "evening",
                                   "night",   "dawn",   NULL};
const char *const wrong_people[] = {"man", "woman", "boy", "girl", "baby", NULL};
const char *const wrong_trades[] = {"chef",    "nurse",     "soldier",   "farmer", "firefighter",
                                    "pianist", "clown",     "jockey",    "tailor", "waiter",
                                    "monk",    "carpenter", "ballerina", "skier",  "pilot",
                                    "goalie",  NULL};

/* Each row: colours that may be taken for each other. */
static const char *const near_colours[] = {"tan beige brown golden cream",
                                           "grey gray silver",
                                           "golden gold yellow orange blond blonde",
                                           "white cream beige silver",
                                           "red maroon crimson scarlet pink",
                                           "blue navy turquoise teal",
                                           "green turquoise teal",
                                           "purple violet maroon",
                                           "orange red bronze",
                                           NULL};

bool colours_near(struct str a, const char *b)
{
    for (size_t i = 0; near_colours[i]; i++) {
        struct str row = str_of(near_colours[i]);

        if (str_ifind(row, a) >= 0 && str_find(row, str_of(b)) >= 0)
            return true;
    }
    return false;
}

void wrongs_from(struct facts *fs, struct fact *f, const char *const *list, struct choice *c)
{
    unsigned n = 0, from;

    while (list[n])
        n++;
    from = choice_below(c, n);
    for (unsigned i = 0; i < n; i++)
        fact_wrong(fs, f, list[(from + i) % n]);
}
