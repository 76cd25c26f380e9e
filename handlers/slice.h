/* A slice of a dataset's representations, walked in the order of the list, in constant memory. Two
 * walks over one slice see the same rows unless somebody takes captions away meanwhile, which their
 * digests tell. */
#ifndef MONOCEROS_HANDLERS_SLICE_H
#define MONOCEROS_HANDLERS_SLICE_H

#include "handlers/vectors.h"
#include "server/base/hash.h"
#include "server/domain/identity.h"

enum { CAPTION_KEY_BYTES = TRANSFER_KEY_BYTES };

struct slice {
    struct req *q;
    struct work_ctx ctx; /* with a connection of its own, whose plans walk indexes */
    struct prepared p;
    int64_t lo;             /* shard_id of the dataset's first shard */
    int64_t first, last;    /* shards */
    int64_t limit;          /* rows */
    bool picked;            /* only what the default view picks */
    bool certain;           /* the transfer has a representation for every embedding */
    struct str run, recipe; /* NULL: any */
    struct str view;        /* its recipes, an array as text */
    struct str time;        /* embeddings that are made later are not seen */
    float *scratch;         /* twice the dimension */
};

/* What a walk saw. */
struct tally {
    int64_t rows, left_out;
    uint8_t
        digest[SHA256_BYTES]; /* chained over the rows: SHA-256 of the digest so far and the key */
};

/* One row: `key` is the caption's id in binary, v the representation, or NULL when the walk is one
 * without vectors. -1 ends the walk. */
typedef int (*slice_row_fn)(void *arg, const uint8_t key[CAPTION_KEY_BYTES], const float *v,
                            struct err *e);
/* Before each page and behind the last one; -1 ends the walk. */
typedef int (*slice_page_fn)(void *arg, struct err *e);

struct slice_walk {
    bool vectors;
    slice_row_fn row;   /* or NULL */
    slice_page_fn page; /* or NULL */
    void *arg;
};

/* From the request's path and query. Free with slice_close, also after a failure. */
int slice_open(struct slice *s, struct req *q, struct work_ctx *ctx, struct err *e);
void slice_close(struct slice *s);
int slice_walk(struct slice *s, const struct slice_walk *w, struct tally *t, struct err *e);
bool tally_eq(const struct tally *a, const struct tally *b);

#endif
