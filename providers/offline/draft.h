/* A caption in the making: the values chosen for it and what is still to be said. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_DRAFT_H
#define MONOCEROS_PROVIDERS_OFFLINE_DRAFT_H

#include "providers/offline/expand.h"
#include "providers/offline/seed.h"

struct draft {
    const struct seed *seed;
    struct choice c;
    uint64_t traits;
    uint64_t open;    /* slots that may still be stated */
    uint64_t context; /* slots that may be named at any time from now on */
    struct slots slots;
    struct buf *out;
    size_t start; /* where the caption begins in out */
    size_t words;
    unsigned facts;
    char opener[24]; /* first word of the sentence before */
};

/* What of a subject carries its finish: "the fur". */
const char *part_name(uint64_t traits);
/* Chooses the values; afterwards `open` holds every kind that has one. */
void draft_choose(struct draft *d, const struct seed *seed);

#endif
