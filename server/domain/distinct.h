/* How many different hashes have come: counted exactly up to a bound, estimated beyond it. */
#ifndef MONOCEROS_DOMAIN_DISTINCT_H
#define MONOCEROS_DOMAIN_DISTINCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/domain/hyperloglog.h"

struct distinct {
    size_t bound; /* most that are counted exactly */
    size_t n, cap;
    uint64_t *slots; /* a table of cap hashes, at most half full; 0 is a free slot */
    bool estimated;  /* beyond the bound, or out of memory: the table is gone */
    struct hyperloglog sketch;
};

void distinct_init(struct distinct *d, size_t bound);
void distinct_free(struct distinct *d); /* also of a zeroed struct */
/* The hashes of one text at a time: the memory that they need is fetched side by side. */
void distinct_add(struct distinct *d, const uint64_t *hashes, size_t n);
/* A whole number unless d->estimated. */
double distinct_count(const struct distinct *d);
/* Relative; 0 when exact. */
double distinct_standard_error(const struct distinct *d);

#endif
