#include "server/domain/minhash.h"

#include <endian.h>
#include <string.h>

enum { CHUNK = 256 }; /* grams that are hashed before they are permuted */

/* The multipliers and summands of the permutations: a fixed sequence (SplitMix64), because
 * signatures are stored. */
static void constants(uint64_t factor[MINHASH_HASHES], uint64_t summand[MINHASH_HASHES])
{
    uint64_t state = 0x6d6f6e6f6365726fU;
    for (int i = 0; i < MINHASH_HASHES; i++) {
        state += 0x9e3779b97f4a7c15U;
        factor[i] = mix64(state) | 1;
        state += 0x9e3779b97f4a7c15U;
        summand[i] = mix64(state);
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A permutation of a gram is the upper half of a linear function of its hash: one multiplication,
 * good enough because the hash is well mixed. Four at a time stay in registers. */
static void add_grams(const uint64_t *grams, size_t n, const uint64_t *factor,
                      const uint64_t *summand, uint64_t *least)
{
    for (size_t i = 0; i < MINHASH_HASHES; i += 4) {
        const uint64_t *f = factor + i, *s = summand + i;
        uint64_t m0 = least[i], m1 = least[i + 1], m2 = least[i + 2], m3 = least[i + 3];
        for (size_t k = 0; k < n; k++) {
            m0 = smaller(m0, grams[k] * f[0] + s[0]);
            m1 = smaller(m1, grams[k] * f[1] + s[1]);
            m2 = smaller(m2, grams[k] * f[2] + s[2]);
            m3 = smaller(m3, grams[k] * f[3] + s[3]);
        }
        least[i] = m0;
        least[i + 1] = m1;
        least[i + 2] = m2;
        least[i + 3] = m3;
    }
}

bool minhash(const struct words *w, uint8_t out[MINHASH_BYTES])
{
    uint64_t factor[MINHASH_HASHES], summand[MINHASH_HASHES], least[MINHASH_HASHES];
    uint64_t grams[CHUNK];
    size_t gram = w->n < MINHASH_GRAM ? w->n : MINHASH_GRAM, n = 0;
    if (w->n == 0)
        return false;
    constants(factor, summand);
    memset(least, 0xff, sizeof(least));
    for (size_t i = 0; i + gram <= w->n; i++) {
        grams[n++] = words_hash(&w->of[i], gram);
        if (n == CHUNK || i + gram == w->n) {
            add_grams(grams, n, factor, summand, least);
            n = 0;
        }
    }
    for (size_t i = 0; i < MINHASH_HASHES; i++) {
        /* Of the upper half of a minimum the upper bits are mostly zero: the lower ones tell. */
        uint16_t kept = htole16((uint16_t)(least[i] >> 32));
        memcpy(out + 2 * i, &kept, sizeof(kept));
    }
    return true;
}

bool minhash_text(struct str text, uint8_t out[MINHASH_BYTES])
{
    struct words w;
    bool made = words_split(text, &w) == 0 && minhash(&w, out);
    words_free(&w);
    return made;
}

double minhash_similarity(const uint8_t *a, const uint8_t *b)
{
    int equal = 0;
    for (int i = 0; i < MINHASH_HASHES; i++)
        equal += memcmp(a + 2 * i, b + 2 * i, 2) == 0;
    return (double)equal / MINHASH_HASHES;
}

uint32_t minhash_band(const uint8_t *signature, int band)
{
    uint64_t half[2];
    memcpy(half, signature + (size_t)band * MINHASH_ROWS * 2, sizeof(half));
    return (uint32_t)(mix64(half[0] ^ mix64(half[1] + (uint64_t)band)) >> 32);
}
