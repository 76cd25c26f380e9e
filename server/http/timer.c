/* One thread for what happens later: http_after() calls, and the deadlines that libmicrohttpd
 * lacks. Its own timeout counts inactivity only, so that a byte a second keeps a connection for
 * ever. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/http/internal.h"

enum { SWEEP_MS = 250 };

void socket_deadline(struct http_socket *s, int seconds)
{
    int64_t due = 0;
    if (seconds == INPUT_WANTED)
        due = INT64_MAX;
    else if (seconds != NO_DEADLINE)
        due = clock_us() + (int64_t)seconds * 1000000;
    atomic_store(&s->deadline_us, due);
}

void socket_idle(struct http_socket *s)
{
    s->requests++;
    atomic_store(&s->deadline_us, -s->requests);
}

static struct tcp_info tcp_info(int fd)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        info = (struct tcp_info){0};
    return info;
}

/* libmicrohttpd tells of a further request on a connection only when its first line is complete.
 * The kernel's count tells when it has begun. */
static void watch_idle(struct http_socket *s, int64_t idle, int header_timeout_s)
{
    uint64_t bytes = tcp_info(s->fd).tcpi_bytes_received;
    if (s->mark_deadline != idle) {
        s->mark_deadline = idle;
        s->mark_bytes = bytes;
    } else if (bytes > s->mark_bytes) {
        int64_t due = clock_us() + (int64_t)header_timeout_s * 1000000;
        /* Fails, rightly, when a request line has come in meanwhile. */
        (void)atomic_compare_exchange_strong(&s->deadline_us, &idle, due);
    }
}

/* First the receiving side only: that wakes the worker, which can still send an answer. */
static void cut_off(struct http_socket *s)
{
    bool again = atomic_exchange(&s->cut, true);
    (void)shutdown(s->fd, again ? SHUT_RDWR : SHUT_RD);
}

/* libmicrohttpd counts a byte that a client takes as activity, so that one that takes a few at a
 * time would keep its connection for ever. Only when the kernel always had something left for it:
 * an operation that makes its answer slowly is not the client's fault. */
static void watch_reader(struct http_socket *s, int64_t now, int body_timeout_s)
{
    int queued = 0;
    if (ioctl(s->fd, SIOCOUTQ, &queued) < 0 || queued == 0) {
        s->behind_us = 0;
        return;
    }
    uint64_t bytes = tcp_info(s->fd).tcpi_bytes_acked;
    if (s->behind_us == 0 || bytes >= s->behind_bytes + SLOW_BYTES) {
        s->behind_us = now;
        s->behind_bytes = bytes;
    } else if (now - s->behind_us > (int64_t)body_timeout_s * 1000000) {
        /* Or the kernel would go on for hours with what it has. */
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        cut_off(s);
    }
}

/* libmicrohttpd takes a short read for the end of what there is, and so does not see a client that
 * leaves right behind its last bytes. Ending the receiving side, where nothing more can come, wakes
 * the worker once more; what has been received can still be read. */
static void nudge_if_left(const struct http_socket *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) > 0)
        (void)shutdown(s->fd, SHUT_RD);
}

static void look_after(struct http *h, struct http_socket *s, int64_t now)
{
    int64_t deadline = atomic_load(&s->deadline_us);
    if (deadline == 0) {
        watch_reader(s, now, h->s.body_timeout_s);
        return;
    }
    if (deadline > 0 && now >= deadline) {
        cut_off(s);
        return;
    }
    if (deadline < 0)
        watch_idle(s, deadline, h->s.header_timeout_s);
    nudge_if_left(s);
}

static void sweep(struct http *h)
{
    int64_t now = clock_us();
    for (int w = 0; w < h->n_workers; w++) {
        struct http_worker *worker = &h->workers[w];
        (void)pthread_mutex_lock(&worker->mutex);
        for (int i = 0; i < SOCKETS_PER_WORKER; i++)
            if (worker->sockets[i].open)
                look_after(h, &worker->sockets[i], now);
        (void)pthread_mutex_unlock(&worker->mutex);
    }
}

