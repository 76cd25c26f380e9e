#include "server/work/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/work/internal.h"

static void name_process(struct work *w)
{
    uint8_t random[4];
    char hex[9], host[32] = "";
    (void)gethostname(host, sizeof(host) - 1);
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    (void)snprintf(w->name, sizeof(w->name), "%s/%d/%s", host, (int)getpid(), hex);
}

static void work_free(struct work *w)
{
    for (int i = 0; i < w->n_workers; i++) {
        engine_free(w->workers[i].engine);
        db_free(w->workers[i].db);
    }
    db_free(w->dispatcher_db);
    db_free(w->ticker_db);
    runs_destroy(&w->runs);
    leases_destroy(&w->leases);
    (void)pthread_cond_destroy(&w->ticker_wanted_cond);
    (void)pthread_mutex_destroy(&w->ticker_mutex);
    free(w);
}

static struct work *work_new(const struct work_settings *s)
{
    struct work *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->s = *s;
    name_process(w);
    if (leases_init(&w->leases) || runs_init(&w->runs) ||
        pthread_mutex_init(&w->ticker_mutex, NULL) || clock_cond_init(&w->ticker_wanted_cond)) {
        free(w);
        return NULL;
    }
    return w;
}

static struct db *pipeline_db(const struct work_settings *s, const char *name, struct err *e)
{
    struct db *db = db_new(s->conninfo, name, e);
    if (db)
        db_prefer_indexes(db);
    return db;
}

static int start_worker(struct work *w, enum stage_lane lane, struct err *e)
{
    struct worker *k = &w->workers[w->n_workers];
    k->work = w;
    k->lane = lane;
    k->db = pipeline_db(&w->s, "stage", e);
    k->engine = k->db ? engine_new(e) : NULL;
    if (!k->engine || pthread_create(&k->thread, NULL, worker_main, k)) {
        engine_free(k->engine);
        db_free(k->db);
        return err_set(e, ERR_NO_MEMORY, "cannot start a stage thread");
    }
    w->n_workers++;
    return 0;
}

static int start_threads(struct work *w, struct err *e)
{
    w->dispatcher_db = pipeline_db(&w->s, "dispatcher", e);
    w->ticker_db = pipeline_db(&w->s, "ticker", e);
    if (!w->dispatcher_db || !w->ticker_db)
        return -1;
    for (int i = 0; i < w->s.threads && i < WORK_THREADS_MAX; i++)
        if (start_worker(w, LANE_STAGES, e) < 0)
            return -1;
    if (start_worker(w, LANE_SLOW, e) < 0)
        return -1;
    for (int i = 0; i < w->s.export_threads && i < WORK_THREADS_MAX; i++)
        if (start_worker(w, LANE_EXPORTS, e) < 0)
            return -1;
    w->dispatcher_started = pthread_create(&w->dispatcher, NULL, dispatcher_main, w) == 0;
    w->ticker_started = pthread_create(&w->ticker, NULL, ticker_main, w) == 0;
    if (!w->dispatcher_started || !w->ticker_started)
        return err_set(e, ERR_NO_MEMORY, "cannot start a thread");
    return 0;
}

struct work *work_start(const struct work_settings *s, struct err *e)
{
    struct work *w = work_new(s);
    if (!w) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    artefacts_appear(w);
    if (start_threads(w, e) < 0) {
        work_stop(w, 0);
        return NULL;
    }
    return w;
}

void work_wake(struct work *w)
{
    ticker_want(w);
    leases_want(&w->leases);
}

static int leases_left(struct work *w)
{
    (void)pthread_mutex_lock(&w->leases.mutex);
    int n = w->leases.n_held;
    for (int i = 0; i < LANES; i++)
        n -= w->leases.ready[i].n;
    (void)pthread_mutex_unlock(&w->leases.mutex);
    return n;
}

static void wait_for_ranges(struct work *w, int timeout_ms)
{
    int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
    while (leases_left(w) > 0 && clock_us() < deadline)
        (void)usleep(10000);
}

/* Tasks that were claimed and never begun go back at once, so that another replica has them. */
static void release_ready(struct work *w)
{
    for (int i = 0; i < LANES; i++)
        for (struct task *t; (t = leases_take(&w->leases, (enum stage_lane)i, 0));) {
            (void)task_release(w->dispatcher_db, t, false);
            leases_drop(w, t);
        }
    runs_leave(w, w->dispatcher_db);
    limits_leave(w, w->dispatcher_db);
    artefacts_vanish(w);
}

void work_stop(struct work *w, int timeout_ms)
{
    if (!w)
        return;
    atomic_store(&w->draining, true);
    for (int i = 0; i < w->n_workers; i++)
        engine_wake(w->workers[i].engine);
    wait_for_ranges(w, timeout_ms);
    atomic_store(&w->stopped, true);
    work_wake(w);
    for (int i = 0; i < w->n_workers; i++) {
        engine_wake(w->workers[i].engine);
        (void)pthread_join(w->workers[i].thread, NULL);
    }
    if (w->dispatcher_started)
        (void)pthread_join(w->dispatcher, NULL);
    if (w->ticker_started)
        (void)pthread_join(w->ticker, NULL);
    release_ready(w);
    work_free(w);
}
