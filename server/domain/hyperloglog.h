/* The number of different values in a stream, in constant memory: HyperLogLog (Flajolet and others,
 * 2007) with 64-bit hashes and Ertl's estimator (2017), which needs no tables for small numbers. */
#ifndef MONOCEROS_DOMAIN_HYPERLOGLOG_H
#define MONOCEROS_DOMAIN_HYPERLOGLOG_H

#include <stdint.h>

enum { HYPERLOGLOG_BITS = 16, HYPERLOGLOG_REGISTERS = 1 << HYPERLOGLOG_BITS };

/* Of an estimate, relative: 1.04 / sqrt(registers). */
#define HYPERLOGLOG_STANDARD_ERROR (1.04 / 256)

/* Zeroed before the first use. */
struct hyperloglog {
    uint8_t registers[HYPERLOGLOG_REGISTERS];
};

/* All 64 bits of the hash must look random. */
static inline void hyperloglog_add(struct hyperloglog *h, uint64_t hash)
{
    uint64_t rest = hash << HYPERLOGLOG_BITS | (uint64_t)1 << (HYPERLOGLOG_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *r = &h->registers[hash >> (64 - HYPERLOGLOG_BITS)];
    if (rank > *r)
        *r = rank;
}

double hyperloglog_estimate(const struct hyperloglog *h);

#endif
