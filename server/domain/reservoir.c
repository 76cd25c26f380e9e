#include "server/domain/reservoir.h"

#include <stdlib.h>

void reservoir_init(struct reservoir *r, size_t most, size_t row_bytes, uint64_t seed)
{
    *r = (struct reservoir){.most = most, .row_bytes = row_bytes, .state = seed};
}

void reservoir_free(struct reservoir *r)
{
    free(r->bytes);
    r->bytes = NULL;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_word(struct reservoir *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Uniform below n, without the bias of a plain remainder. */
static uint64_t below(struct reservoir *r, uint64_t n)
{
    uint64_t excess = (UINT64_MAX % n + 1) % n, word;
    do
        word = next_word(r);
    while (word > UINT64_MAX - excess);
    return word % n;
}

bool reservoir_next(struct reservoir *r, uint8_t **room)
{
    *room = NULL;
    if (!r->bytes && !(r->bytes = malloc(r->most * r->row_bytes)))
        return false;
    uint64_t place = r->rows < r->most ? r->rows++ : below(r, r->seen + 1);
    r->seen++;
    if (place < r->most)
        *room = r->bytes + place * r->row_bytes;
    return true;
}
