/* The bounded pipe between a worker, which must not block, and the pool thread that reads a
 * BODY_STREAM. A full pipe suspends the connection, so that TCP slows the client down. */
#include "server/base/clock.h"
#include "server/http/internal.h"

enum { DRAINING_MS = 2000, LOOK_MS = 500 };

bool pipe_open(struct http_conn *c)
{
    struct http_body *p = &c->pipe;
    if (!conn_charge(c, PIPE_BYTES) || !ring_open(&p->ring))
        return false;
    if (clock_cond_init(&p->readable)) {
        ring_close(&p->ring);
        return false;
    }
    c->q.stream = p;
    return true;
}

void pipe_close(struct http_conn *c)
{
    struct http_body *p = &c->pipe;
    if (!p->ring.p)
        return;
    (void)pthread_cond_destroy(&p->readable);
    ring_close(&p->ring);
}

size_t pipe_write(struct http_conn *c, const char *data, size_t n)
{
    struct http_body *p = &c->pipe;
    (void)pthread_mutex_lock(&c->mutex);
    size_t done = ring_put(&p->ring, data, n);
    p->total += done;
    if (done)
        (void)pthread_cond_signal(&p->readable);
    (void)pthread_mutex_unlock(&c->mutex);
    return done;
}

void pipe_end(struct http_conn *c)
{
    (void)pthread_mutex_lock(&c->mutex);
    c->pipe.ended = true;
    if (c->pipe.ring.p)
        (void)pthread_cond_signal(&c->pipe.readable);
    (void)pthread_mutex_unlock(&c->mutex);
}

void pipe_break(struct http_conn *c, bool too_large)
{
    struct http_body *p = &c->pipe;
    (void)pthread_mutex_lock(&c->mutex);
    if (p->ring.p && !p->ended) {
        p->broken = true;
        p->too_large = too_large;
        (void)pthread_cond_signal(&p->readable);
    }
    (void)pthread_mutex_unlock(&c->mutex);
}

/* Until there is something to say to the reader. Under the mutex. */
static void wait_readable(struct http_conn *c)
{
    struct http_body *p = &c->pipe;
    int64_t limit_ms = (int64_t)c->http->s.body_timeout_s * 1000 - p->waited_us / 1000;
    int64_t start_us = clock_us();
    while (!p->ring.used && !p->ended && !p->broken) {
        /* A client that says nothing does not hold up the end of the server. */
        int64_t most_ms =
            atomic_load(&c->http->draining) && limit_ms > DRAINING_MS ? DRAINING_MS : limit_ms;
        int64_t left_ms = most_ms - (clock_us() - start_us) / 1000;
        if (left_ms > 0)
            (void)clock_cond_wait(&p->readable, &c->mutex, left_ms < LOOK_MS ? left_ms : LOOK_MS);
        else
            p->broken = true;
    }
    p->waited_us += clock_us() - start_us;
}

ptrdiff_t http_body_read(struct req *q, void *out, size_t n, struct err *e)
{
    struct http_conn *c = q->conn;
    struct http_body *p = &c->pipe;
    (void)pthread_mutex_lock(&c->mutex);
    wait_readable(c);
    size_t done = ring_take(&p->ring, out, n);
    p->taken += done;
    if (p->taken >= SLOW_BYTES) {
        p->taken = 0;
        p->waited_us = 0;
    }
    /* Half, so that a fast client is not suspended and resumed for every few bytes. */
    if (p->ring.used <= PIPE_BYTES / 2 && !p->broken && !p->ended)
        conn_resume(c);
    bool failed = done == 0 && !p->ended, too_large = p->too_large;
    (void)pthread_mutex_unlock(&c->mutex);
    if (failed && too_large)
        return err_set(e, ERR_TOO_LARGE, "the body is longer than %zu bytes", q->route->body_max);
    if (failed)
        return err_set(e, ERR_IMPORT_BROKEN,
                       "the body broke off: the client left or was slower than allowed");
    return (ptrdiff_t)done;
}
