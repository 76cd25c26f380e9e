#include "handlers/audit.h"

#include <pthread.h>
#include <stdlib.h>

#include "db/db.h"
#include "handlers/audit_uses.h"
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/log.h"
#include "server/base/metrics.h"

enum {
    ROWS_MAX = 4096, /* that wait to be written */
    BATCH_MAX = 256,
    GATHER_MS = 100,
    TICK_MS = 1000,
    RETRY_MS = 500,
    ID_BYTES = 16,
    ARRAY_BYTES_MAX = 1 << 20,
    COLUMNS = 13
};

const char *const audit_outcomes[] = {"done", "refused", "failed", "unanswered", NULL};

struct noted {
    uint8_t id[ID_BYTES];
    struct audit_row row;
};

struct audit {
    pthread_mutex_t
        mutex; /* guards what follows but the rows from `first` on, which are the thread's */
    pthread_cond_t changed;
    bool stopping;
    int64_t stop_us; /* when to give up, by clock_us() */
    int first, n;    /* a ring */
    struct noted *rows;
    int64_t lost; /* not told yet */
    struct audit_uses *uses;
    pthread_t thread;
    struct db *db;
};

static void lose(struct audit *a, int64_t n)
{
    a->lost += n;
    metric_add(METRIC_AUDIT_ROWS, "outcome=\"lost\"", n);
}

/* Under the lock. */
static void put(struct audit *a, const struct audit_row *row)
{
    if (a->n == ROWS_MAX) {
        lose(a, 1);
        return;
    }
    struct noted *n = &a->rows[(a->first + a->n) % ROWS_MAX];
    random_bytes(n->id, sizeof(n->id));
    n->row = *row;
    if (!a->n++)
        (void)pthread_cond_signal(&a->changed);
}

void audit_add(struct audit *a, const struct audit_row *row)
{
    struct audit_row made = *row;
    made.at_us = clock_unix_us();
    (void)pthread_mutex_lock(&a->mutex);
    put(a, &made);
    (void)pthread_mutex_unlock(&a->mutex);
}

void audit_use(struct audit *a, const struct audit_row *row, enum key_use use)
{
    struct audit_row made = *row, counted;
    made.at_us = clock_unix_us();
    (void)pthread_mutex_lock(&a->mutex);
    if (audit_uses_note(a->uses, &made, use, &counted)) {
        put(a, &made);
        if (counted.count)
            put(a, &counted);
    }
    (void)pthread_mutex_unlock(&a->mutex);
}

/* Under the lock: rows of the hours that are over, and in the end of all. */
static void put_counted(struct audit *a)
{
    struct audit_row counted;
    int64_t hour = a->stopping ? INT64_MAX : audit_hour(clock_unix_us());
    while (a->n < ROWS_MAX && audit_uses_take(a->uses, hour, &counted))
        put(a, &counted);
}

/* How many rows from `first` on are to be written now; 0 at the end. */
static int gather(struct audit *a)
{
    (void)pthread_mutex_lock(&a->mutex);
    put_counted(a);
    while (!a->n && !a->stopping) {
        (void)clock_cond_wait(&a->changed, &a->mutex, TICK_MS);
        put_counted(a);
    }
    if (!a->stopping && a->n < BATCH_MAX)
        (void)clock_cond_wait(&a->changed, &a->mutex, GATHER_MS);
    put_counted(a);
    int n = a->n < BATCH_MAX ? a->n : BATCH_MAX;
    (void)pthread_mutex_unlock(&a->mutex);
    return n;
}

static void add_text(struct array *a, const char *z)
{
    array_add(a, z && z[0] ? str_of(z) : (struct str){NULL, 0});
}

static void add_row(struct array *columns, const struct noted *n)
{
    const struct audit_row *r = &n->row;
    array_add(&columns[0], (struct str){(const char *)n->id, sizeof(n->id)});
    array_add_i64(&columns[1], r->at_us);
    array_add(&columns[2], str_of(r->owner));
    add_text(&columns[3], r->operation);
    add_text(&columns[4], audit_outcomes[r->outcome]);
    add_text(&columns[5], r->reason);
    array_add_i32(&columns[6], r->status);
    add_text(&columns[7], r->key);
    add_text(&columns[8], r->client);
    add_text(&columns[9], r->request_id);
    add_text(&columns[10], r->resource);
    add_text(&columns[11], r->location);
    array_add_i64(&columns[12], r->count);
}

