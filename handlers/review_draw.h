/* The draw of a sample: the captions with the lowest SHA-256("review:" seed || caption id), so that
 * a larger sample holds every smaller one and the same captions come out wherever it is drawn. */
#ifndef MONOCEROS_HANDLERS_REVIEW_DRAW_H
#define MONOCEROS_HANDLERS_REVIEW_DRAW_H

#include "handlers/operation.h"
#include "server/base/hash.h"
#include "server/domain/identity.h"

/* What is drawn from; texts end with NUL, what does not matter is unset. */
struct draw_from {
    int64_t first_shard, shards;
    const char *view; /* the recipes of the default view in order, as a uuid[] literal */
    bool only_picked;
    struct str run, recipe, source, domain, outcome, flag, verdict;
};

struct drawn {
    uint8_t draw[SHA256_BYTES];
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES], recipe[RECIPE_ID_BYTES];
    int variant;
};

/* The best of what has been seen, at most `most`, and while a stretch is taken in those of it. */
struct draw {
    const char *purpose; /* "review:<seed>" */
    size_t most, n, room;
    struct drawn *best;
};

/* Walks over the shards in short statements. On success best[0..n) is in the order of the draw. */
int draw_all(struct work_ctx *ctx, const struct draw_from *from, struct draw *d, struct err *e);
void draw_free(struct draw *d);

#endif
