/* Which captions of a view are duplicates of which: candidates by equal hashes and bands, verified,
 * connected, and one of each component stays. What stays depends on the captions alone, not on the
 * order in which they were made. About 120 bytes a caption. */
#ifndef MONOCEROS_DOMAIN_DUPLICATES_H
#define MONOCEROS_DOMAIN_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"
#include "server/domain/filters.h"
#include "server/domain/identity.h"
#include "server/domain/minhash.h"

enum {
    DUPLICATE_ID_BYTES = SEED_ID_BYTES + CAPTION_HASH_BYTES,
    DUPLICATE_DIGEST_BYTES = 16,
    DUPLICATE_FETCH_MAX = 2048,
};

struct duplicate_caption {
    uint8_t id[DUPLICATE_ID_BYTES]; /* seed, hash: the order of ids */
    bool mine;                      /* of the run that decides: others stay what they are */
    bool marked;                    /* by this pass, before it was interrupted */
    uint16_t shard, recipe;         /* where the caller finds it again */
    int16_t variant;
    uint64_t label;     /* of label and domain of the seed; 0 without a label */
    uint64_t text_hash; /* equal for equal texts */
};

/* What is needed to verify a candidate. */
struct duplicate_text {
    bool known; /* false: it is gone, and nobody's duplicate */
    uint8_t digest[DUPLICATE_DIGEST_BYTES];
    uint8_t signature[MINHASH_BYTES];
};
/* Fills out[i] for caption rows[i]; n is at most DUPLICATE_FETCH_MAX. */
typedef int (*duplicate_fetch_fn)(void *arg, const uint32_t *rows, size_t n,
                                  struct duplicate_text *out, struct err *e);

struct duplicates;
/* The actions and parameters are those of exact_duplicate and near_duplicate. */
struct duplicates *duplicates_new(const struct filter_settings *s);
void duplicates_free(struct duplicates **d);
/* Signature: MINHASH_BYTES, or NULL for a caption without words. -1 when out of memory. */
int duplicates_add(struct duplicates *d, const struct duplicate_caption *c,
                   const uint8_t *signature);
int duplicates_find(struct duplicates *d, duplicate_fetch_fn fetch, void *arg, struct err *e);

size_t duplicates_count(const struct duplicates *d);
void duplicates_get(const struct duplicates *d, size_t i, struct duplicate_caption *out);

struct duplicate_verdict {
    enum filter_id dropped; /* or FILTER_COUNT */
    uint32_t flags;         /* bits of the two filters */
    uint32_t keeper;        /* the caption that stays in its place, when it is dropped */
};
/* Of a caption of this run, after duplicates_find(). */
void duplicates_judge(const struct duplicates *d, size_t i, struct duplicate_verdict *v);

#endif
