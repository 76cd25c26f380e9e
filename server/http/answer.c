/* Answers that are made while they are sent: the bounded pipe from a thread of the pool to a
 * worker. An empty pipe suspends the connection; a full one blocks the thread, so that TCP slows it
 * down. */
#include <poll.h>

#include "server/base/clock.h"
#include "server/http/internal.h"

enum { BLOCK_BYTES = 65536, DRAINING_MS = 2000, LOOK_MS = 500 };

int http_answer_begin(struct req *q, uint64_t length, struct err *e)
{
    struct http_conn *c = q->conn;
    struct http_answer *a = &c->answer;
    if (!conn_charge(c, PIPE_BYTES))
        return err_set(e, ERR_UNAVAILABLE, "too many bodies are being sent and received");
    if (!ring_open(&a->ring))
        return err_set(e, ERR_NO_MEMORY, "no memory for an answer");
    if (clock_cond_init(&a->writable)) {
        ring_close(&a->ring);
        return err_set(e, ERR_NO_MEMORY, "no memory for an answer");
    }
    (void)pthread_mutex_lock(&c->mutex);
    a->length = length;
    a->begun = true;
    a->ended = false; /* what was completed before came in front of the answer */
    a->broken |= c->gone;
    if (!c->gone)
        conn_resume(c);
    (void)pthread_mutex_unlock(&c->mutex);
    return 0;
}

bool http_answer_wanted(const struct req *q)
{
    return !q->conn->is_head;
}

/* Until there is room or nobody to read. Under the mutex. */
static void wait_writable(struct http_conn *c)
{
    struct http_answer *a = &c->answer;
    int64_t start_us = clock_us();
    while (a->ring.used == PIPE_BYTES && !a->broken) {
        /* A client that takes nothing does not hold up the end of the server; at other times the
         * idle timeout ends its connection. */
        if (atomic_load(&c->http->draining) && clock_us() - start_us > (int64_t)DRAINING_MS * 1000)
            a->broken = true;
        else
            (void)clock_cond_wait(&a->writable, &c->mutex, LOOK_MS);
    }
}

int http_answer_write(struct req *q, const void *data, size_t n, struct err *e)
{
    struct http_conn *c = q->conn;
    struct http_answer *a = &c->answer;
    if (c->is_head)
        return 0;
    (void)pthread_mutex_lock(&c->mutex);
    for (size_t done = 0; done < n && !a->broken;) {
        wait_writable(c);
        size_t put = a->broken ? 0 : ring_put(&a->ring, (const char *)data + done, n - done);
        done += put;
        a->written += put;
        if (!c->gone)
            conn_resume(c);
    }
    bool broken = a->broken;
    (void)pthread_mutex_unlock(&c->mutex);
    return broken ? err_set(e, ERR_UNAVAILABLE, "the client left before the end of the answer") : 0;
}

/* libmicrohttpd does not look at a suspended connection. The descriptor is ours until `gone`. */
static bool has_left(const struct http_conn *c)
{
    struct pollfd p = {.fd = c->gone ? -1 : c->sock->fd, .events = POLLRDHUP};
    return c->gone || poll(&p, 1, 0) > 0;
}

int http_answer_offer(struct req *q, const void *data, size_t n)
{
    struct http_conn *c = q->conn;
    struct http_answer *a = &c->answer;
    if (c->is_head)
        return 0;
    (void)pthread_mutex_lock(&c->mutex);
    a->broken |= n > PIPE_BYTES - a->ring.used || has_left(c);
    bool broken = a->broken;
    if (!broken && n > 0) {
        a->written += ring_put(&a->ring, data, n);
        if (!c->gone)
            conn_resume(c);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return broken ? -1 : 0;
}

/* What libmicrohttpd may send now. Called with its lock of the response, on the worker's thread. */
static ssize_t on_wanted(void *cls, uint64_t at, char *out, size_t max)
{
    struct http_conn *c = cls;
    struct http_answer *a = &c->answer;
    (void)at;
    (void)pthread_mutex_lock(&c->mutex);
    ssize_t n = (ssize_t)ring_take(&a->ring, out, max);
    if (n > 0) {
        /* Half, so that the thread is not woken for every few bytes. */
        if (a->ring.used <= PIPE_BYTES / 2)
            (void)pthread_cond_signal(&a->writable);
    } else if (a->ended || a->broken || atomic_load(&c->http->stopping)) {
        bool whole = a->ended && !a->broken && a->length == HTTP_OPEN_END;
        n = whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        c->suspended = true;
        MHD_suspend_connection(c->mhd);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return n;
}

enum MHD_Result answer_queue(struct http_conn *c)
{
    struct MHD_Response *m = MHD_create_response_from_callback(
        c->answer.length == HTTP_OPEN_END ? MHD_SIZE_UNKNOWN : c->answer.length, BLOCK_BYTES,
        on_wanted, c, NULL);
    if (!m)
        return MHD_NO;
    /* Where the end is open, libmicrohttpd 0.9.75 sends the last chunk of a HEAD too, but not to
     * clients who know no chunks. */
    if (c->is_head && c->answer.length == HTTP_OPEN_END)
        (void)MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    response_add_headers(c, m);
    c->answered = true;
    enum MHD_Result ok = MHD_queue_response(c->mhd, (unsigned)c->q.res.status, m);
    MHD_destroy_response(m);
    return ok;
}

void answer_close(struct http_conn *c)
{
    struct http_answer *a = &c->answer;
    if (!a->ring.p)
        return;
    (void)pthread_cond_destroy(&a->writable);
    ring_close(&a->ring);
}

void answer_break(struct http_conn *c)
{
    struct http_answer *a = &c->answer;
    (void)pthread_mutex_lock(&c->mutex);
    a->broken = true;
    if (a->begun)
        (void)pthread_cond_signal(&a->writable);
    (void)pthread_mutex_unlock(&c->mutex);
}
