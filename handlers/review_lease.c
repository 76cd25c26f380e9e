/* Leasing the items of a review: candidates are read without locks, then claimed in their shards.
 */
#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/review.h"
#include "server/base/cleanup.h"
#include "server/json/write.h"

enum { COUNT_MAX = 100, COUNT_DEFAULT = 10, ROUNDS_MAX = 16, ARRAY_BYTES_MAX = 16384 };

struct lease_body {
    struct str reviewer;
    struct opt_int count;
};

const struct field lease_fields[] = {
    {FIELD_STRING, "reviewer", .required = true, .offset = offsetof(struct lease_body, reviewer),
     .min = 1, .max = REVIEWER_CHARS_MAX},
    {FIELD_INT, "count", .offset = offsetof(struct lease_body, count), .min = 1, .max = COUNT_MAX},
    {.type = FIELD_END},
};

struct lease {
    struct req *q;
    struct work_ctx *ctx;
    const char *review, *reviewer;
    int64_t count;
    struct array *seeds, *hashes; /* of the candidates */
    int64_t shards[COUNT_MAX];    /* in which they lie, each once */
    int n_shards, n_candidates;
};

/* The review's id and the reviewer's name, then how many. */
static int run_for_reviewer(const struct lease *l, enum stmt_id stmt, struct rows **rows,
                            struct err *e)
{
    struct db_call c;
    if (bind_review(l->q, &c, stmt, e) < 0)
        return -1;
    call_z(&c, l->reviewer);
    call_i64(&c, l->count);
    return db_run(l->ctx->db, &c, rows, e);
}

static int read_candidates(struct lease *l, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    if (run_for_reviewer(l, STMT_REVIEW_CANDIDATES, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return review_not_found(e);
    array_reset(l->seeds);
    array_reset(l->hashes);
    l->n_shards = l->n_candidates = 0;
    for (int i = 0; i < rows_count(rows) && !rows_null(rows, i, 0); i++) {
        int64_t shard = rows_i64(rows, i, 0);
        if (l->n_shards == 0 || l->shards[l->n_shards - 1] != shard)
            l->shards[l->n_shards++] = shard;
        array_add(l->seeds, rows_bytes(rows, i, 1));
        array_add(l->hashes, rows_bytes(rows, i, 2));
        l->n_candidates++;
    }
    return 0;
}

/* One transaction over the candidates' shards. The number of items that were to be had still. */
static int claim(const struct lease *l, struct err *e)
{
    struct rows *rows[COUNT_MAX];
    struct db_call *calls = arena_alloc(l->q->arena, (size_t)l->n_shards * sizeof(*calls));
    int claimed = 0;
    if (!calls)
        return err_set(e, ERR_NO_MEMORY, "no memory for the leases");
    for (int i = 0; i < l->n_shards; i++) {
        call_init(&calls[i], STMT_REVIEW_CLAIM);
        call_i64(&calls[i], l->shards[i]);
        call_z(&calls[i], l->review);
        call_z(&calls[i], l->reviewer);
        if (op_call_array(&calls[i], l->seeds, e) < 0 || op_call_array(&calls[i], l->hashes, e) < 0)
            return -1;
    }
    if (db_batch(l->ctx->db, calls, l->n_shards, rows, e) < 0)
        return -1;
    for (int i = 0; i < l->n_shards; i++) {
        claimed += rows_count(rows[i]);
        rows_free(rows[i]);
    }
    return claimed;
}

/* Goes on while others were faster. What they took is no candidate any more, so that each round but
 * the last has a winner. */
static int claim_all(struct lease *l, struct err *e)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (read_candidates(l, e) < 0)
            return -1;
        int claimed = l->n_candidates ? claim(l, e) : 0;
        if (claimed < 0)
            return -1;
        if (claimed == l->n_candidates)
            return 0;
    }
    return 0;
}

static int answer(const struct lease *l, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct buf *b = &l->q->res.body;
    if (run_for_reviewer(l, STMT_REVIEW_LEASED, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return review_not_found(e);
    res_json(l->q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int i = 0; i < rows_count(rows) && !rows_null(rows, i, 0); i++)
        json_raw(b, rows_text(rows, i, 0));
    json_close(b, ']');
    json_key(b, "counts");
    json_raw(b, rows_text(rows, 0, 1));
    json_close(b, '}');
    return 0;
}

static int lease_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct lease_body *body = op_body(q);
    struct lease l = {
        .q = q,
        .ctx = ctx,
        .review = arena_str(q->arena, q->params[0]).p,
        .reviewer = reviewer_name(q, body->reviewer, e),
        .count = body->count.set ? body->count.v : COUNT_DEFAULT,
        .seeds = op_array(q, ARRAY_UUID, ARRAY_BYTES_MAX),
        .hashes = op_array(q, ARRAY_BYTEA, ARRAY_BYTES_MAX),
    };
    if (!l.reviewer || !l.review)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    if (claim_all(&l, e) < 0)
        return -1;
    return answer(&l, e);
}

const struct operation op_lease_review_items = {.work = lease_work,
                                                .body_size = sizeof(struct lease_body)};
