#include "handlers/slice.h"

#include "handlers/bind.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/domain/vector.h"

enum { PAGE_BYTES = 2 << 20, PAGE_ROWS_MIN = 32, PAGE_ROWS_MAX = 2000 };

/* Where a page starts: behind this row of the shard. */
struct position {
    uint8_t seed[SEED_ID_BYTES], recipe[RECIPE_ID_BYTES];
    int64_t variant;
};

static int query_id(struct req *q, const char *name, struct str *out, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    struct db_call c;
    call_init(&c, STMT_SLICE_PAGE);
    if (bind_query_id(q, &c, name, e) < 0)
        return -1;
    *out = v->set ? arena_str(q->arena, v->text) : (struct str){NULL, 0};
    return v->set && !out->p ? err_set(e, ERR_NO_MEMORY, "no memory for the request") : 0;
}

/* "3" or "0-15". */
static int query_shards(struct req *q, int64_t shards, struct slice *s, struct err *e)
{
    const struct query_value *v = req_query(q, "shards");
    s->first = 0;
    s->last = shards - 1;
    if (!v->set)
        return 0;
    const char *dash = memchr(v->text.p, '-', v->text.n);
    struct str from = {v->text.p, dash ? (size_t)(dash - v->text.p) : v->text.n};
    struct str to = dash ? str_from(v->text, from.n + 1) : from;
    if (!str_to_i64(from, 0, shards - 1, &s->first) ||
        !str_to_i64(to, s->first, shards - 1, &s->last))
        return err_field(e, "?shards",
                         "must be a shard or a range such as 0-3, of shards 0 to %lld",
                         (long long)shards - 1);
    return 0;
}

static int read_query(struct req *q, struct slice *s, struct err *e)
{
    const struct query_value *view = req_query(q, "view"), *limit = req_query(q, "limit");
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    if (query_id(q, "run", &s->run, e) < 0 || query_id(q, "recipe", &s->recipe, e) < 0)
        return -1;
    s->picked = view->set ? view->number == VIEW_DEFAULT : !s->run.p && !s->recipe.p;
    s->limit = limit->set ? limit->number : INT64_MAX;
    return 0;
}

static int read_dataset(struct req *q, struct slice *s, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_SLICE_OPEN, e) < 0 || db_run(s->ctx.db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(q, e);
    s->lo = rows_i64(rows, 0, 0);
    s->view = arena_str(q->arena, rows_text(rows, 0, 2));
    s->time = arena_str(q->arena, rows_text(rows, 0, 3));
    if (!s->view.p || !s->time.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    return query_shards(q, rows_i64(rows, 0, 1), s, e);
}

/* Whether |u - m| is clearly more than zero for every unit vector u: it is at least 1 - |m|. */
static bool is_short(const double *m, const double *less, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        double d = m[i] - (less ? less[i] : 0);
        squares += d * d;
    }
    return squares < 0.99;
}

/* What cannot be known beforehand is computed beforehand. */
static bool is_certain(const struct transfer *t)
{
    if (t->method == TRANSFER_NONE)
        return true;
    return t->method == TRANSFER_MEAN_SHIFT && is_short(t->mean, t->image_mean, t->n);
}

static int find_transfer(struct req *q, struct slice *s, struct err *e)
{
    const struct query_value *transfer = req_query(q, "transfer"),
                             *encoder = req_query(q, "encoder");
    if (prepared_find(q, &s->ctx, q->params[0], transfer->set ? transfer->text : STR("mean_shift"),
                      encoder->set ? encoder->text : (struct str){NULL, 0}, &s->p, e) < 0)
        return -1;
    s->certain = is_certain(&s->p.transfer);
    s->scratch = arena_alloc(q->arena, 2 * (size_t)s->p.dimension * sizeof(float));
    return s->scratch ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for a vector");
}

int slice_open(struct slice *s, struct req *q, struct work_ctx *ctx, struct err *e)
{
    *s = (struct slice){.q = q, .ctx = *ctx};
    s->ctx.db = db_new(ctx->app->config->database_url, "slice", e);
    if (!s->ctx.db)
        return -1;
    db_prefer_indexes(s->ctx.db);
    if (read_query(q, s, e) < 0 || read_dataset(q, s, e) < 0)
        return -1;
    return find_transfer(q, s, e);
}

void slice_close(struct slice *s)
{
    db_free(s->ctx.db);
    s->ctx.db = NULL;
}

