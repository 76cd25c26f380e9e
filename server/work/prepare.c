/* Preparing a transfer whose constants take a pass over the embeddings: the mean of what realign's
 * second step gives. One task, start to end; nothing is kept of one that is interrupted. */
#include <math.h>
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "server/base/log.h"
#include "server/domain/moments.h"
#include "server/domain/transfer.h"
#include "server/domain/vector.h"
#include "server/work/internal.h"

enum { CENTER_BYTES_MAX = 1 << 20 };

/* As the method's authors have it: equal texts have no trace. */
static const double trace_floor = 1e-10;

struct preparation {
    struct worker *k;
    struct task *t;
    uint8_t transfer[UUID_BYTES], moments[UUID_BYTES];
    struct transfer rule;
    double *text_mean, *image_mean, *half, *center;
    float *vector;
    struct moments_sum sum;
    int64_t shards;
};

static void preparation_free(struct preparation *p)
{
    free(p->text_mean);
    free(p->image_mean);
    free(p->half);
    free(p->center);
    free(p->vector);
    free(p->sum.sums);
}

static int make_room(struct preparation *p, size_t n, struct err *e)
{
    p->text_mean = calloc(n, sizeof(double));
    p->image_mean = calloc(n, sizeof(double));
    p->half = calloc(n, sizeof(double));
    p->center = calloc(n, sizeof(double));
    p->vector = calloc(n, sizeof(float));
    p->sum = (struct moments_sum){.n = n, .sums = calloc(moments_doubles(n), sizeof(double))};
    if (p->text_mean && p->image_mean && p->half && p->center && p->vector && p->sum.sums)
        return 0;
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int take_row(struct preparation *p, const struct rows *rows, struct err *e)
{
    size_t n = (size_t)rows_i64(rows, 0, 2);
    double text_trace = rows_double(rows, 0, 4), image_trace = rows_double(rows, 0, 6);
    memcpy(p->transfer, rows_bytes(rows, 0, 0).p, UUID_BYTES);
    memcpy(p->moments, rows_bytes(rows, 0, 1).p, UUID_BYTES);
    p->shards = rows_i64(rows, 0, 7);
    if (make_room(p, n, e) < 0)
        return -1;
    if (!rows_doubles(rows, 0, 3, p->text_mean, n) || !rows_doubles(rows, 0, 5, p->image_mean, n))
        return err_set(e, ERR_INTERNAL, "the moments of a transfer have another dimension");
    p->rule = (struct transfer){.method = TRANSFER_REALIGN,
                                .n = n,
                                .mean = p->text_mean,
                                .image_mean = p->image_mean,
                                .scale = sqrt(image_trace / (text_trace + trace_floor))};
    return 0;
}

/* 1 when there is something to prepare, 0 when there is not. */
static int load(struct preparation *p, struct err *e)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    call_init(&c, STMT_PREPARE_LOAD);
    call_bytes(&c, p->t->run, UUID_BYTES);
    if (db_run(p->k->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    return take_row(p, rows, e) < 0 ? -1 : 1;
}

static bool stopping(const struct preparation *p)
{
    return atomic_load(&p->t->lost) || atomic_load(&p->t->info->stopping) ||
           atomic_load(&p->k->work->draining);
}

static void add(struct preparation *p, struct str bytes)
{
    if (bytes.p && vector_decode_unit((const uint8_t *)bytes.p, bytes.n, p->vector, p->rule.n) &&
        transfer_realign_half(&p->rule, p->vector, p->half))
        (void)moments_add_doubles(&p->sum, p->half);
}

/* Adds a page; *after moves to its last seed. */
static int add_page(struct preparation *p, int64_t shard, uint8_t *after, bool *more, struct err *e)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    call_init(&c, STMT_PREPARE_PAGE);
    call_i64(&c, shard);
    call_bytes(&c, p->moments, UUID_BYTES);
    call_bytes(&c, after, UUID_BYTES);
    if (db_run(p->k->db, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++)
        add(p, rows_bytes(rows, i, 1));
    *more = n > 0;
    if (n > 0)
        memcpy(after, rows_bytes(rows, n - 1, 0).p, UUID_BYTES);
    return 0;
}

static int add_all(struct preparation *p, struct err *e)
{
    for (int64_t s = 0; s < p->shards; s++) {
        uint8_t after[UUID_BYTES] = {0};
        bool more = true;
        while (more && !stopping(p))
            if (add_page(p, p->t->dataset * SHARDS_MAX + s, after, &more, e) < 0)
                return -1;
    }
    return 0;
}

static void call_finish(struct preparation *p, struct db_call *c, struct array *center,
                        const char *reason)
{
    const struct task *t = p->t;
    call_init(c, STMT_PREPARE_FINISH);
    call_i64(c, t->shard);
    call_bytes(c, t->run, UUID_BYTES);
    call_bytes(c, t->lo, UUID_BYTES);
    call_i64(c, t->token);
    call_bytes(c, p->transfer, UUID_BYTES);
    call_z(c, reason);
    call_double(c, p->rule.scale);
    if (reason)
        call_null(c);
    else
        call_array(c, center);
    call_i64(c, p->sum.count);
}

static int finish(struct preparation *p, struct err *e)
{
    const char *reason = p->sum.count < 2
                             ? "fewer than two embeddings are left of those that the moments are of"
                             : NULL;
    struct array center;
    struct rows *rows[2] = {0};
    struct db_call c[2];
    double trace;
    array_init(&center, ARRAY_FLOAT8, CENTER_BYTES_MAX);
    if (!reason)
        moments_finish(&p->sum, p->center, &trace);
    for (size_t i = 0; i < p->rule.n; i++)
        array_add_double(&center, p->center[i]);
    call_finish(p, &c[0], &center, reason);
    call_task(&c[1], STMT_FINISH_WHOLE, p->t);
    int rc = center.b.failed ? err_set(e, ERR_NO_MEMORY, "out of memory")
                             : db_batch(p->k->db, c, 2, rows, e);
    rows_free(rows[0]);
    rows_free(rows[1]);
    array_free(&center);
    return rc;
}

static int finish_task(struct preparation *p, struct err *e)
{
    struct db_call c;
    call_task(&c, STMT_FINISH_WHOLE, p->t);
    return db_run(p->k->db, &c, NULL, e);
}

int prepare_run(struct worker *k, struct task *t, struct err *e)
{
    struct preparation p _cleanup_(preparation_free) = {.k = k, .t = t};
    int found = load(&p, e);
    if (found < 0)
        return -1;
    if (found == 0)
        return finish_task(&p, e);
    if (add_all(&p, e) < 0)
        return -1;
    if (stopping(&p))
        return atomic_load(&t->lost) ? 0 : task_release(k->db, t, false);
    log_event(LOG_INFO, "transfer_prepared", log_z("task", t->info->hex),
              log_i("embeddings", p.sum.count));
    return finish(&p, e);
}
