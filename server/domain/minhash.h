/* MinHash signatures: two texts have about as many equal hashes as their sets of word 5-grams have
 * in common (Jaccard similarity). 14 bands of 8 hashes find a pair of similarity J with probability
 * 1 - (1 - J^8)^14: 0.05, 0.21, 0.77, 0.92, 1.00 at 0.5, 0.6, 0.75, 0.8, 0.9. */
#ifndef MONOCEROS_DOMAIN_MINHASH_H
#define MONOCEROS_DOMAIN_MINHASH_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"
#include "server/domain/words.h"

enum {
    MINHASH_BANDS = 14,
    MINHASH_ROWS = 8, /* hashes of a band */
    MINHASH_HASHES = MINHASH_BANDS * MINHASH_ROWS,
    MINHASH_BYTES = 2 * MINHASH_HASHES, /* 16 bits of each, little-endian */
    MINHASH_GRAM = 5,                   /* words; a shorter text is one gram */
};

/* Of words in lower case without punctuation. False, and out untouched, without any word. */
bool minhash(const struct words *w, uint8_t out[MINHASH_BYTES]);
/* The same of a text; also false when out of memory. */
bool minhash_text(struct str text, uint8_t out[MINHASH_BYTES]);
/* The share of equal hashes: an estimate with a standard error of sqrt(J (1 - J) / 112). */
double minhash_similarity(const uint8_t *a, const uint8_t *b);
/* 32 bits that are equal for two signatures whose band is equal, and else by chance only. */
uint32_t minhash_band(const uint8_t *signature, int band);

#endif
