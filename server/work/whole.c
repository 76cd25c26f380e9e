/* The tasks that are not ranges of items: planning a shard, choosing captions by number, summing
 * it, preparing the transfers, removing what was deleted. Each is one worker's, start to end, and
 * idempotent. */
#include <stdio.h>
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/base/log.h"
#include "server/domain/moments.h"
#include "server/domain/transfer.h"
#include "server/domain/vector.h"
#include "server/work/internal.h"

enum { DOUBLES_BYTES_MAX = 1 << 20 };

static int batch(struct worker *k, const struct db_call *calls, int n, bool *held, struct err *e)
{
    struct rows *rows[5] = {0};
    int rc = db_batch(k->db, calls, n, rows, e);
    *held = rc == 0 && rows_count(rows[n - 1]) > 0;
    for (int i = 0; i < n; i++)
        rows_free(rows[i]);
    return rc;
}

static int plan(struct worker *k, const struct task *t, struct err *e)
{
    struct db_call c[2];
    bool held = false;
    call_init(&c[0], STMT_PLAN_CUT);
    call_i64(&c[0], t->shard);
    call_bytes(&c[0], t->run, UUID_BYTES);
    call_i64(&c[0], t->token);
    call_i64(&c[0], k->work->s.range_size);
    call_task(&c[1], STMT_FINISH_WHOLE, t);
    return batch(k, c, 2, &held, e);
}

/* Turns the numbers of dialogues that a run wants into bounds of the choice hash. */
static int targets(struct worker *k, const struct task *t, struct err *e)
{
    struct db_call c[3];
    bool held = false;
    call_init(&c[0], STMT_TAKE_LONG);
    call_init(&c[1], STMT_TARGETS_SET);
    call_i64(&c[1], t->shard);
    call_bytes(&c[1], t->run, UUID_BYTES);
    call_i64(&c[1], t->token);
    call_task(&c[2], STMT_FINISH_WHOLE, t);
    return batch(k, c, 3, &held, e);
}

struct sums {
    struct moments_sum m;
    float *vector;
};

static void sums_free(struct sums *s)
{
    free(s->m.sums);
    free(s->vector);
}

