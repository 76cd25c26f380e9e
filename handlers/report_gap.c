/* What a report on the modality gap is asked for, and where its rows come from. */
#include "handlers/report_gap.h"

#include <math.h>

#include "handlers/image_moments.h"
#include "handlers/operations.h"
#include "handlers/report.h"
#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/domain/vector.h"

enum {
    CANDIDATES_MAX = 1 << 16, /* that a sample is drawn from, evenly of the shards */
    BATCH = 250,              /* captions read at a time */
    ARRAY_BYTES = 65536,
};

const int64_t gap_edges[GAP_BUCKETS] = {0, 50, 100, 150, 200};

static int statement(struct gap_report *r, const struct db_call *c, struct rows **rows,
                     struct err *e)
{
    if (http_draining(r->q))
        return err_set(e, ERR_UNAVAILABLE, "the server is ending");
    return db_run(r->db, c, rows, e);
}

static int read_scope(struct gap_report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_REPORT_SCOPE);
    bind_caller(r->q, &c);
    call_text(&c, r->dataset);
    call_null(&c);
    call_null(&c);
    if (statement(r, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(r->q, e);
    r->number = rows_i64(rows, 0, 0);
    r->shards = rows_i64(rows, 0, 1);
    r->changing = rows_i64(rows, 0, 6) > 0;
    r->view = strndup(rows_text(rows, 0, 2).p, rows_text(rows, 0, 2).n);
    return r->view ? 0 : gap_no_memory(e);
}

static int take_side(struct gap_report *r, const struct rows *rows, int mean, struct gap_side *side,
                     struct err *e)
{
    size_t d = (size_t)r->p.dimension;
    struct str id = rows_text(rows, 0, 0);
    double *values = arena_alloc(r->q->arena, d * sizeof(*values));
    side->id = arena_dup(r->q->arena, id.p, id.n);
    if (!values || !side->id)
        return gap_no_memory(e);
    if (!rows_doubles(rows, 0, mean, values, d))
        return err_set(e, ERR_INTERNAL, "moments of another dimension than their encoder's");
    side->mean = values;
    side->trace = rows_double(rows, 0, mean + 1);
    side->count = rows_i64(rows, 0, mean - 1);
    return 0;
}

static int read_text_side(struct gap_report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_GAP_TEXT_MOMENTS);
    call_i64(&c, r->number);
    call_z(&c, r->p.encoder_id);
    call_z(&c, r->p.moments);
    if (statement(r, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    r->text.created_us = rows_i64(rows, 0, 4);
    return take_side(r, rows, 2, &r->text, e);
}

/* Where one of the uploaded vectors comes when only the first of them are used. */
struct turn {
    uint64_t key;
    size_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* In the order of hashes: files of vectors are sorted by whatever. */
static void draw_images(int64_t seed, struct turn *turns, size_t n)
{
    char purpose[40], index[24];
    (void)snprintf(purpose, sizeof(purpose), "gap-images:%lld:", (long long)seed);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(index, sizeof(index), "%zu", i);
        turns[i] = (struct turn){hash_choice(str_of(purpose), str_of(index)), i};
    }
    qsort(turns, n, sizeof(*turns), by_key);
}

/* What cannot be read is left out. */
static int take_image_rows(struct gap_report *r, struct str bytes, struct err *e)
{
    size_t d = (size_t)r->p.dimension, size = 2 * d, n = bytes.n / size;
    n = n < GAP_IMAGES_MAX ? n : GAP_IMAGES_MAX;
    _cleanup_(freep) struct turn *turns = calloc(n + 1, sizeof(*turns));
    if (!turns || !gap_rows_init(&r->image_rows, n, d))
        return gap_no_memory(e);
    draw_images(r->seed, turns, n);
    r->image_rows.n = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *half = (const uint8_t *)bytes.p + turns[i].index * size;
        float *row = gap_row(&r->image_rows, r->image_rows.n);
        if (vector_decode_unit(half, size, row, d))
            r->image_rows.n++;
    }
    return 0;
}

static int read_image_side(struct gap_report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_GAP_IMAGE_MOMENTS);
    call_z(&c, r->p.encoder_id);
    call_z(&c, r->images.p ? NULL : r->p.image_moments);
    if (bind_image_moments(r->q, &c, r->images, "?image_moments", e) < 0 ||
        statement(r, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return r->images.p ? err_set(e, ERR_NOT_FOUND, "the encoder has no such image moments") : 0;
    struct str label = rows_text(rows, 0, 1);
    r->image.label = arena_dup(r->q->arena, label.p, label.n);
    r->image.version = rows_i64(rows, 0, 2);
    if (!r->image.label)
        return gap_no_memory(e);
    if (take_side(r, rows, 4, &r->image, e) < 0)
        return -1;
    return rows_null(rows, 0, 6) ? 0 : take_image_rows(r, rows_bytes(rows, 0, 6), e);
}

/* Where the next page of a shard starts, and how many of the shard's captions may still come. */
struct place {
    char seed[33], recipe[33];
    int64_t variant, left;
};

static int add_candidate(struct gap_report *r, const char *purpose, int64_t shard, struct str seed,
                         struct str hash, struct err *e)
{
    char id[CAPTION_ID_TEXT + 1];
    uint8_t key[TRANSFER_KEY_BYTES];
    if (seed.n != SEED_ID_BYTES || hash.n != CAPTION_HASH_BYTES)
        return 0;
    caption_id((const uint8_t *)seed.p, (const uint8_t *)hash.p, id);
    memcpy(key, seed.p, seed.n);
    memcpy(key + seed.n, hash.p, hash.n);
    uint64_t choice = hash_choice(str_of(purpose), (struct str){id, CAPTION_ID_TEXT});
    r->candidates++;
    if (!sample_add(&r->sample, choice, (struct str){(const char *)key, sizeof(key)},
                    (struct str){(const char *)&shard, sizeof(shard)}))
        return gap_no_memory(e);
    return 0;
}

/* How many rows the page had, 0 at the end. */
static int keys_page(struct gap_report *r, const char *purpose, int64_t shard, struct place *at,
                     struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_GAP_KEYS);
    call_i64(&c, shard);
    call_z(&c, at->seed);
    call_z(&c, at->recipe);
    call_i64(&c, at->variant);
    call_z(&c, r->view);
    call_z(&c, r->p.encoder_id);
    if (statement(r, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++) {
        struct str seed = rows_bytes(rows, i, 0), recipe = rows_bytes(rows, i, 1);
        if (at->left == 0) {
            r->all = false;
            return 0;
        }
        at->left--;
        if (add_candidate(r, purpose, shard, seed, rows_bytes(rows, i, 3), e) < 0)
            return -1;
        hex_encode((const uint8_t *)seed.p, SEED_ID_BYTES, at->seed);
        hex_encode((const uint8_t *)recipe.p, RECIPE_ID_BYTES, at->recipe);
        at->variant = rows_i64(rows, i, 2);
    }
    return n;
}

/* Seed ids are hashes: the lowest ones of a shard are as good as any. */
static int draw_sample(struct gap_report *r, struct err *e)
{
    char purpose[40];
    (void)snprintf(purpose, sizeof(purpose), "gap:%lld:", (long long)r->seed);
    r->all = true;
    for (int64_t i = 0; i < r->shards; i++) {
        struct place at = {.seed = "00000000000000000000000000000000",
                           .recipe = "00000000000000000000000000000000",
                           .variant = -1,
                           .left = (CANDIDATES_MAX + r->shards - 1) / r->shards};
        int n;
        do
            n = keys_page(r, purpose, shard_id(r->number, i), &at, e);
        while (n > 0);
        if (n < 0)
            return -1;
    }
    sample_sort(&r->sample);
    return 0;
}

static int64_t shard_of(const struct sample_item *item)
{
    int64_t shard;
    memcpy(&shard, item->extra.p, sizeof(shard));
    return shard;
}

/* An item of the sample, and its place in the order of the hashes. */
struct drawn {
    const struct sample_item *item;
    size_t row;
};

static int by_shard(const void *a, const void *b)
{
    const struct drawn *x = a, *y = b;
    int64_t p = shard_of(x->item), q = shard_of(y->item);
    if (p != q)
        return p < q ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int bucket_of(struct str text)
{
    int64_t words = (int64_t)text_words(text);
    int i = GAP_BUCKETS - 1;
    while (i > 0 && words < gap_edges[i])
        i--;
    return i;
}

enum { BUCKET_NONE = -1 };

/* Rows without a representation keep BUCKET_NONE. */
static void take_row(struct gap_report *r, const struct rows *rows, int i, const struct drawn *d)
{
    struct str bytes = rows_bytes(rows, i, 1);
    const uint8_t *key = (const uint8_t *)d->item->text.p;
    float *from = gap_row(&r->rows, d->row), *to = gap_row(&r->made, d->row);
    r->gone--;
    if (!vector_decode_unit((const uint8_t *)bytes.p, bytes.n, from, r->rows.d)) {
        r->unreadable++;
    } else if (!transfer_apply(&r->p.transfer, key, from, to)) {
        r->failed++;
    } else {
        r->bucket[d->row] = bucket_of(rows_text(rows, i, 2));
        r->newer += r->text.id && rows_i64(rows, i, 3) > r->text.created_us;
    }
}

/* Reads n items of one shard. */
static int read_batch(struct gap_report *r, const struct drawn *drawn, size_t n, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    _cleanup_(array_free) struct array seeds, hashes;
    struct db_call c;
    array_init(&seeds, ARRAY_UUID, ARRAY_BYTES);
    array_init(&hashes, ARRAY_BYTEA, ARRAY_BYTES);
    for (size_t i = 0; i < n; i++) {
        const char *key = drawn[i].item->text.p;
        array_add(&seeds, (struct str){key, SEED_ID_BYTES});
        array_add(&hashes, (struct str){key + SEED_ID_BYTES, CAPTION_HASH_BYTES});
    }
    call_init(&c, STMT_GAP_ROWS);
    call_i64(&c, shard_of(drawn[0].item));
    call_z(&c, r->p.encoder_id);
    if (op_call_array(&c, &seeds, e) < 0 || op_call_array(&c, &hashes, e) < 0 ||
        statement(r, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++)
        take_row(r, rows, i, &drawn[rows_i64(rows, i, 0)]);
    return 0;
}

static int read_drawn(struct gap_report *r, const struct drawn *drawn, size_t n, struct err *e)
{
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && end - i < BATCH; end++)
            if (shard_of(drawn[end].item) != shard_of(drawn[i].item))
                break;
        if (read_batch(r, drawn + i, end - i, e) < 0)
            return -1;
    }
    return 0;
}

/* Closes the ranks over rows that have no representation. */
static void compact(struct gap_report *r)
{
    size_t n = 0, bytes = r->rows.stride * sizeof(float);
    for (size_t i = 0; i < r->rows.n; i++)
        if (r->bucket[i] != BUCKET_NONE) {
            memmove(gap_row(&r->rows, n), gap_row(&r->rows, i), bytes);
            memmove(gap_row(&r->made, n), gap_row(&r->made, i), bytes);
            r->bucket[n++] = r->bucket[i];
        }
    r->rows.n = r->made.n = n;
}

static int read_sample(struct gap_report *r, struct err *e)
{
    size_t n = r->sample.n, d = (size_t)r->p.dimension;
    _cleanup_(freep) struct drawn *drawn = calloc(n + 1, sizeof(*drawn));
    r->bucket = malloc((n + 1) * sizeof(*r->bucket));
    if (!drawn || !r->bucket || !gap_rows_init(&r->rows, n, d) || !gap_rows_init(&r->made, n, d))
        return gap_no_memory(e);
    for (size_t i = 0; i < n; i++) {
        drawn[i] = (struct drawn){&r->sample.items[i], i};
        r->bucket[i] = BUCKET_NONE;
    }
    r->gone = (int64_t)n;
    qsort(drawn, n, sizeof(*drawn), by_shard);
    if (read_drawn(r, drawn, n, e) < 0)
        return -1;
    compact(r);
    return 0;
}

/* As many as the time of 4,000 at 1,280 dimensions allows. */
static size_t sample_most(const struct gap_report *r)
{
    double wide = fmax(1, (double)r->p.dimension / GAP_DIMENSION);
    return (size_t)((double)GAP_SAMPLE_MAX / sqrt(wide));
}

int gap_read(struct gap_report *r, struct err *e)
{
    size_t most = sample_most(r), asked = (size_t)r->asked;
    if (read_scope(r, e) < 0 || read_text_side(r, e) < 0 || read_image_side(r, e) < 0)
        return -1;
    if (!sample_init(&r->sample, asked < most ? asked : most))
        return gap_no_memory(e);
    return draw_sample(r, e) < 0 || read_sample(r, e) < 0 ? -1 : 0;
}

void gap_report_free(struct gap_report *r)
{
    free(r->view);
    free(r->bucket);
    sample_free(&r->sample);
    gap_rows_free(&r->rows);
    gap_rows_free(&r->made);
    gap_rows_free(&r->unit);
    gap_rows_free(&r->image_rows);
    gap_rows_free(&r->image_seen);
}

/* A copy in the request's arena with a terminator; unset stays unset. */
static int take_text(struct req *q, const char *name, struct str *out, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    if (!v->set)
        return 0;
    *out = arena_str(q->arena, v->text);
    return out->p ? 0 : gap_no_memory(e);
}

static int read_query(struct req *q, struct gap_report *r, struct err *e)
{
    const struct query_value *sample = req_query(q, "sample"), *seed = req_query(q, "seed");
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    r->q = q;
    r->dataset = arena_str(q->arena, q->params[0]);
    r->transfer = STR("mean_shift");
    r->asked = sample->set ? sample->number : GAP_SAMPLE;
    r->seed = seed->set ? seed->number : 0;
    if (!r->dataset.p)
        return gap_no_memory(e);
    if (take_text(q, "transfer", &r->transfer, e) < 0 ||
        take_text(q, "encoder", &r->encoder, e) < 0 ||
        take_text(q, "image_moments", &r->images, e) < 0)
        return -1;
    return 0;
}

static int make_report(struct gap_report *r, struct work_ctx *ctx, struct err *e)
{
    struct req *q = r->q;
    int64_t started = clock_us();
    if (prepared_find(q, ctx, r->dataset, r->transfer, r->encoder, &r->p, e) < 0)
        return -1;
    _cleanup_(report_disconnect) struct db *db = report_connect(ctx->app, e);
    r->db = db;
    if (!db || gap_read(r, e) < 0)
        return -1;
    if (r->rows.n < GAP_SAMPLE_MIN)
        return err_set(e, ERR_TOO_FEW_VECTORS,
                       "fewer than two captions of the default view have a representation");
    if (gap_measure(r, e) < 0)
        return -1;
    r->took_us = clock_us() - started;
    res_json(q, 200);
    gap_write(r, &q->res.body);
    return 0;
}

static int gap_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct gap_report r = {0};
    if (read_query(q, &r, e) < 0 || report_enter(ctx->app, e) < 0)
        return -1;
    int rc = make_report(&r, ctx, e);
    q->res.fresh = true;
    report_leave(ctx->app);
    gap_report_free(&r);
    return rc;
}

const struct operation op_get_gap_report = {.work = gap_work};
