/* A text as its words, in one pass: what the filters and the signature of a caption work on. */
#ifndef MONOCEROS_DOMAIN_WORDS_H
#define MONOCEROS_DOMAIN_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

/* Letters and digits in a row; apostrophes within are left out, so that "it's" and "it’s" are the
 * same word. Hyphens and all other punctuation divide. */
struct word {
    uint32_t at, n; /* its bytes in the text */
    uint64_t hash;  /* of the word in lower case (ASCII), well mixed */
};

struct words {
    struct word *of; /* owned */
    size_t n;
};

/* The text is valid UTF-8 of less than 4 GiB. -1 when out of memory. */
int words_split(struct str text, struct words *out);
void words_free(struct words *w);
/* Of n words in a row: what two texts with the same run of words have in common. */
uint64_t words_hash(const struct word *w, size_t n);
/* Whether w holds the n words in a row. */
bool words_contain(const struct words *w, const struct word *run, size_t n);

/* A bijection that makes every bit depend on every bit. */
static inline uint64_t mix64(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93U;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93U;
    return h ^ (h >> 32);
}

#endif
