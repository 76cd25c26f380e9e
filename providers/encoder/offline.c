#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "providers/encoder.h"

/* Everything up to the last step is whole numbers, whose sums do not depend on their order: equal
 * texts give equal bits on every machine. */

enum {
    TEXT_MAX = 16384, /* bytes that are looked at */
    WORD_MAX = 64,    /* code points of a word; a longer one counts as several */
    TARGETS = 12,     /* dimensions that one feature adds to */
    GRAM_MIN = 3,
    GRAM_MAX = 5,
    WEIGHT_WORD = 4,
    WEIGHT_PAIR = 3,
    WEIGHT_GRAM = 1,
};

/* Part of the model: another value is another projection. */
static const uint64_t seed = 0x4d6f6e6f6365726fULL;
static const uint64_t prime = 0x100000001b3ULL;

/* 256 (1 + ln n): the weight of a feature that occurs n times. */
static const int16_t occurrences[] = {0,   256, 433, 537, 611, 668, 715,
                                      754, 788, 818, 845, 870, 892, 913};

/* Words that say little; each line has those with one first letter. */
static const char *const common_words[26] = {
    ['a' - 'a'] = " a an and are as at all also ",
    ['b' - 'a'] = " be been but by both ",
    ['c' - 'a'] = " can ",
    ['d' - 'a'] = " do does ",
    ['e' - 'a'] = " each ",
    ['f' - 'a'] = " for from ",
    ['h' - 'a'] = " had has have he her his ",
    ['i' - 'a'] = " if in into is it its ",
    ['m' - 'a'] = " more ",
    ['n' - 'a'] = " no nor not ",
    ['o' - 'a'] = " of on or other out over one ",
    ['s' - 'a'] = " she so some such ",
    ['t' - 'a'] = " that the their them then there these they this those to ",
    ['u' - 'a'] = " under up ",
    ['v' - 'a'] = " very ",
    ['w' - 'a'] = " was were which while who with ",
};

struct feature {
    uint64_t hash; /* 0: free */
    uint16_t weight, count;
};

struct features {
    struct feature *slots;
    size_t mask, n;
};

static uint64_t mix(uint64_t h)
{
    h ^= h >> 31;
    h *= 0x7fb5d329728ea185ULL;
    h ^= h >> 27;
    h *= 0x81dadef4bc2dd44dULL;
    return h ^ h >> 33;
}

static void add_feature(struct features *f, uint64_t hash, uint16_t weight)
{
    hash |= 1; /* never the mark of a free slot */
    size_t i = hash >> 32 & f->mask;
    while (f->slots[i].hash != 0 && f->slots[i].hash != hash)
        i = (i + 1) & f->mask;
    struct feature *slot = &f->slots[i];
    f->n += slot->hash == 0;
    slot->hash = hash;
    slot->weight = weight;
    slot->count++;
}

static bool is_common(const int32_t *word, size_t n)
{
    char padded[8] = " ";

    if (n > 5 || word[0] < 'a' || word[0] > 'z' || !common_words[word[0] - 'a'])
        return false;
    for (size_t i = 0; i < n; i++)
        padded[i + 1] = word[i] < 128 ? (char)word[i] : '?';
    padded[n + 1] = ' ';
    padded[n + 2] = 0;
    return strstr(common_words[word[0] - 'a'], padded);
}

/* n-grams of one word with a mark at both ends, so that beginnings and endings count as such. */
static void add_grams(struct features *f, const int32_t *word, size_t n)
{
    int32_t marked[WORD_MAX + 2];

    marked[0] = '<';
    memcpy(marked + 1, word, n * sizeof(*word));
    marked[n + 1] = '>';
    n += 2;
    for (size_t i = 0; i + GRAM_MIN <= n; i++) {
        uint64_t h = seed ^ 1;
        for (size_t k = i; k < n && k < i + GRAM_MAX; k++) {
            h = (h ^ (uint64_t)marked[k]) * prime;
            if (k + 1 >= i + GRAM_MIN)
                add_feature(f, mix(h), WEIGHT_GRAM);
        }
    }
}

