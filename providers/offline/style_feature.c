/* Small parts of subjects, by what the subject is. */
#include "providers/offline/style.h"

static const struct style_value feature[] = {
    {"a dark, rounded nose", T(0), FEATURE_MANY, 0, 1},
    {"short, stiff whiskers", T(0) | T(4), 0, 0, 2},
    {"a smooth, narrow forehead", T(0), FEATURE_MANY, 0, 3},
    {"long, pale whiskers", T(1), 0, 0, 4},
    {"narrow, vertical pupils", T(1), 0, 0, 5},
    {"slender lower legs", T(2) | T(3), 0, 0, 6},
    {"dark, rounded hooves", T(2), 0, 0, 7},
    {"small, cupped ears", T(3) | T(4), 0, 0, 8},
    {"small, dark eyes", T(5) | T(21) | T(4), 0, 0, 9},
    {"finely scaled legs", T(5), 0, 0, 10},
    {"a pointed bill", T_NEVER, FEATURE_MANY, 0, 11},
    {"broad, ribbed tyres", T(6) | T(9), 0, 0, 12},
    {"a curved windscreen", T(6), FEATURE_MANY, 0, 13},
    {"narrow side mirrors", T(6), 0, 0, 14},
    {"evenly spaced windows", T(7) | T(15) | T(11), 0, 0, 15},
    {"thin wire spokes", T(8), 0, 0, 16},
    {"curved handlebars", T(8) | T(9), 0, 0, 17},
    {"a narrow, pointed bow", T(10), FEATURE_MANY, 0, 18},
    {"a low, rounded hull", T(10), FEATURE_MANY, 0, 19},
    {"rough, furrowed bark", T(12), 0, 0, 20},
    {"densely grouped leaves", T(12), 0, 0, 21},
    {"softly curved petals", T(13), 0, 0, 22},
    {"a slender green stem", T(13), FEATURE_MANY, 0, 23},
    {"narrow windows", T(14) | T(15), 0, 0, 24},
    {"a pitched roof", T(14), FEATURE_MANY, 0, 25},
    {"evenly spaced supports", T(16), 0, 0, 26},
    {"a browned crust", T(17), FEATURE_MANY, 0, 27},
    {"a few loose crumbs", T(17), 0, 0, 28},
    {"a smooth, rounded skin", T(18), FEATURE_MANY, 0, 29},
    {"a small, dry stalk", T(18), FEATURE_MANY, 0, 30},
    {"a pale rounded rim", T(19) | T(20), FEATURE_MANY, 0, 31},
    {"thin, jointed legs", T(21), 0, 0, 32},
    {"neatly overlapping scales", T(22), 0, 0, 33},
    {"tightly drawn strings", T(23), 0, 0, 34},
    {"short, neat hair", FEATURE_HAIR_SHORT, 0, 0, 35},
    {"short, side-parted hair", FEATURE_HAIR_SHORT, 0, 0, 35},
    {"shoulder-length hair", FEATURE_HAIR_LONG, 0, 0, 36},
    {"loosely tied hair", FEATURE_HAIR_LONG, 0, 0, 36},
    {"flat-soled shoes", FEATURE_SHOES, 0, 0, 37},
    {"plain laced shoes", FEATURE_SHOES, 0, 0, 37},
    {"a narrow wristband", FEATURE_WRIST, FEATURE_MANY, 0, 38},
    {"a thin bracelet", FEATURE_WRIST, FEATURE_MANY, 0, 38},
};
const struct style_kind style_feature = {feature, sizeof(feature) / sizeof(feature[0])};