static void note(struct tally *t, const uint8_t *key)
{
    const struct str parts[] = {{(const char *)t->digest, sizeof(t->digest)},
                                {(const char *)key, CAPTION_KEY_BYTES}};
    sha256_parts(parts, 2, t->digest);
    t->rows++;
}

bool tally_eq(const struct tally *a, const struct tally *b)
{
    return a->rows == b->rows && a->left_out == b->left_out &&
           memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static int read_page(struct slice *s, const struct slice_walk *w, int64_t shard,
                     const struct position *at, int64_t size, struct rows **rows, struct err *e)
{
    struct db_call c;
    call_init(&c, STMT_SLICE_PAGE);
    call_i64(&c, s->lo + shard);
    call_bytes(&c, at->seed, sizeof(at->seed));
    call_bytes(&c, at->recipe, sizeof(at->recipe));
    call_i64(&c, at->variant);
    call_z(&c, s->p.encoder_id);
    call_text(&c, s->view);
    call_bool(&c, s->picked);
    call_text(&c, s->run);
    call_text(&c, s->recipe);
    call_text(&c, s->time);
    call_bool(&c, w->vectors || !s->certain);
    call_i64(&c, size);
    return request_pool_run(&s->ctx, &c, rows, e);
}

/* 1 with the representation in *v, 0 when there is none, -1 when the stored vector is not one. */
static int represent(struct slice *s, const uint8_t *key, struct str bytes, const float **v,
                     struct err *e)
{
    size_t n = (size_t)s->p.dimension;
    if (!bytes.p)
        return 1;
    if (!vector_decode_unit((const uint8_t *)bytes.p, bytes.n, s->scratch, n))
        return err_set(e, ERR_INTERNAL, "a stored vector does not have the encoder's form");
    *v = s->scratch + n;
    return transfer_apply(&s->p.transfer, key, s->scratch, s->scratch + n) ? 1 : 0;
}

static int take_row(struct slice *s, const struct slice_walk *w, const struct rows *r, int row,
                    struct tally *t, struct err *e)
{
    uint8_t key[CAPTION_KEY_BYTES];
    const float *v = NULL;
    if (!rows_copy(r, row, 0, key, SEED_ID_BYTES) ||
        !rows_copy(r, row, 1, key + SEED_ID_BYTES, CAPTION_HASH_BYTES))
        return err_set(e, ERR_INTERNAL, "a stored id does not have its form");
    int there = represent(s, key, rows_bytes(r, row, 2), &v, e);
    if (there < 0)
        return -1;
    t->left_out += !there;
    if (!there)
        return 0;
    note(t, key);
    return w->row ? w->row(w->arg, key, w->vectors ? v : NULL, e) : 0;
}

static int64_t page_size(const struct slice *s, const struct slice_walk *w)
{
    bool vectors = w->vectors || !s->certain;
    int64_t rows = vectors ? PAGE_BYTES / (4 * (int64_t)s->p.dimension) : PAGE_ROWS_MAX;
    return rows < PAGE_ROWS_MIN ? PAGE_ROWS_MIN : rows > PAGE_ROWS_MAX ? PAGE_ROWS_MAX : rows;
}

/* *more: there may be another page of the shard. */
static int walk_page(struct slice *s, const struct slice_walk *w, int64_t shard,
                     struct position *at, struct tally *t, bool *more, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    int64_t size = page_size(s, w);
    if (!request_pool_sleep(s->ctx.pool, 0))
        return err_set(e, ERR_UNAVAILABLE, "the server is ending");
    if ((w->page && w->page(w->arg, e) < 0) || read_page(s, w, shard, at, size, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n && t->rows < s->limit; i++)
        if (take_row(s, w, rows, i, t, e) < 0)
            return -1;
    *more = n == size;
    if (n > 0) {
        at->variant = rows_i64(rows, n - 1, 4);
        if (!rows_copy(rows, n - 1, 0, at->seed, sizeof(at->seed)) ||
            !rows_copy(rows, n - 1, 3, at->recipe, sizeof(at->recipe)))
            return err_set(e, ERR_INTERNAL, "a stored id does not have its form");
    }
    return 0;
}

int slice_walk(struct slice *s, const struct slice_walk *w, struct tally *t, struct err *e)
{
    *t = (struct tally){0};
    for (int64_t shard = s->first; shard <= s->last && t->rows < s->limit; shard++) {
        struct position at = {.variant = -1};
        for (bool more = true; more && t->rows < s->limit;)
            if (walk_page(s, w, shard, &at, t, &more, e) < 0)
                return -1;
    }
    return w->page ? w->page(w->arg, e) : 0;
}
