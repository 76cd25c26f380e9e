#include "server/domain/minhash.h"

#include <endian.h>
#include <string.h>

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

/* A permutation of a gram is the upper half of a linear function of its hash: one multiplication,
 * good enough because the hash is well mixed. */
static void add_gram(uint64_t hash, const uint64_t *factor, const uint64_t *summand,
                     uint32_t *least)
{
    for (int i = 0; i < MINHASH_HASHES; i++) {
        uint32_t v = (uint32_t)((hash * factor[i] + summand[i]) >> 32);
        least[i] = v < least[i] ? v : least[i];
    }
}

bool minhash(const struct words *w, uint8_t out[MINHASH_BYTES])
{
    uint64_t factor[MINHASH_HASHES], summand[MINHASH_HASHES];
    uint32_t least[MINHASH_HASHES];
    size_t gram = w->n < MINHASH_GRAM ? w->n : MINHASH_GRAM;
    if (w->n == 0)
        return false;
    constants(factor, summand);
    memset(least, 0xff, sizeof(least));
    for (size_t i = 0; i + gram <= w->n; i++)
        add_gram(words_hash(&w->of[i], gram), factor, summand, least);
    for (int i = 0; i < MINHASH_HASHES; i++) {
        /* The upper bits of a minimum are mostly zero: the lower ones tell texts apart. */
        uint16_t kept = htole16((uint16_t)least[i]);
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
