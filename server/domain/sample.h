/* A sample of texts that depends on nothing but their ids: those with the lowest keys, where a key
 * is a choice hash of the id. */
#ifndef MONOCEROS_DOMAIN_SAMPLE_H
#define MONOCEROS_DOMAIN_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct sample_item {
    uint64_t key;
    struct str text;  /* owned */
    struct str extra; /* what comes with it, behind the text; unset without */
};

struct sample {
    size_t n, size;
    struct sample_item *items; /* a heap, the highest key first, until sample_sort */
};

bool sample_init(struct sample *s, size_t size); /* false when there is no memory */
void sample_free(struct sample *s);              /* also of a zeroed struct */
/* Copies the text, and what comes with it, when it belongs to the sample so far; false when there
 * is no memory. */
bool sample_add(struct sample *s, uint64_t key, struct str text, struct str extra);
/* By ascending key; nothing may be added any more. */
void sample_sort(struct sample *s);

#endif