static int sums_init(struct sums *s, size_t n, struct err *e)
{
    *s = (struct sums){.m.n = n};
    s->m.sums = calloc(moments_doubles(n), sizeof(double));
    s->vector = calloc(n, sizeof(float));
    if (s->m.sums && s->vector)
        return 0;
    sums_free(s);
    return err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* Adds a page; *after moves to its last seed. False at the end of the shard. */
static int add_page(struct worker *k, const struct task *t, struct sums *s, uint8_t *after,
                    bool *more, struct err *e)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    call_init(&c, STMT_MOMENTS_PAGE);
    call_i64(&c, t->shard);
    call_bytes(&c, t->run, UUID_BYTES);
    call_bytes(&c, after, UUID_BYTES);
    if (db_run(k->db, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++) {
        struct str v = rows_bytes(rows, i, 1);
        if (v.p && vector_decode_unit((const uint8_t *)v.p, v.n, s->vector, s->m.n))
            (void)moments_add(&s->m, s->vector);
    }
    *more = n > 0;
    if (n > 0)
        memcpy(after, rows_bytes(rows, n - 1, 0).p, UUID_BYTES);
    return 0;
}

static void doubles_array(struct array *a, const double *v, size_t n)
{
    array_init(a, ARRAY_FLOAT8, DOUBLES_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        array_add_double(a, v[i]);
}

static int store_part(struct worker *k, const struct task *t, const struct sums *s, struct err *e)
{
    struct array sums;
    struct db_call c[2];
    bool held = false;
    doubles_array(&sums, s->m.sums, moments_doubles(s->m.n));
    call_init(&c[0], STMT_MOMENTS_PART_INSERT);
    call_i64(&c[0], t->shard);
    call_bytes(&c[0], t->run, UUID_BYTES);
    call_bytes(&c[0], t->lo, UUID_BYTES);
    call_i64(&c[0], t->token);
    call_i64(&c[0], s->m.count);
    call_array(&c[0], &sums);
    call_task(&c[1], STMT_FINISH_WHOLE, t);
    int rc = batch(k, c, 2, &held, e);
    array_free(&sums);
    return rc;
}

static int moments(struct worker *k, const struct task *t, struct err *e)
{
    /* Seeds may have the id 0; it is as likely as a collision of SHA-256. */
    uint8_t after[UUID_BYTES] = {0};
    struct sums s __attribute__((cleanup(sums_free))) = {0};
    bool more = true;
    int again = encoder_version_ensure(k, t->info, false, e);
    if (again != 0)
        return again < 0 ? -1 : 0;
    if (sums_init(&s, (size_t)t->info->dimension, e) < 0)
        return -1;
    while (more && !atomic_load(&t->lost))
        if (add_page(k, t, &s, after, &more, e) < 0)
            return -1;
    return atomic_load(&t->lost) ? 0 : store_part(k, t, &s, e);
}

static int merge_parts(struct worker *k, const struct task *t, struct sums *s, struct err *e)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct sums part __attribute__((cleanup(sums_free))) = {0};
    struct db_call c;
    call_init(&c, STMT_MOMENTS_PARTS_READ);
    call_i64(&c, t->dataset * SHARDS_MAX);
    call_i64(&c, t->dataset * SHARDS_MAX + SHARDS_MAX - 1);
    call_bytes(&c, t->run, UUID_BYTES);
    if (db_run(k->db, &c, &rows, e) < 0 || sums_init(&part, s->m.n, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++) {
        if (!rows_doubles(rows, i, 1, part.m.sums, moments_doubles(s->m.n)))
            return err_set(e, ERR_INTERNAL, "the sums of a shard have another dimension");
        part.m.count = rows_i64(rows, i, 0);
        moments_merge(&s->m, &part.m);
    }
    return 0;
}

/* Ids that derive from the run, its encoder version, which may change as long as the run is open,
 * and the retry: a second worker that does the same inserts nothing new. */
static void derived_id(const char *what, const struct task *t, uint8_t out[UUID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    char retry[24] = "";
    if (t->info->retry > 0)
        (void)snprintf(retry, sizeof(retry), "%lld", (long long)t->info->retry);
    const struct str parts[] = {str_of(what),
                                {"", 1},
                                {(const char *)t->run, UUID_BYTES},
                                {(const char *)t->info->encoder_id, UUID_BYTES},
                                str_of(retry)};
    sha256_parts(parts, 5, digest);
    memcpy(out, digest, UUID_BYTES);
}

struct prepared {
    uint8_t moments[UUID_BYTES], none[UUID_BYTES], mean_shift[UUID_BYTES], named[UUID_BYTES];
    struct array mean;
    double trace;
};

/* Of what is written under the lease of a task only. */
static void call_held(struct db_call *c, enum stmt_id stmt, const struct task *t)
{
    call_init(c, stmt);
    call_i64(c, t->shard);
    call_bytes(c, t->run, UUID_BYTES);
    call_bytes(c, t->lo, UUID_BYTES);
    call_i64(c, t->token);
}

static void call_moments(struct db_call *c, const struct task *t, struct prepared *p,
                         const struct sums *s)
{
    call_held(c, STMT_MOMENTS_INSERT, t);
    call_bytes(c, p->moments, UUID_BYTES);
    call_i64(c, s->m.count);
    call_array(c, &p->mean);
    call_double(c, p->trace);
}

static void call_transfer(struct db_call *c, const struct task *t, const uint8_t *id,
                          enum transfer_method method, const uint8_t *moments_id)
{
    bool ready = method == TRANSFER_NONE || moments_id;
    call_held(c, STMT_TRANSFER_INSERT, t);
    call_bytes(c, id, UUID_BYTES);
    call_z(c, transfer_methods[method]);
    if (moments_id)
        call_bytes(c, moments_id, UUID_BYTES);
    else
        call_null(c);
    call_z(c, ready ? "ready" : "failed");
    call_z(c, ready ? NULL : "fewer than two embeddings: there is no mean to shift by");
}

/* Of the run's settings: the statement knows whether it is one of the others. */
static void call_named(struct db_call *c, const struct task *t, const uint8_t *id,
                       const uint8_t *moments_id)
{
    call_held(c, STMT_TRANSFER_NAMED, t);
    call_bytes(c, id, UUID_BYTES);
    if (moments_id)
        call_bytes(c, moments_id, UUID_BYTES);
    else
        call_null(c);
}

static int store_transfers(struct worker *k, const struct task *t, const struct sums *s,
                           struct prepared *p, struct err *e)
{
    struct db_call c[5];
    int n = 0;
    bool held = false, enough = s->m.count >= 2;
    derived_id("moments", t, p->moments);
    derived_id("transfer:none", t, p->none);
    derived_id("transfer:mean_shift", t, p->mean_shift);
    derived_id("transfer:named", t, p->named);
    if (enough)
        call_moments(&c[n++], t, p, s);
    call_transfer(&c[n++], t, p->none, TRANSFER_NONE, enough ? p->moments : NULL);
    call_transfer(&c[n++], t, p->mean_shift, TRANSFER_MEAN_SHIFT, enough ? p->moments : NULL);
    call_named(&c[n++], t, p->named, enough ? p->moments : NULL);
    call_task(&c[n++], STMT_FINISH_WHOLE, t);
    return batch(k, c, n, &held, e);
}

static int transfer(struct worker *k, const struct task *t, struct err *e)
{
    struct sums s __attribute__((cleanup(sums_free))) = {0};
    struct prepared p = {0};
    int again = encoder_version_ensure(k, t->info, true, e);
    if (again != 0)
        return again < 0 ? -1 : 0;
    if (sums_init(&s, (size_t)t->info->dimension, e) < 0 || merge_parts(k, t, &s, e) < 0)
        return -1;
    double *mean _cleanup_(freep) = calloc(s.m.n, sizeof(double));
    if (!mean)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (s.m.count > 0)
        moments_finish(&s.m, mean, &p.trace);
    doubles_array(&p.mean, mean, s.m.n);
    int rc = store_transfers(k, t, &s, &p, e);
    array_free(&p.mean);
    return rc;
}

static int delete_shard(struct worker *k, const struct task *t, struct err *e)
{
    struct db_call c;
    int64_t n = 1;
    while (n > 0 && !atomic_load(&t->lost) && !atomic_load(&k->work->draining)) {
        struct rows *rows = NULL;
        call_init(&c, STMT_DELETE_SLICE);
        call_i64(&c, t->shard);
        if (db_run(k->db, &c, &rows, e) < 0)
            return -1;
        n = rows_i64(rows, 0, 0);
        rows_free(rows);
    }
    if (n > 0)
        return task_release(k->db, t, false);
    call_task(&c, STMT_FINISH_WHOLE, t);
    return db_run(k->db, &c, NULL, e);
}

int whole_task_run(struct worker *k, struct task *t, struct err *e)
{
    switch (t->stage) {
    case STAGE_RESOLVE:
        return resolve_run(k, t, e);
    case STAGE_PLAN:
        return plan(k, t, e);
    case STAGE_TARGETS:
        return targets(k, t, e);
    case STAGE_MOMENTS:
        return moments(k, t, e);
    case STAGE_TRANSFER:
        return transfer(k, t, e);
    case STAGE_PREPARE:
        return prepare_run(k, t, e);
    case STAGE_DUPLICATES:
        return duplicates_run(k, t, e);
    case STAGE_EXPORT:
        return export_run(k, t, e);
    case STAGE_MANIFEST:
        return manifest_run(k, t, e);
    case STAGE_DISCARD:
        return discard_run(k, t, e);
    case STAGE_DELETE:
        return delete_shard(k, t, e);
    case STAGE_CAPTIONS:
    case STAGE_DIALOGUES:
    case STAGE_EMBED:
    case STAGE_COUNT:
        break;
    }
    return err_set(e, ERR_INTERNAL, "not a whole task");
}
