/* The dispatcher: finds shards with work without locks, claims ranges in them, renews all leases of
 * the process in one statement, and notices runs that stop. */
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/work/internal.h"

enum {
    CLAIM_MAX = 8,      /* as the literal in task_claim.sql */
    IDLE_MS = 1000,     /* how late work of another replica is noticed, at most */
    CHECK_US = 300000,  /* how late a pause is noticed */
    SHARE_US = 2000000, /* how late limits and other replicas are noticed */
    ARRAYS_BYTES_MAX = 8 << 20,
};

struct dispatch {
    struct work *w;
    struct db *db;
    struct rows *candidates; /* groups that are left of the last look */
    int next_candidate;
    int64_t renewed_us, checked_us, shared_us;
};

void call_task(struct db_call *c, enum stmt_id stmt, const struct task *t)
{
    call_init(c, stmt);
    call_i64(c, t->shard);
    call_bytes(c, t->run, UUID_BYTES);
    call_z(c, stages[t->stage].name);
    call_bytes(c, t->lo, UUID_BYTES);
    call_i64(c, t->token);
}

int task_release(struct db *db, const struct task *t, bool begun)
{
    struct db_call c;
    struct err e = {0};
    call_task(&c, STMT_TASK_RELEASE, t);
    call_i64(&c, begun ? 1 : 0);
    return db_run(db, &c, NULL, &e);
}

/* A range that has killed its workers again and again is halved; false when it is down to one seed,
 * whose items then fail as lost. */
static bool split(struct dispatch *d, const struct task *t)
{
    struct db_call c;
    struct rows *rows = NULL;
    struct err e = {0};
    call_task(&c, STMT_TASK_SPLIT, t);
    if (db_run(d->db, &c, &rows, &e) < 0)
        return true; /* the lease runs out and the next claim tries again */
    bool halved = rows_count(rows) > 0;
    rows_free(rows);
    if (halved)
        log_event(LOG_WARN, "task_split", log_z("stage", stages[t->stage].name),
                  log_i("shard", t->shard), log_i("seeds", t->seeds));
    return halved;
}

static struct task *task_new(const struct rows *rows, int row, int64_t shard, struct str run,
                             enum stage_id stage)
{
    struct task *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->shard = shard;
    t->stage = stage;
    memcpy(t->run, run.p, UUID_BYTES);
    memcpy(t->lo, rows_bytes(rows, row, 0).p, UUID_BYTES);
    memcpy(t->hi, rows_bytes(rows, row, 1).p, UUID_BYTES);
    t->dataset = rows_i64(rows, row, 2);
    t->token = rows_i64(rows, row, 3);
    t->attempts = (int)rows_i64(rows, row, 4);
    t->seeds = (int)rows_i64(rows, row, 5);
    return t;
}

/* Hands a claimed task to the workers; what cannot be handed on is left to its lease. */
static void admit(struct dispatch *d, struct task *t)
{
    struct err e = {0};
    if (!t)
        return;
    if (stages[t->stage].ranged && t->attempts >= SPLIT_ATTEMPTS && split(d, t)) {
        free(t);
        leases_want(&d->w->leases);
        return;
    }
    t->info = runs_get(d->w, d->db, t->run, t->stage, &e);
    if (!t->info) {
        log_event(LOG_ERROR, "run_not_loadable", log_z("detail", e.msg));
        (void)task_release(d->db, t, false);
        free(t);
        return;
    }
    metric_add(METRIC_TASKS_CLAIMED, NULL, 1);
    leases_add(&d->w->leases, t);
}

