/* Byte-pair encoding of one word: the table of merges, and the joining of what stands in it. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_BPE_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct clip_merge {
    int32_t left, right; /* ids; left is -1 where the table has nothing */
    uint32_t rank;       /* the lowest is joined first */
    int32_t joined;
};

struct clip_bpe {
    int32_t inner[256], last[256]; /* ids of the bytes, and of those at the end of a word */
    struct clip_merge *merges;     /* open addressing, at most half full */
    size_t mask;
};

/* Room for n merges; -1 when out of memory. */
int clip_bpe_init(struct clip_bpe *b, size_t n);
void clip_bpe_free(struct clip_bpe *b);
/* False when the pair is there already. */
bool clip_bpe_add(struct clip_bpe *b, struct clip_merge m);

/* Ids of a word, at most one a byte, into ids; their number, or -1 when out of memory. */
ptrdiff_t clip_bpe_encode(const struct clip_bpe *b, struct str word, int32_t *ids);

#endif
