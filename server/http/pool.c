/* Request records: arena, buffers, mutex. A worker keeps them for its next requests. */
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/http/internal.h"

static void unlink_conn(struct http_conn *c)
{
    (void)pthread_mutex_lock(&c->worker->mutex);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->worker->all = c->next;
    if (c->next)
        c->next->prev = c->prev;
    (void)pthread_mutex_unlock(&c->worker->mutex);
}

static struct http_conn *conn_new(struct http_worker *w)
{
    struct http *h = w->http;
    struct http_conn *c = NULL;
    if (atomic_fetch_add(&h->n_conns, 1) < h->conns_max)
        c = calloc(1, sizeof(*c));
    if (c)
        c->q.arena = arena_new(h->arena_max);
    if (!c || !c->q.arena || pthread_mutex_init(&c->mutex, NULL)) {
        (void)atomic_fetch_sub(&h->n_conns, 1);
        if (c)
            arena_free(c->q.arena);
        free(c);
        return NULL;
    }
    c->http = h;
    c->worker = w;
    buf_init(&c->q.res.body, RESPONSE_BYTES_MAX);
    (void)pthread_mutex_lock(&w->mutex);
    c->next = w->all;
    if (c->next)
        c->next->prev = c;
    w->all = c;
    (void)pthread_mutex_unlock(&w->mutex);
    return c;
}

struct http_conn *conn_take(struct http_worker *w)
{
    struct http_conn *c = w->idle;
    if (c)
        w->idle = c->next_idle;
    else if (!(c = conn_new(w)))
        return NULL;
    c->q.conn = c;
    c->q.app = w->http->s.app;
    c->q.started_us = clock_us();
    return c;
}

bool conn_charge(struct http_conn *c, size_t bytes)
{
    size_t before = atomic_fetch_add_explicit(&c->http->body_bytes, bytes, memory_order_relaxed);
    c->charged += bytes;
    return before + bytes <= c->http->s.bodies_max;
}

void conn_discharge(struct http_conn *c)
{
    (void)atomic_fetch_sub_explicit(&c->http->body_bytes, c->charged, memory_order_relaxed);
    c->charged = 0;
}

static void shrink(struct buf *b)
{
    if (b->cap > KEEP_BYTES)
        buf_free(b);
    else
        buf_reset(b);
}

/* Back to what conn_new() made, but for the memory. */
static void conn_clear(struct http_conn *c)
{
    pipe_close(c);
    answer_close(c);
    file_close(&c->q.res);
    conn_discharge(c);
    arena_reset(c->q.arena);
    shrink(&c->q.res.body);
    shrink(&c->body);
    struct http_conn blank = {.q = {.arena = c->q.arena, .res = {.body = c->q.res.body}},
                              .http = c->http,
                              .worker = c->worker,
                              .body = c->body};
    /* `suspended`, which http_stop() looks at, is false already. */
    memcpy(c, &blank, offsetof(struct http_conn, prev));
    c->op = OP_IDLE;
    c->held = false;
}

void conn_give(struct http_conn *c)
{
    struct http_worker *w = c->worker;
    conn_clear(c);
    c->next_idle = w->idle;
    w->idle = c;
}

void conn_free(struct http_conn *c)
{
    unlink_conn(c);
    conn_clear(c);
    (void)pthread_mutex_destroy(&c->mutex);
    buf_free(&c->q.res.body);
    buf_free(&c->body);
    arena_free(c->q.arena);
    (void)atomic_fetch_sub(&c->http->n_conns, 1);
    free(c);
}
