/* Words as statistics count them: runs of Unicode letters, marks and digits, with apostrophes
 * inside
 * ("don't"), lower-cased code point by code point. "Well-lit" is two words. */
#ifndef MONOCEROS_DOMAIN_TERMS_H
#define MONOCEROS_DOMAIN_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

/* The words of one text by their hashes. Zeroed before the first use, kept from text to text, freed
 * with terms_free. */
struct terms {
    size_t n, cap;
    uint64_t *hash;
};

/* Takes valid UTF-8 apart; false when there is no memory, and then w has no words. */
bool terms_split(struct terms *w, struct str text);
void terms_free(struct terms *w);
/* The first n words of the text, lower-cased, with a space between them; as many whole words as out
 * has room for. Ends with a NUL. */
void terms_first(struct str text, size_t n, char *out, size_t size);

/* The hash of one lower-cased word: FNV-1a (64 bits) over its bytes, and hash_mix over that. */
uint64_t term_hash(struct str lower);
/* A bijection of 64 bits (the finaliser of MurmurHash3) after which all bits look random. */
static inline uint64_t hash_mix(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdU;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53U;
    return h ^ h >> 33;
}

/* The hash of n words in a row, n from 1. */
static inline uint64_t terms_gram(const uint64_t *hash, size_t n)
{
    uint64_t h = hash[0];
    for (size_t i = 1; i < n; i++)
        h = hash_mix(h * 0x9e3779b97f4a7c15U + hash[i]);
    return h;
}

#endif
