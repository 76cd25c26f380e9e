#include "handlers/review_draw.h"

#include <stdlib.h>

#include "server/base/cleanup.h"

/* The key of the last caption that was walked over. */
struct stretch {
    uint8_t seed[SEED_ID_BYTES], recipe[RECIPE_ID_BYTES];
    int64_t variant;
};

static int compare(const void *a, const void *b)
{
    const struct drawn *x = a, *y = b;
    return memcmp(x->draw, y->draw, sizeof(x->draw));
}

static void keep_best(struct draw *d)
{
    qsort(d->best, d->n, sizeof(*d->best), compare);
    if (d->n > d->most)
        d->n = d->most;
}

static int make_room(struct draw *d, size_t more, struct err *e)
{
    if (d->n + more <= d->room)
        return 0;
    size_t room = d->n + more;
    struct drawn *grown = realloc(d->best, room * sizeof(*grown));
    if (!grown)
        return err_set(e, ERR_NO_MEMORY, "no memory for the sample");
    d->best = grown;
    d->room = room;
    return 0;
}

static void take(struct draw *d, const struct rows *r, int row)
{
    struct drawn *x = &d->best[d->n++];
    memcpy(x->seed, rows_bytes(r, row, 3).p, sizeof(x->seed));
    memcpy(x->hash, rows_bytes(r, row, 4).p, sizeof(x->hash));
    memcpy(x->recipe, rows_bytes(r, row, 5).p, sizeof(x->recipe));
    x->variant = (int)rows_i64(r, row, 6);
    memcpy(x->draw, rows_bytes(r, row, 7).p, sizeof(x->draw));
}

/* Once the sample is full only what is better than its last is asked for. */
static int run_stretch(struct work_ctx *ctx, const struct draw_from *from, const struct draw *d,
                       int64_t shard, const struct stretch *at, struct rows **rows, struct err *e)
{
    struct db_call c;
    call_init(&c, STMT_REVIEW_DRAW);
    call_i64(&c, shard);
    call_bytes(&c, at->seed, sizeof(at->seed));
    call_bytes(&c, at->recipe, sizeof(at->recipe));
    call_i64(&c, at->variant);
    call_z(&c, d->purpose);
    if (d->n == d->most)
        call_bytes(&c, d->best[d->n - 1].draw, SHA256_BYTES);
    else
        call_null(&c);
    call_z(&c, from->view);
    call_bool(&c, from->only_picked);
    const struct str filters[] = {from->run,     from->recipe, from->source, from->domain,
                                  from->outcome, from->flag,   from->verdict};
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        call_text(&c, filters[i]);
    return db_run(ctx->db, &c, rows, e);
}

static int take_stretch(struct draw *d, const struct rows *r, struct stretch *at, struct err *e)
{
    int n = rows_count(r);
    if (make_room(d, (size_t)n, e) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (!rows_null(r, i, 3))
            take(d, r, i);
    keep_best(d);
    memcpy(at->seed, rows_bytes(r, 0, 0).p, sizeof(at->seed));
    memcpy(at->recipe, rows_bytes(r, 0, 1).p, sizeof(at->recipe));
    at->variant = rows_i64(r, 0, 2);
    return 0;
}

static int walk_shard(struct work_ctx *ctx, const struct draw_from *from, struct draw *d,
                      int64_t shard, struct err *e)
{
    struct stretch at = {.variant = -1};
    for (;;) {
        _cleanup_(rows_freep) struct rows *rows = NULL;
        if (!request_pool_sleep(ctx->pool, 0))
            return err_set(e, ERR_UNAVAILABLE, "the server is ending");
        if (run_stretch(ctx, from, d, shard, &at, &rows, e) < 0)
            return -1;
        if (rows_count(rows) == 0)
            return 0;
        if (take_stretch(d, rows, &at, e) < 0)
            return -1;
    }
}

int draw_all(struct work_ctx *ctx, const struct draw_from *from, struct draw *d, struct err *e)
{
    for (int64_t i = 0; i < from->shards; i++)
        if (walk_shard(ctx, from, d, from->first_shard + i, e) < 0)
            return -1;
    return 0;
}

void draw_free(struct draw *d)
{
    free(d->best);
    d->best = NULL;
}
