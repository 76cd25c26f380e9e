/* Texts of one batch without padding. Attention looks back only, so that texts that begin alike
 * have these tokens' states in common: sorted, each is computed from where it differs from the one
 * before. Pure. */
#ifndef MONOCEROS_PROVIDERS_CLIP_PACK_H
#define MONOCEROS_PROVIDERS_CLIP_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"

/* The tokens of one text, up to the one that its vector is read off. */
struct clip_sequence {
    const int32_t *ids;
    size_t n;      /* at least 1 */
    size_t shared; /* of these, that the one before begins with; all: it is the same text */
    size_t item;   /* index of the text in the batch */
};

/* What is computed together: shares nothing with other parts. */
struct clip_part {
    const struct clip_sequence *sequences; /* the first shares nothing */
    size_t n, rows;                        /* sequences; tokens to compute */
    size_t distinct;                       /* sequences that differ from the one before */
};

struct clip_pack {
    struct clip_sequence *sequences;
    struct clip_part *parts;
    size_t n, n_parts;
};

/* Sorts n sequences and cuts them into parts of about rows_max tokens, of at least `parts` where
 * each then still has rows_min. `sequences` stays the caller's, is put in order and outlives the
 * pack. */
struct clip_pack_limits {
    size_t rows_min, rows_max, parts;
};
int clip_pack_make(struct clip_sequence *sequences, size_t n, const struct clip_pack_limits *l,
                   struct clip_pack *ret, struct err *e);
void clip_pack_free(struct clip_pack *p); /* also of a zeroed struct */

#endif