static void sift_up(struct timer *t, size_t i)
{
    struct timer_entry entry = t->heap[i];
    for (; i > 0 && t->heap[(i - 1) / 2].due_us > entry.due_us; i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = entry;
}

static void sift_down(struct timer *t)
{
    struct timer_entry entry = t->heap[0];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < t->n && t->heap[child + 1].due_us < t->heap[child].due_us)
            child++;
        if (child >= t->n || t->heap[child].due_us >= entry.due_us)
            break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    t->heap[i] = entry;
}

/* NULL when nothing is due. Under the mutex. */
static struct http_conn *pop_due(struct timer *t, int64_t now, bool all)
{
    if (t->n == 0 || (!all && t->heap[0].due_us > now))
        return NULL;
    struct http_conn *c = t->heap[0].conn;
    t->heap[0] = t->heap[--t->n];
    if (t->n)
        sift_down(t);
    return c;
}

/* How long until the next call or sweep. Under the mutex. */
static int64_t wait_ms(const struct timer *t, int64_t now, int64_t next_sweep)
{
    int64_t due = t->n && t->heap[0].due_us < next_sweep ? t->heap[0].due_us : next_sweep;
    return due > now ? (due - now + 999) / 1000 : 0;
}

static void *run(void *cls)
{
    struct http *h = cls;
    struct timer *t = &h->timer;
    int64_t next_sweep = clock_us();
    (void)pthread_mutex_lock(&t->mutex);
    while (!t->stop || t->n) {
        int64_t now = clock_us();
        struct http_conn *c = pop_due(t, now, t->stop || atomic_load(&h->draining));
        if (!c && now < next_sweep) {
            (void)clock_cond_wait(&t->wake, &t->mutex, wait_ms(t, now, next_sweep));
            continue;
        }
        (void)pthread_mutex_unlock(&t->mutex);
        if (c)
            c->after(&c->q);
        if (now >= next_sweep) {
            sweep(h);
            next_sweep = now + SWEEP_MS * 1000;
        }
        (void)pthread_mutex_lock(&t->mutex);
    }
    (void)pthread_mutex_unlock(&t->mutex);
    return NULL;
}

int timer_start(struct http *h, struct err *e)
{
    struct timer *t = &h->timer;
    /* A request has at most one call outstanding. */
    t->cap = h->conns_max;
    t->heap = calloc(t->cap, sizeof(*t->heap));
    if (!t->heap || pthread_mutex_init(&t->mutex, NULL) || clock_cond_init(&t->wake) ||
        pthread_create(&t->thread, NULL, run, h))
        return err_set(e, ERR_NO_MEMORY, "the timer thread could not be started");
    t->running = true;
    return 0;
}

void timer_wake(struct http *h)
{
    (void)pthread_mutex_lock(&h->timer.mutex);
    (void)pthread_cond_signal(&h->timer.wake);
    (void)pthread_mutex_unlock(&h->timer.mutex);
}

void timer_stop(struct http *h)
{
    struct timer *t = &h->timer;
    if (!t->running)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    t->stop = true;
    (void)pthread_cond_signal(&t->wake);
    (void)pthread_mutex_unlock(&t->mutex);
    (void)pthread_join(t->thread, NULL);
}

void timer_free(struct http *h)
{
    free(h->timer.heap);
}

void http_after(struct req *q, int ms, void (*fn)(struct req *q))
{
    struct timer *t = &q->conn->http->timer;
    (void)pthread_mutex_lock(&t->mutex);
    bool room = !t->stop && t->n < t->cap;
    if (room) {
        q->conn->after = fn;
        t->heap[t->n].due_us = clock_us() + (int64_t)ms * 1000;
        t->heap[t->n].conn = q->conn;
        sift_up(t, t->n++);
        (void)pthread_cond_signal(&t->wake);
    }
    (void)pthread_mutex_unlock(&t->mutex);
    /* Only after http_stop(): nobody is left to hear the answer. */
    if (!room)
        http_complete(q);
}
