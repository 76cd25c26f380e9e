#include "server/domain/label.h"

/* Prepositions: the head stands in front of the first one. */
static const char *const prepositions[] = {"of", "with",    "in", "on",   "for",   "from", "at",
                                           "to", "without", "by", "near", "under", "over", NULL};
/* Plurals that do not end in -s. */
static const char *const plurals[] = {
    "algae",   "amoebae",   "bacteria", "cacti",     "children", "dice",  "feet",
    "firemen", "fishermen", "fungi",    "geese",     "larvae",   "men",   "mice",
    "octopi",  "oxen",      "people",   "policemen", "teeth",    "women", NULL};
/* Singulars whose ending does not tell it; -ss, -us and -is do. */
static const char *const singulars[] = {
    "albatros", "asbestos", "atlas",    "biceps", "canvas",     "chaos",  "christmas",
    "cosmos",   "dallas",   "gallows",  "gas",    "kansas",     "lens",   "mars",
    "molasses", "pampas",   "pancreas", "paris",  "rhinoceros", "series", "species",
    "texas",    "thermos",  "triceps",  NULL};
/* What is not counted. */
static const char *const uncounted[] = {
    "baklava",    "bamboo",    "bread",      "butter",    "cheese",   "chocolate", "clothing",
    "cutlery",    "edamame",   "equipment",  "flour",     "footwear", "furniture", "garbage",
    "glassware",  "granola",   "grass",      "guacamole", "gyoza",    "hair",      "hardware",
    "headwear",   "hummus",    "jewellery",  "jewelry",   "kelp",     "kimchi",    "lingerie",
    "luggage",    "milk",      "moss",       "oatmeal",   "pasta",    "pho",       "plankton",
    "porridge",   "poutine",   "ramen",      "rice",      "sand",     "sashimi",   "seaweed",
    "silverware", "snow",      "stationery", "sushi",     "takoyaki", "tiramisu",  "tofu",
    "traffic",    "underwear", "water",      "wheat",     "wood",     NULL};

static bool is_one_of(struct str word, const char *const *list)
{
    for (; *list; list++)
        if (str_ieq(word, str_of(*list)))
            return true;
    return false;
}

static struct str first_word(struct str s)
{
    const char *blank = s.n ? memchr(s.p, ' ', s.n) : NULL;
    return (struct str){s.p, blank ? (size_t)(blank - s.p) : s.n};
}

static bool is_article(struct str word)
{
    return str_ieq(word, STR("a")) || str_ieq(word, STR("an")) || str_ieq(word, STR("the"));
}

static bool has_article(struct str label)
{
    struct str word = first_word(label);
    return word.n < label.n && is_article(word);
}

struct str label_bare(struct str label)
{
    return has_article(label) ? str_trim(str_from(label, first_word(label).n)) : label;
}

static struct str head(struct str label)
{
    struct str found = first_word(label);
    for (struct str rest = label; rest.n;) {
        struct str word = first_word(rest);
        if (rest.p != label.p && is_one_of(word, prepositions))
            break;
        found = word;
        rest = str_from(rest, word.n + 1);
    }
    return found;
}

static bool ends_in(struct str word, const char *end)
{
    size_t n = strlen(end);
    return word.n >= n && str_ieq(str_from(word, word.n - n), str_of(end));
}

bool label_is_plural(struct str label)
{
    struct str word = head(label);
    if (is_one_of(word, plurals))
        return true;
    return word.n > 3 && ends_in(word, "s") && !ends_in(word, "ss") && !ends_in(word, "us") &&
           !ends_in(word, "is") && !is_one_of(word, singulars);
}

static bool starts_with_one_of(struct str word, const char *const *list)
{
    for (; *list; list++)
        if (word.n >= strlen(*list) &&
            str_ifind((struct str){word.p, strlen(*list)}, str_of(*list)) == 0)
            return true;
    return false;
}

/* Letters that are read out by their names, as in "MRI", "X-ray", "FM radio". */
static bool is_spelled(struct str word)
{
    size_t n = 0;
    while (n < word.n && word.p[n] >= 'A' && word.p[n] <= 'Z')
        n++;
    bool ends = n == word.n || word.p[n] == '-' || (word.p[n] >= '0' && word.p[n] <= '9');
    return ends && n > 0 && n <= 3;
}

/* By sound, as far as the spelling tells it. */
static bool sounds_like_vowel(struct str word)
{
    static const char *const silent_h[] = {"hour", "honest", "honour", "honor", "heir", NULL};
    static const char *const consonants[] = {"uni", "use",  "usu",  "util", "uran", "ure",
                                             "uri", "ukul", "eu",   "ewe",  "one",  "once",
                                             "ufo", "uro",  "ubiq", NULL};
    static const char *const vowels[] = {"unin", "unim", "unidentified", "uni-", NULL};
    if (word.n == 0)
        return false;
    if (is_spelled(word) && strchr("UBCDGJKPQTVWYZ", word.p[0]) == NULL)
        return true;
    if (is_spelled(word))
        return false;
    if (starts_with_one_of(word, silent_h) || word.p[0] == '8' || str_eq(word, STR("11")) ||
        str_eq(word, STR("18")))
        return true;
    if (starts_with_one_of(word, consonants) && !starts_with_one_of(word, vowels))
        return false;
    return strchr("aeiouAEIOU", word.p[0]) != NULL;
}

const char *label_article(struct str label)
{
    if (has_article(label) || label_is_plural(label) || is_one_of(head(label), uncounted))
        return "";
    return sounds_like_vowel(first_word(label)) ? "an" : "a";
}
