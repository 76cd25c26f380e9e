/* Operations of one statement meet here: while one pipeline is under way the next one gathers, so
 * that batches form by themselves under load and a lone request waits for nobody. */
#include <pthread.h>
#include <stdlib.h>

#include "db/db.h"
#include "server/base/clock.h"

enum { PIPELINE_MAX = 64, THREADS_MAX = 16 };

struct pending {
    struct pending *next;
    const struct db_call *call;
    db_done_fn done;
    void *arg;
};

struct db_async {
    pthread_mutex_t mutex; /* guards the list and `stopping` */
    pthread_cond_t changed;
    struct pending *head, **tail;
    bool stopping;
    int n_threads;
    pthread_t threads[THREADS_MAX];
    struct db *connections[THREADS_MAX];
    int started; /* threads take their connection by this number, under the mutex */
};

static void answer(struct pending *p, struct rows *rows, const struct err *e)
{
    p->done(p->arg, rows, e);
    free(p);
}

static void run_each(struct db *db, struct pending **batch, int n)
{
    struct err down = {0};
    for (int i = 0; i < n; i++) {
        struct rows *rows = NULL;
        struct err e = down;
        /* With no server the first refusal speaks for all that waited with it. */
        if (down.code == ERR_NONE && db_run(db, batch[i]->call, &rows, &e) < 0 &&
            e.code == ERR_UNAVAILABLE)
            down = e;
        answer(batch[i], rows, &e);
    }
}

static void run_batch(struct db *db, struct pending **batch, int n)
{
    if (n <= 1) {
        run_each(db, batch, n);
        return;
    }
    struct db_call calls[PIPELINE_MAX];
    struct rows *rows[PIPELINE_MAX];
    struct err e = {0};
    for (int i = 0; i < n; i++)
        calls[i] = *batch[i]->call;
    if (db_batch(db, calls, n, rows, &e) < 0) {
        run_each(db, batch, n);
        return;
    }
    for (int i = 0; i < n; i++)
        answer(batch[i], rows[i], &e);
}

static int take(struct db_async *a, struct pending **batch)
{
    int n = 0;
    (void)pthread_mutex_lock(&a->mutex);
    while (!a->head && !a->stopping)
        (void)clock_cond_wait(&a->changed, &a->mutex, 1000);
    while (a->head && n < PIPELINE_MAX) {
        batch[n++] = a->head;
        a->head = a->head->next;
    }
    if (!a->head)
        a->tail = &a->head;
    (void)pthread_mutex_unlock(&a->mutex);
    return n;
}

static void *async_main(void *arg)
{
    struct db_async *a = arg;
    (void)pthread_mutex_lock(&a->mutex);
    struct db *db = a->connections[a->started++];
    (void)pthread_mutex_unlock(&a->mutex);
    struct pending *batch[PIPELINE_MAX];
    for (;;) {
        int n = take(a, batch);
        if (n == 0)
            return NULL;
        run_batch(db, batch, n);
    }
}

static void async_free(struct db_async *a)
{
    for (int i = 0; i < THREADS_MAX; i++)
        db_free(a->connections[i]);
    (void)pthread_cond_destroy(&a->changed);
    (void)pthread_mutex_destroy(&a->mutex);
    free(a);
}

struct db_async *db_async_start(const char *conninfo, int threads, struct err *e)
{
    struct db_async *a = calloc(1, sizeof(*a));
    if (!a || pthread_mutex_init(&a->mutex, NULL) || clock_cond_init(&a->changed)) {
        free(a);
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    a->tail = &a->head;
    for (int i = 0; i < threads && i < THREADS_MAX; i++) {
        a->connections[i] = db_new(conninfo, "http", e);
        if (!a->connections[i] || pthread_create(&a->threads[i], NULL, async_main, a)) {
            err_set(e, ERR_NO_MEMORY, "cannot start a database thread");
            db_async_stop(a);
            return NULL;
        }
        a->n_threads++;
    }
    return a;
}

void db_async_stop(struct db_async *a)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->mutex);
    a->stopping = true;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->mutex);
    for (int i = 0; i < a->n_threads; i++)
        (void)pthread_join(a->threads[i], NULL);
    async_free(a);
}

void db_async_submit(struct db_async *a, const struct db_call *c, db_done_fn done, void *arg)
{
    struct pending *p = malloc(sizeof(*p));
    if (!p) {
        struct err e = {0};
        err_set(&e, ERR_NO_MEMORY, "out of memory");
        done(arg, NULL, &e);
        return;
    }
    *p = (struct pending){NULL, c, done, arg};
    (void)pthread_mutex_lock(&a->mutex);
    bool idle = !a->head;
    *a->tail = p;
    a->tail = &p->next;
    if (idle)
        (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->mutex);
}