static const struct {
    const char *concept;
    uint64_t group;
} groups[] = {
    {"dog", T(0)},        {"cat", T(1)},          {"tiger", T(1)},       {"leopard", T(1)},
    {"lion", T(1)},       {"cheetah", T(1)},      {"horse", T(2)},       {"donkey", T(2)},
    {"zebra", T(2)},      {"cow", T(3)},          {"sheep", T(3)},       {"goat", T(3)},
    {"deer", T(3)},       {"pig", T(3)},          {"rabbit", T(4)},      {"squirrel", T(4)},
    {"mouse", T(4)},      {"hamster", T(4)},      {"bird", T(5)},        {"parrot", T(5)},
    {"parakeet", T(5)},   {"toucan", T(5)},       {"duck", T(5)},        {"duckling", T(5)},
    {"goose", T(5)},      {"swan", T(5)},         {"pelican", T(5)},     {"heron", T(5)},
    {"egret", T(5)},      {"flamingo", T(5)},     {"penguin", T(5)},     {"pigeon", T(5)},
    {"dove", T(5)},       {"seagull", T(5)},      {"gull", T(5)},        {"puffin", T(5)},
    {"crow", T(5)},       {"raven", T(5)},        {"robin", T(5)},       {"sparrow", T(5)},
    {"woodpecker", T(5)}, {"kingfisher", T(5)},   {"hummingbird", T(5)}, {"peacock", T(5)},
    {"hawk", T(5)},       {"eagle", T(5)},        {"falcon", T(5)},      {"owl", T(5)},
    {"chicken", T(5)},    {"hen", T(5)},          {"rooster", T(5)},     {"turkey", T(5)},
    {"ostrich", T(5)},    {"car", T(6)},          {"truck", T(6)},       {"van", T(6)},
    {"jeep", T(6)},       {"suv", T(6)},          {"taxi", T(6)},        {"ambulance", T(6)},
    {"bus", T(7)},        {"tram", T(7)},         {"train", T(7)},       {"bicycle", T(8)},
    {"motorcycle", T(9)}, {"scooter", T(9)},      {"atv", T(9)},         {"boat", T(10)},
    {"canoe", T(10)},     {"kayak", T(10)},       {"ship", T(10)},       {"ferry", T(10)},
    {"yacht", T(10)},     {"gondola", T(10)},     {"plane", T(11)},      {"helicopter", T(11)},
    {"tree", T(12)},      {"palm", T(12)},        {"flower", T(13)},     {"rose", T(13)},
    {"tulip", T(13)},     {"sunflower", T(13)},   {"daisy", T(13)},      {"orchid", T(13)},
    {"lily", T(13)},      {"poppy", T(13)},       {"daffodil", T(13)},   {"iris", T(13)},
    {"marigold", T(13)},  {"crocus", T(13)},      {"hibiscus", T(13)},   {"lotus", T(13)},
    {"house", T(14)},     {"barn", T(14)},        {"church", T(14)},     {"building", T(15)},
    {"castle", T(15)},    {"tower", T(15)},       {"palace", T(15)},     {"cathedral", T(15)},
    {"temple", T(15)},    {"fort", T(15)},        {"bridge", T(16)},     {"aqueduct", T(16)},
    {"dam", T(16)},       {"pizza", T(17)},       {"bread", T(17)},      {"pie", T(17)},
    {"cake", T(17)},      {"croissant", T(17)},   {"bagel", T(17)},      {"muffin", T(17)},
    {"cupcake", T(17)},   {"cookie", T(17)},      {"tart", T(17)},       {"pretzel", T(17)},
    {"apple", T(18)},     {"pear", T(18)},        {"peach", T(18)},      {"plum", T(18)},
    {"tomato", T(18)},    {"lemon", T(18)},       {"lime", T(18)},       {"cherry", T(18)},
    {"mango", T(18)},     {"melon", T(18)},       {"soup", T(19)},       {"noodles", T(19)},
    {"pasta", T(19)},     {"rice", T(19)},        {"salad", T(19)},      {"curry", T(19)},
    {"coffee", T(20)},    {"tea", T(20)},         {"bee", T(21)},        {"beetle", T(21)},
    {"butterfly", T(21)}, {"moth", T(21)},        {"dragonfly", T(21)},  {"wasp", T(21)},
    {"ant", T(21)},       {"grasshopper", T(21)}, {"spider", T(21)},     {"fish", T(22)},
    {"shark", T(22)},     {"guitar", T(23)},      {"violin", T(23)},     {"cello", T(23)},
};

uint64_t feature_groups(const char *concept)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strcmp(groups[i].concept, concept) == 0)
            return groups[i].group;
    return 0;
}
