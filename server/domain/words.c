#include "server/domain/words.h"

#include <stdlib.h>

#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

/* A byte of a word in lower case, or 0 for a byte that divides words. Bytes beyond ASCII are looked
 * at by the caller, who knows their neighbours. */
static const unsigned char folded[128] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
    ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
    ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',
    ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
};

/* Length of an apostrophe at p: ' or U+2018 or U+2019; 0 for anything else. */
static size_t apostrophe(const unsigned char *p, const unsigned char *end)
{
    if (*p == '\'')
        return 1;
    bool curly = end - p >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0x98 || p[2] == 0x99);
    return curly ? 3 : 0;
}

/* Length of punctuation beyond ASCII at p: U+0080 to U+00BF and U+2000 to U+203F. */
static size_t punctuation(const unsigned char *p, const unsigned char *end)
{
    if (*p == 0xc2 && end - p >= 2)
        return 2;
    return *p == 0xe2 && end - p >= 3 && p[1] == 0x80 ? 3 : 0;
}

static bool in_word(const unsigned char *p, const unsigned char *end)
{
    if (p >= end)
        return false;
    return *p < 0x80 ? folded[*p] != 0 : punctuation(p, end) == 0;
}

static const unsigned char *skip_gap(const unsigned char *p, const unsigned char *end)
{
    while (p < end && !in_word(p, end))
        p += *p < 0x80 ? 1 : punctuation(p, end);
    return p;
}

/* Reads the word at p; its end. */
static const unsigned char *read_word(const unsigned char *p, const unsigned char *end,
                                      uint64_t *hash)
{
    uint64_t h = FNV_BASIS;
    for (;;) {
        if (in_word(p, end)) {
            h = (h ^ (*p < 0x80 ? folded[*p] : *p)) * FNV_PRIME;
            p++;
            continue;
        }
        size_t skip = p < end ? apostrophe(p, end) : 0;
        if (skip == 0 || !in_word(p + skip, end))
            break;
        p += skip;
    }
    *hash = mix64(h);
    return p;
}

int words_split(struct str text, struct words *out)
{
    const unsigned char *start = (const unsigned char *)text.p;
    *out = (struct words){malloc((text.n / 2 + 1) * sizeof(struct word)), 0};
    if (!out->of)
        return -1;
    if (text.n == 0)
        return 0;
    for (const unsigned char *end = start + text.n, *p = skip_gap(start, end); p < end;) {
        struct word *w = &out->of[out->n++];
        const unsigned char *stop = read_word(p, end, &w->hash);
        w->at = (uint32_t)(p - start);
        w->n = (uint32_t)(stop - p);
        p = skip_gap(stop, end);
    }
    return 0;
}

void words_free(struct words *w)
{
    free(w->of);
    *w = (struct words){NULL, 0};
}

uint64_t words_hash(const struct word *w, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = (h ^ w[i].hash) * FNV_PRIME + (h >> 47);
    return mix64(h);
}

bool words_contain(const struct words *w, const struct word *run, size_t n)
{
    for (size_t i = 0; i + n <= w->n; i++) {
        size_t k = 0;
        while (k < n && w->of[i + k].hash == run[k].hash)
            k++;
        if (k == n)
            return true;
    }
    return false;
}
