/* A stage thread: holds as many ranges as keep its window of calls full, flushes what has arrived,
 * ends what is complete. */
#include <time.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/work/range.h"

enum {
    AHEAD_ITEMS = 64, /* items that wait to be issued before no further range is taken */
    RANGES_MAX = 256,
    IDLE_WAIT_MS = 500,
    POLL_MS = 50,
    RETRY_SECONDS = 2,
};

static void retry_later(struct worker *k, const struct task *t)
{
    struct db_call c;
    struct err e = {0};
    call_task(&c, STMT_TASK_RETRY_LATER, t);
    call_double(&c, RETRY_SECONDS);
    (void)db_run(k->db, &c, NULL, &e);
}

static void start_range(struct worker *k, struct task *t)
{
    struct err e = {0};
    struct range *r = NULL;
    if (t->stage == STAGE_EMBED && encoder_version_ensure(k, t->info, false, &e) < 0) {
        retry_later(k, t);
        leases_drop(k->work, t);
        return;
    }
    r = range_open(k, t, true, &e);
    if (!r) {
        log_event(LOG_ERROR, "task_not_loaded", log_z("stage", stages[t->stage].name),
                  log_z("detail", e.msg));
        retry_later(k, t);
        leases_drop(k->work, t);
        return;
    }
    r->next = k->ranges;
    k->ranges = r;
    k->n_ranges++;
}

static void start_task(struct worker *k, struct task *t)
{
    struct err e = {0};
    if (atomic_load(&t->info->stopping) || atomic_load(&t->lost)) {
        (void)task_release(k->db, t, false);
        leases_drop(k->work, t);
        return;
    }
    if (stages[t->stage].ranged) {
        start_range(k, t);
        return;
    }
    if (whole_task_run(k, t, &e) < 0) {
        log_event(LOG_ERROR, "task_failed", log_z("stage", stages[t->stage].name),
                  log_z("detail", e.msg));
        retry_later(k, t);
    }
    leases_drop(k->work, t);
    ticker_want(k->work);
    leases_want(&k->work->leases);
}

static int waiting_items(const struct worker *k)
{
    int n = 0;
    for (const struct range *r = k->ranges; r; r = r->next)
        n += r->n_todo;
    return n;
}

static void take_tasks(struct worker *k)
{
    while (!atomic_load(&k->work->draining) && k->n_ranges < RANGES_MAX &&
           waiting_items(k) < AHEAD_ITEMS) {
        struct task *t = leases_take(&k->work->leases, k->lane, k->n_ranges ? 0 : IDLE_WAIT_MS);
        if (!t)
            return;
        start_task(k, t);
    }
}

/* What to do with a range after its calls were polled; true when it is over. */
static bool end_or_go_on(struct range *r, enum flush_result result)
{
    struct work *w = r->worker->work;
    if (result == FLUSH_FINISHED) {
        ticker_want(w);
        leases_want(&w->leases);
        return true;
    }
    if (result == FLUSH_LOST)
        return true;
    if (result == FLUSH_WRITTEN && range_stopping(r) && r->in_flight == 0) {
        (void)task_release(r->worker->db, r->task, true);
        ticker_want(w);
        return true;
    }
    return false;
}

static bool flush_is_due(const struct range *r)
{
    int64_t now = clock_us();
    if (now < r->retry_us)
        return false;
    if (range_complete(r) || (range_stopping(r) && r->in_flight == 0))
        return true;
    return r->n_fresh + r->n_failed + (r->tally_changed ? 1 : 0) > 0 &&
           now - r->flushed_us >= (int64_t)r->worker->work->s.flush_ms * 1000;
}

static bool settle(struct range *r)
{
    if (atomic_load(&r->task->lost)) {
        if (r->in_flight > 0)
            engine_cancel(r->worker->engine, r);
        return r->in_flight == 0;
    }
    if (range_stopping(r) && r->in_flight > 0)
        engine_withdraw(r->worker->engine, r);
    if (range_stopping(r) && r->in_flight == 0)
        range_write_off(r);
    if (!flush_is_due(r))
        return false;
    bool over = end_or_go_on(r, range_flush(r));
    if (over && r->in_flight > 0) {
        /* The lease is gone with calls still out: their answers must find the range. */
        atomic_store(&r->task->lost, true);
        return false;
    }
    return over;
}

/* A range in which finishing found something pending starts over with what is there now. */
static void reload(struct worker *k, struct range **at)
{
    struct range *old = *at;
    struct err e = {0};
    struct range *r = range_open(k, old->task, false, &e);
    old->reload = false;
    if (!r)
        return; /* the next flush finds the same and comes back here */
    r->flush_no = old->flush_no;
    r->tally = old->tally;
    r->next = old->next;
    *at = r;
    range_free(old);
}

static void settle_all(struct worker *k)
{
    for (struct range **p = &k->ranges; *p;) {
        struct range *r = *p;
        if (settle(r)) {
            *p = r->next;
            k->n_ranges--;
            leases_drop(k->work, r->task);
            range_free(r);
            continue;
        }
        if (r->reload)
            reload(k, p);
        p = &(*p)->next;
    }
}

static int in_flight(const struct worker *k)
{
    int n = 0;
    for (const struct range *r = k->ranges; r; r = r->next)
        n += r->in_flight;
    return n;
}

static void drive(struct worker *k)
{
    for (struct range *r = k->ranges; r; r = r->next)
        range_issue(r);
    if (in_flight(k) > 0)
        (void)engine_poll(k->engine, POLL_MS);
}

void worker_turn(struct worker *k)
{
    drive(k);
    settle_all(k);
}

/* With nothing in flight and nothing flushed, what is left waits for the database or for room. */
static void rest(const struct worker *k)
{
    if (k->n_ranges > 0 && in_flight(k) == 0) {
        struct timespec t = {.tv_nsec = 5000000};
        for (const struct range *r = k->ranges; r; r = r->next)
            if (flush_is_due(r))
                return;
        (void)nanosleep(&t, NULL);
    }
}

/* The time for draining is over: calls on the wire are given up and their items stay pending; what
 * had arrived is written and the leases go back. */
static void give_up_all(struct worker *k)
{
    engine_cancel(k->engine, NULL);
    /* What other threads compute comes back when they have let go of it, which is soon. */
    while (in_flight(k) > 0)
        (void)engine_poll(k->engine, POLL_MS);
    while (k->ranges) {
        struct range *r = k->ranges;
        k->ranges = r->next;
        range_write_off(r);
        if (!atomic_load(&r->task->lost) && range_flush(r) == FLUSH_WRITTEN)
            (void)task_release(k->db, r->task, true);
        leases_drop(k->work, r->task);
        range_free(r);
    }
}

void *worker_main(void *arg)
{
    struct worker *k = arg;
    while (!atomic_load(&k->work->draining) || k->ranges) {
        take_tasks(k);
        worker_turn(k);
        rest(k);
        if (atomic_load(&k->work->stopped))
            break;
    }
    give_up_all(k);
    return NULL;
}