static uint64_t hash_word(const int32_t *word, size_t n)
{
    uint64_t h = seed ^ 2;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint64_t)word[i]) * prime;
    return mix(h);
}

static void add_word(struct features *f, const int32_t *word, size_t n, uint64_t *before)
{
    uint64_t h = hash_word(word, n);
    bool common = is_common(word, n);

    add_feature(f, h, common ? 1 : WEIGHT_WORD);
    if (*before != 0)
        add_feature(f, mix(*before * 3 + h), common ? 1 : WEIGHT_PAIR);
    if (!common)
        add_grams(f, word, n);
    *before = h;
}

/* The next code point in lower case, 0 for what belongs to no word; bytes used in *used. */
static int32_t next_letter(struct str s, size_t *used)
{
    unsigned char c = (unsigned char)s.p[0];
    utf8proc_int32_t cp;

    *used = 1;
    if (c < 0x80) {
        if (c >= 'A' && c <= 'Z')
            return c + 32;
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
    }
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &cp);
    if (n <= 0)
        return 0;
    *used = (size_t)n;
    utf8proc_category_t category = utf8proc_category(cp);
    bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
    return letter ? utf8proc_tolower(cp) : 0;
}

static void collect(struct features *f, struct str text)
{
    int32_t word[WORD_MAX];
    size_t n = 0, used;
    uint64_t before = 0;

    for (; text.n > 0; text = str_from(text, used)) {
        int32_t letter = next_letter(text, &used);
        if (letter != 0)
            word[n++] = letter;
        if (n > 0 && (letter == 0 || n == WORD_MAX)) {
            add_word(f, word, n, &before);
            n = 0;
        }
    }
    if (n > 0)
        add_word(f, word, n, &before);
}

/* Each feature adds to or takes from TARGETS dimensions of its own: a sparse random projection. */
static void project(const struct feature *slot, int32_t *sums)
{
    size_t most = sizeof(occurrences) / sizeof(*occurrences) - 1;
    int32_t w = slot->weight * occurrences[slot->count < most ? slot->count : most];
    uint64_t h = slot->hash;

    for (int i = 0; i < TARGETS; i += 3) {
        uint64_t bits = mix(h += 0x9e3779b97f4a7c15ULL);
        for (int k = 0; k < 3; k++, bits >>= 21) {
            uint32_t at = (uint32_t)((bits & 0xfffff) * OFFLINE_ENCODER_DIMENSION >> 20);
            sums[at] += bits & 0x100000 ? w : -w;
        }
    }
}

static bool to_unit(const int32_t *sums, float *out)
{
    int64_t squares = 0;

    for (int i = 0; i < OFFLINE_ENCODER_DIMENSION; i++)
        squares += (int64_t)sums[i] * sums[i];
    if (squares == 0)
        return false;
    double norm = sqrt((double)squares);
    for (int i = 0; i < OFFLINE_ENCODER_DIMENSION; i++)
        out[i] = (float)(sums[i] / norm);
    return true;
}

/* A word of n letters has at most 3n - 3 n-grams (n >= 2) and two word features. */
static size_t slots_for(size_t bytes)
{
    size_t slots = 256;

    while (slots < 4 * bytes + 16)
        slots *= 2;
    return slots;
}

bool offline_encode(struct str text, float *out)
{
    int32_t sums[OFFLINE_ENCODER_DIMENSION] = {0};
    struct features f = {0};

    if (text.n > TEXT_MAX)
        text.n = TEXT_MAX;
    f.mask = slots_for(text.n) - 1;
    f.slots = calloc(f.mask + 1, sizeof(*f.slots));
    if (!f.slots)
        return false;
    collect(&f, text);
    for (size_t i = 0; i <= f.mask; i++)
        if (f.slots[i].hash != 0)
            project(&f.slots[i], sums);
    free(f.slots);
    return to_unit(sums, out);
}
