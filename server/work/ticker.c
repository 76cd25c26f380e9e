/* The ticker: under a lease row, one replica at a time starts queued runs, opens the barriers,
 * settles pauses and cancellations, and ends runs. Every statement checks the lease's token. */
#include <time.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/work/internal.h"

enum { TICK_MS = 1000, LEASE_SECONDS = 10, AUDIT_SECONDS = 600, SWEEP_SECONDS = 1800 };

/* A tick looks at all ranges of all runs, and every range that ends wants one: with tens of
 * thousands of them tick would follow tick. So each is followed by a rest, so many times as long.
 */
enum { REST_TIMES = 4 };

void ticker_want(struct work *w)
{
    (void)pthread_mutex_lock(&w->ticker_mutex);
    w->ticker_wanted = true;
    (void)pthread_cond_signal(&w->ticker_wanted_cond);
    (void)pthread_mutex_unlock(&w->ticker_mutex);
}

/* Rests in any case, and then until a tick is wanted or due. */
static void ticker_wait(struct work *w, int64_t took_us)
{
    int64_t rest_ms = took_us * REST_TIMES / 1000;
    int64_t rested_us = clock_us() + (rest_ms < TICK_MS ? rest_ms : TICK_MS) * 1000;
    (void)pthread_mutex_lock(&w->ticker_mutex);
    for (int64_t now = clock_us(); now < rested_us && !atomic_load(&w->stopped); now = clock_us())
        (void)clock_cond_wait(&w->ticker_wanted_cond, &w->ticker_mutex,
                              (rested_us - now + 999) / 1000);
    if (!w->ticker_wanted && !atomic_load(&w->stopped))
        (void)clock_cond_wait(&w->ticker_wanted_cond, &w->ticker_mutex, TICK_MS);
    w->ticker_wanted = false;
    (void)pthread_mutex_unlock(&w->ticker_mutex);
}

static int take_lease(struct work *w, int64_t *token, struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_TICKER_LEASE);
    call_z(&c, w->name);
    call_double(&c, LEASE_SECONDS);
    *token = -1;
    if (db_run(w->ticker_db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) > 0)
        *token = rows_i64(rows, 0, 0);
    rows_free(rows);
    return 0;
}

/* Runs one statement; *changed counts the rows that came back. */
static int step(struct work *w, enum stmt_id stmt, int64_t token, const char *event, int *changed,
                struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, stmt);
    call_i64(&c, token);
    if (db_run(w->ticker_db, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n && event && rows_text(rows, i, 1).p; i++)
        log_event(LOG_INFO, event, log_s("run", rows_text(rows, i, 0)),
                  log_s("state", rows_text(rows, i, 1)));
    *changed += n;
    rows_free(rows);
    return 0;
}

/* Now and then, and again at once as long as there is a whole portion of them. */
static int expire_audit(struct work *w, int64_t token, struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    if (token < 0 || clock_us() < w->audit_due_us)
        return 0;
    call_init(&c, STMT_AUDIT_EXPIRE);
    call_i64(&c, token);
    call_i64(&c, w->s.audit_days);
    if (db_run(w->ticker_db, &c, &rows, e) < 0)
        return -1;
    bool more = rows_count(rows) > 0 && rows_i64(rows, 0, 0) > 0;
    rows_free(rows);
    w->audit_due_us = more ? 0 : clock_us() + (int64_t)AUDIT_SECONDS * 1000000;
    return 0;
}

/* Opens the removal of exports that are not wanted any more. */
static int discard_exports(struct work *w, int64_t token, int *changed, struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    if (token < 0)
        return 0;
    call_init(&c, STMT_EXPORTS_DISCARD);
    call_i64(&c, token);
    call_i64(&c, w->s.export_days);
    if (db_run(w->ticker_db, &c, &rows, e) < 0)
        return -1;
    *changed += rows_count(rows);
    rows_free(rows);
    return 0;
}

/* Now and then; nothing else depends on it. */
static void sweep_artefacts(struct work *w, int64_t token)
{
    struct err e = {0};
    struct worker k = {.work = w, .db = w->ticker_db};
    if (clock_us() < w->sweep_due_us)
        return;
    w->sweep_due_us = clock_us() + (int64_t)SWEEP_SECONDS * 1000000;
    artefacts_appear(w);
    if (token >= 0 && artefacts_sweep(&k, &e) < 0)
        log_event(LOG_WARN, "artefacts_unusable", log_z("detail", e.msg));
}

static int tick(struct work *w, int *changed, struct err *e)
{
    static const struct {
        enum stmt_id stmt;
        const char *event;
    } steps[] = {
        {STMT_RUNS_SETTLE, "run_settled"}, {STMT_RUNS_OPEN_DUPLICATES, NULL},
        {STMT_RUNS_OPEN_LATER, NULL},      {STMT_RUNS_OPEN_MOMENTS, NULL},
        {STMT_RUNS_OPEN_TRANSFER, NULL},   {STMT_RUNS_OPEN_TARGETS, NULL},
        {STMT_RUNS_END, "run_ended"},      {STMT_RUNS_OPEN_RESOLVE, NULL},
        {STMT_RUNS_START, NULL},           {STMT_RUNS_DEADLINE, "run_late"},
        {STMT_DELETES_SWEEP, NULL},        {STMT_IDEMPOTENCY_SWEEP, NULL},
        {STMT_KEY_SEEDS_SWEEP, NULL},      {STMT_EXPORTS_OPEN_MANIFEST, NULL},
    };
    int64_t token;
    if (take_lease(w, &token, e) < 0)
        return -1;
    for (size_t i = 0; token >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        if (step(w, steps[i].stmt, token, steps[i].event, changed, e) < 0)
            return -1;
    if (discard_exports(w, token, changed, e) < 0)
        return -1;
    sweep_artefacts(w, token);
    return expire_audit(w, token, e);
}

static void release(struct work *w)
{
    struct db_call c;
    struct err e = {0};
    call_init(&c, STMT_TICKER_RELEASE);
    call_z(&c, w->name);
    (void)db_run(w->ticker_db, &c, NULL, &e);
}

void *ticker_main(void *arg)
{
    struct work *w = arg;
    bool was_down = false;
    while (!atomic_load(&w->stopped)) {
        struct err e = {0};
        int changed = 0;
        int64_t begun_us = clock_us();
        bool down = tick(w, &changed, &e) < 0;
        int64_t took_us = clock_us() - begun_us;
        if (down && !was_down)
            log_event(LOG_ERROR, "ticker_stalled", log_z("detail", e.msg));
        was_down = down;
        if (changed > 0)
            leases_want(&w->leases);
        ticker_wait(w, took_us);
        if (down) {
            struct timespec t = {.tv_nsec = 300000000};
            (void)nanosleep(&t, NULL);
        }
    }
    release(w);
    return NULL;
}