static int claim(struct dispatch *d, int64_t shard, struct str run, struct str stage, struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_TASK_CLAIM);
    call_i64(&c, shard);
    call_bytes(&c, run.p, UUID_BYTES);
    call_text(&c, stage);
    call_z(&c, d->w->name);
    call_double(&c, d->w->s.lease_s);
    if (db_run(d->db, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    enum stage_id id = stage_by_name(stage);
    for (int i = 0; i < n && id != STAGE_COUNT; i++)
        admit(d, task_new(rows, i, shard, run, id));
    rows_free(rows);
    return n;
}

static int wanted_tasks(struct work *w)
{
    (void)pthread_mutex_lock(&w->leases.mutex);
    int n = w->leases.ready[LANE_STAGES].n;
    (void)pthread_mutex_unlock(&w->leases.mutex);
    return 2 * w->n_workers - n;
}

/* Exports are long, so that one that waits here for a thread would be missed by another replica. */
static bool lane_is_full(struct work *w, struct str stage)
{
    enum stage_id id = stage_by_name(stage);
    if (id == STAGE_COUNT || stages[id].lane != LANE_EXPORTS)
        return false;
    (void)pthread_mutex_lock(&w->leases.mutex);
    bool full = w->leases.ready[LANE_EXPORTS].n > 0;
    (void)pthread_mutex_unlock(&w->leases.mutex);
    return full;
}

static int look(struct dispatch *d, struct err *e)
{
    struct db_call c;
    rows_free(d->candidates);
    d->candidates = NULL;
    d->next_candidate = 0;
    call_init(&c, STMT_TASK_CANDIDATES);
    return db_run(d->db, &c, &d->candidates, e);
}

/* Claims until the workers have enough ahead of them; false when nothing is left to claim. */
static bool refill(struct dispatch *d, struct err *e)
{
    bool looked = false;
    while (wanted_tasks(d->w) > 0 && !atomic_load(&d->w->draining)) {
        if (!d->candidates || d->next_candidate >= rows_count(d->candidates)) {
            if (looked || look(d, e) < 0 || rows_count(d->candidates) == 0)
                return false;
            looked = true;
        }
        int i = d->next_candidate;
        if (lane_is_full(d->w, rows_text(d->candidates, i, 2))) {
            d->next_candidate++;
            continue;
        }
        int n = claim(d, rows_i64(d->candidates, i, 0), rows_bytes(d->candidates, i, 1),
                      rows_text(d->candidates, i, 2), e);
        if (n < 0)
            return false;
        if (n < CLAIM_MAX)
            d->next_candidate++;
    }
    return true;
}

struct lease_arrays {
    struct array shards, runs, stages, los, tokens;
};

static void arrays_init(struct lease_arrays *a)
{
    array_init(&a->shards, ARRAY_INT8, ARRAYS_BYTES_MAX);
    array_init(&a->runs, ARRAY_UUID, ARRAYS_BYTES_MAX);
    array_init(&a->stages, ARRAY_TEXT, ARRAYS_BYTES_MAX);
    array_init(&a->los, ARRAY_UUID, ARRAYS_BYTES_MAX);
    array_init(&a->tokens, ARRAY_INT8, ARRAYS_BYTES_MAX);
}

static void arrays_free(struct lease_arrays *a)
{
    array_free(&a->shards);
    array_free(&a->runs);
    array_free(&a->stages);
    array_free(&a->los);
    array_free(&a->tokens);
}

static void arrays_add(struct lease_arrays *a, const struct task *t)
{
    array_add_i64(&a->shards, t->shard);
    array_add(&a->runs, (struct str){(const char *)t->run, UUID_BYTES});
    array_add(&a->stages, str_of(stages[t->stage].name));
    array_add(&a->los, (struct str){(const char *)t->lo, UUID_BYTES});
    array_add_i64(&a->tokens, t->token);
}

static bool still_held(const struct rows *rows, const struct task *t)
{
    for (int i = 0; i < rows_count(rows); i++)
        if (rows_i64(rows, i, 0) == t->shard && rows_i64(rows, i, 4) == t->token &&
            memcmp(rows_bytes(rows, i, 1).p, t->run, UUID_BYTES) == 0 &&
            memcmp(rows_bytes(rows, i, 3).p, t->lo, UUID_BYTES) == 0 &&
            str_is(rows_text(rows, i, 2), stages[t->stage].name))
            return true;
    return false;
}

/* Marks what did not come back as lost. A task that its worker has just ended is marked too, which
 * does no harm: all that is left to do with it is to forget it. */
static void mark_lost(struct work *w, const struct rows *rows)
{
    (void)pthread_mutex_lock(&w->leases.mutex);
    for (struct task *t = w->leases.held; t; t = t->next)
        if (!still_held(rows, t) && !atomic_load(&t->lost)) {
            atomic_store(&t->lost, true);
            metric_add(METRIC_FLUSHES, "outcome=\"lost_lease\"", 1);
        }
    (void)pthread_mutex_unlock(&w->leases.mutex);
}

static int renew(struct dispatch *d, struct err *e)
{
    struct work *w = d->w;
    struct lease_arrays a;
    struct rows *rows = NULL;
    struct db_call c;
    int rc = 0;
    arrays_init(&a);
    (void)pthread_mutex_lock(&w->leases.mutex);
    for (struct task *t = w->leases.held; t; t = t->next)
        if (!atomic_load(&t->lost))
            arrays_add(&a, t);
    (void)pthread_mutex_unlock(&w->leases.mutex);
    if (a.tokens.n > 0) {
        call_init(&c, STMT_TASK_RENEW);
        call_array(&c, &a.shards);
        call_array(&c, &a.runs);
        call_array(&c, &a.stages);
        call_array(&c, &a.los);
        call_array(&c, &a.tokens);
        call_double(&c, w->s.lease_s);
        rc = db_run(d->db, &c, &rows, e);
        if (rc == 0)
            mark_lost(w, rows);
        rows_free(rows);
    }
    arrays_free(&a);
    return rc;
}

static void wait_for_work(struct work *w, int ms)
{
    (void)pthread_mutex_lock(&w->leases.mutex);
    if (!w->leases.wanted)
        (void)clock_cond_wait(&w->leases.dispatch_wanted, &w->leases.mutex, ms);
    w->leases.wanted = false;
    (void)pthread_mutex_unlock(&w->leases.mutex);
}

static int turn(struct dispatch *d, bool *found, struct err *e)
{
    int64_t now = clock_us();
    if (now - d->renewed_us >= (int64_t)d->w->s.renew_s * 1000000) {
        if (renew(d, e) < 0)
            return -1;
        d->renewed_us = now;
    }
    if (now - d->checked_us >= CHECK_US) {
        if (runs_check(d->w, d->db, e) < 0)
            return -1;
        d->checked_us = now;
    }
    if (d->shared_us == 0 || now - d->shared_us >= SHARE_US) {
        if (limits_share(d->w, d->db, e) < 0)
            return -1;
        d->shared_us = now;
    }
    runs_leave(d->w, d->db);
    *found = refill(d, e);
    return e->code == ERR_NONE ? 0 : -1;
}

void *dispatcher_main(void *arg)
{
    struct work *w = arg;
    struct dispatch d = {.w = w, .db = w->dispatcher_db, .renewed_us = clock_us()};
    bool was_down = false;
    while (!atomic_load(&w->stopped)) {
        struct err e = {0};
        bool found = false;
        if (turn(&d, &found, &e) < 0) {
            if (!was_down)
                log_event(LOG_ERROR, "dispatcher_stalled", log_z("detail", e.msg));
            was_down = true;
            metric_add(METRIC_DATABASE_ERRORS, NULL, 1);
        } else if (was_down) {
            was_down = false;
            log_event(LOG_INFO, "dispatcher_resumed",
                      log_z("detail", "the database answers again"));
        }
        wait_for_work(w, e.code ? IDLE_MS / 2 : IDLE_MS / 4);
    }
    rows_free(d.candidates);
    return NULL;
}
