#include <pthread.h>
#include <stdlib.h>

#include "handlers/operation.h"
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/log.h"

enum {
    QUEUE_MAX = 64,
    THREADS_MAX = 64,
    RETRY_MS = 250,
    RETRY_FOR_MS = 10000, /* how long a database that is away is waited for */
    RETRY_AFTER_S = 5,
};

struct pool_thread {
    pthread_t thread;
    bool started;
    struct work_ctx ctx;
};

struct request_pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* something queued, or the end */
    bool stopping;
    int first, n; /* a ring */
    struct req *queue[QUEUE_MAX];
    int n_threads;
    struct pool_thread threads[THREADS_MAX];
};

bool request_pool_submit(struct request_pool *p, struct req *q)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool taken = !p->stopping && p->n < QUEUE_MAX;
    if (taken) {
        p->queue[(p->first + p->n) % QUEUE_MAX] = q;
        p->n++;
        (void)pthread_cond_signal(&p->changed);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return taken;
}

bool request_pool_sleep(struct request_pool *p, int ms)
{
    int64_t until = clock_us() + (int64_t)ms * 1000, left;
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->stopping && (left = until - clock_us()) > 0)
        (void)clock_cond_wait(&p->changed, &p->mutex, left / 1000 + 1);
    bool go_on = !p->stopping;
    /* The signal may have been meant for a thread that waits for requests. */
    if (p->n)
        (void)pthread_cond_signal(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
    return go_on;
}

int request_pool_run(struct work_ctx *ctx, const struct db_call *c, struct rows **rows,
                     struct err *e)
{
    int64_t until = clock_us() + (int64_t)RETRY_FOR_MS * 1000;
    for (;;) {
        if (db_run(ctx->db, c, rows, e) == 0)
            return 0;
        bool again = e->code == ERR_UNAVAILABLE && clock_us() < until;
        if (!again || !request_pool_sleep(ctx->pool, RETRY_MS)) {
            if (e->code == ERR_UNAVAILABLE)
                e->retry_after = RETRY_AFTER_S;
            return -1;
        }
        err_clear(e);
    }
}

/* The next request; NULL at the end. */
static struct req *take(struct request_pool *p)
{
    struct req *q = NULL;
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->stopping && p->n == 0)
        (void)pthread_cond_wait(&p->changed, &p->mutex);
    if (!p->stopping) {
        q = p->queue[p->first];
        p->first = (p->first + 1) % QUEUE_MAX;
        p->n--;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return q;
}

static void *run(void *arg)
{
    struct pool_thread *t = arg;
    struct req *q;
    while ((q = take(t->ctx.pool))) {
        uint8_t trace[TRACE_BYTES];
        log_context(q->request_id, NULL, NULL);
        (void)hex_decode(str_of(q->request_id), trace, sizeof(trace)); /* it always is one */
        engine_set_trace(t->ctx.engine, trace);
        (void)q->route->operation->work(q, &t->ctx, &q->err);
        log_context(NULL, NULL, NULL);
        http_complete(q);
    }
    return NULL;
}

static int thread_start(struct request_pool *p, struct app *app, struct err *e)
{
    struct pool_thread *t = &p->threads[p->n_threads++];
    t->ctx = (struct work_ctx){.app = app, .pool = p};
    t->ctx.db = db_new(app->config->database_url, "monoceros request", e);
    t->ctx.engine = t->ctx.db ? engine_new(e) : NULL;
    if (!t->ctx.engine)
        return -1;
    if (pthread_create(&t->thread, NULL, run, t) != 0)
        return err_set(e, ERR_NO_MEMORY, "a thread for requests could not be started");
    t->started = true;
    return 0;
}

struct request_pool *request_pool_start(struct app *app, int threads, struct err *e)
{
    struct request_pool *p = calloc(1, sizeof(*p));
    if (!p) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the request pool");
        return NULL;
    }
    if (pthread_mutex_init(&p->mutex, NULL) || clock_cond_init(&p->changed)) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the request pool");
        free(p);
        return NULL;
    }
    threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    for (int i = 0; i < threads; i++)
        if (thread_start(p, app, e) < 0) {
            request_pool_stop(p);
            return NULL;
        }
    return p;
}

static void refuse_queued(struct request_pool *p)
{
    for (; p->n > 0; p->n--) {
        struct req *q = p->queue[p->first];
        p->first = (p->first + 1) % QUEUE_MAX;
        (void)err_set(&q->err, ERR_UNAVAILABLE, "the server is ending");
        http_complete(q);
    }
}

void request_pool_stop(struct request_pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->n_threads; i++) {
        struct pool_thread *t = &p->threads[i];
        if (t->started)
            (void)pthread_join(t->thread, NULL);
        engine_free(t->ctx.engine);
        db_free(t->ctx.db);
    }
    refuse_queued(p);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}