static int write_rows(struct audit *a, int n, struct err *e)
{
    static const enum array_type types[COLUMNS] = {
        ARRAY_UUID, ARRAY_INT8, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_INT4,
        ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_INT8};
    struct array columns[COLUMNS];
    struct db_call c;
    bool failed = false;
    for (int i = 0; i < COLUMNS; i++)
        array_init(&columns[i], types[i], ARRAY_BYTES_MAX);
    for (int i = 0; i < n; i++)
        add_row(columns, &a->rows[(a->first + i) % ROWS_MAX]);
    call_init(&c, STMT_AUDIT_PUT);
    for (int i = 0; i < COLUMNS; i++) {
        call_array(&c, &columns[i]);
        failed |= columns[i].b.failed;
    }
    int rc = failed ? err_set(e, ERR_UNAVAILABLE, "out of memory") : db_run(a->db, &c, NULL, e);
    for (int i = 0; i < COLUMNS; i++)
        array_free(&columns[i]);
    return rc;
}

/* At most n rows from the first on. */
static void forget(struct audit *a, int n, bool written)
{
    (void)pthread_mutex_lock(&a->mutex);
    n = n < a->n ? n : a->n;
    a->first = (a->first + n) % ROWS_MAX;
    a->n -= n;
    if (!written)
        lose(a, n);
    int64_t lost = a->lost;
    a->lost = 0;
    (void)pthread_mutex_unlock(&a->mutex);
    if (written && n)
        metric_add(METRIC_AUDIT_ROWS, "outcome=\"written\"", n);
    if (lost)
        log_event(LOG_ERROR, "audit_rows_lost", log_i("rows", lost));
}

/* Waits before a batch is tried again; false when there is no time left for that. */
static bool wait_to_retry(struct audit *a)
{
    (void)pthread_mutex_lock(&a->mutex);
    int64_t until = clock_us() + (int64_t)RETRY_MS * 1000, left;
    while (!a->stopping && (left = until - clock_us()) > 0)
        (void)clock_cond_wait(&a->changed, &a->mutex, left / 1000 + 1);
    bool again = !a->stopping || clock_us() < a->stop_us;
    (void)pthread_mutex_unlock(&a->mutex);
    return again;
}

/* What the database does not take for other reasons than being away would never be taken. */
static void write_batch(struct audit *a, int n)
{
    bool told = false;
    for (;;) {
        struct err e = {0};
        if (write_rows(a, n, &e) == 0) {
            forget(a, n, true);
            return;
        }
        if (!told)
            log_event(LOG_WARN, "audit_not_written", log_z("detail", e.msg));
        told = true;
        if (e.code != ERR_UNAVAILABLE) {
            forget(a, n, false);
            return;
        }
        if (!wait_to_retry(a)) {
            forget(a, ROWS_MAX, false);
            return;
        }
    }
}

static void *audit_main(void *arg)
{
    struct audit *a = arg;
    for (int n; (n = gather(a)) > 0;)
        write_batch(a, n);
    return NULL;
}

static void audit_free(struct audit *a)
{
    db_free(a->db);
    audit_uses_free(a->uses);
    free(a->rows);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->mutex);
    free(a);
}

struct audit *audit_start(const char *conninfo, struct err *e)
{
    struct audit *a = calloc(1, sizeof(*a));
    if (!a || pthread_mutex_init(&a->mutex, NULL) || clock_cond_init(&a->changed)) {
        free(a);
        (void)err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    a->rows = calloc(ROWS_MAX, sizeof(a->rows[0]));
    a->uses = audit_uses_new();
    a->db = db_new(conninfo, "audit", e);
    if (a->rows && a->uses && a->db && pthread_create(&a->thread, NULL, audit_main, a) == 0)
        return a;
    (void)err_set(e, ERR_NO_MEMORY, "cannot start the thread of the audit log");
    audit_free(a);
    return NULL;
}

void audit_stop(struct audit *a, int timeout_ms)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->mutex);
    a->stopping = true;
    a->stop_us = clock_us() + (int64_t)timeout_ms * 1000;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->mutex);
    (void)pthread_join(a->thread, NULL);
    audit_free(a);
}
