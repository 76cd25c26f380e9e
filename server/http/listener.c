/* Start, stop and the acceptor. libmicrohttpd's own pool puts most connections on few threads; the
 * acceptor gives each to the worker that has the fewest, and waits when all are full: a connection
 * over the limit stays in the backlog. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/http/internal.h"

enum { BACKLOG = 1024, NO_DESCRIPTORS_WAIT_MS = 100 };

union address {
    struct sockaddr any;
    struct sockaddr_storage storage;
};

void http_log(struct http *h, const char *event, const char *detail)
{
    if (h->s.ops.log)
        h->s.ops.log(event, detail);
}

void acceptor_wake(struct http *h)
{
    uint64_t one = 1;
    /* A full counter wakes just as well. */
    if (atomic_exchange(&h->acceptor_waits, false) && write(h->wake_fd, &one, sizeof(one)) < 0)
        return;
}

/* NULL when all are full. */
static struct http_worker *least_loaded(struct http *h)
{
    struct http_worker *best = NULL;
    int fewest = h->per_worker;
    for (int i = 0; i < h->n_workers; i++) {
        int n = atomic_load(&h->workers[i].n_sockets);
        if (n < fewest) {
            fewest = n;
            best = &h->workers[i];
        }
    }
    return best;
}

/* False when there is nothing to accept for now. */
static bool accept_one(struct http *h, struct http_worker *w, int *wait_ms)
{
    union address addr;
    socklen_t n = sizeof(addr);
    int on = 1;
    int fd = accept4(h->listen_fd, &addr.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            http_log(h, "accept_failed", strerrordesc_np(errno));
            *wait_ms = NO_DESCRIPTORS_WAIT_MS;
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)atomic_fetch_add(&w->n_sockets, 1);
    if (MHD_add_connection(w->daemon, fd, &addr.any, n) == MHD_NO)
        (void)atomic_fetch_sub(&w->n_sockets, 1); /* it has closed the descriptor */
    return true;
}

/* Sleeps until there may be something to accept and somebody to take it. */
static void acceptor_wait(struct http *h, bool full, int wait_ms)
{
    struct pollfd fds[2] = {{.fd = h->wake_fd, .events = POLLIN},
                            {.fd = h->listen_fd, .events = POLLIN}};
    uint64_t ignored;
    (void)poll(fds, full || wait_ms >= 0 ? 1 : 2, wait_ms);
    if (fds[0].revents && read(h->wake_fd, &ignored, sizeof(ignored)) < 0)
        return; /* somebody else's wake-up was read already */
}

static void *run_acceptor(void *cls)
{
    struct http *h = cls;
    for (;;) {
        int wait_ms = -1;
        struct http_worker *w = least_loaded(h);
        while (w && accept_one(h, w, &wait_ms))
            w = least_loaded(h);
        /* What was in the backlog when draining began has been taken, as far as there is room. */
        if (atomic_load(&h->draining))
            break;
        if (!w) {
            atomic_store(&h->acceptor_waits, true);
            if (least_loaded(h)) {
                atomic_store(&h->acceptor_waits, false);
                continue;
            }
        }
        acceptor_wait(h, !w, wait_ms);
    }
    (void)close(h->listen_fd);
    h->listen_fd = -1;
    return NULL;
}

static int bind_to(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static int port_of(int fd)
{
    union address addr = {0};
    socklen_t n = sizeof(addr);
    char port[8] = "";
    int64_t number = 0;
    if (getsockname(fd, &addr.any, &n) ||
        getnameinfo(&addr.any, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV) ||
        !str_to_i64(str_of(port), 1, 65535, &number))
        return 0;
    return (int)number;
}

static int open_listener(struct http *h, struct err *e)
{
    const char *host = h->s.host && h->s.host[0] ? h->s.host : NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", h->s.port);
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc)
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s: %s", host ? host : "any address",
                       gai_strerror(rc));
    for (const struct addrinfo *a = list; a && h->listen_fd < 0; a = a->ai_next)
        h->listen_fd = bind_to(a);
    int saved = errno;
    freeaddrinfo(list);
    if (h->listen_fd < 0)
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s port %d: %s",
                       host ? host : "any address", h->s.port, strerrordesc_np(saved));
    h->port = port_of(h->listen_fd);
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return h->wake_fd < 0 ? err_set(e, ERR_UNAVAILABLE, "no descriptor for the acceptor") : 0;
}

static void settle(struct http *h)
{
    struct http_settings *s = &h->s;
    h->n_workers = s->workers > 0 ? s->workers : 2;
    int wanted = s->connections > 0 ? s->connections : h->n_workers * SOCKETS_PER_WORKER;
    h->per_worker = (wanted + h->n_workers - 1) / h->n_workers;
    if (h->per_worker > SOCKETS_PER_WORKER)
        h->per_worker = SOCKETS_PER_WORKER;
    s->idle_timeout_s = s->idle_timeout_s > 0 ? s->idle_timeout_s : 60;
    s->header_timeout_s = s->header_timeout_s > 0 ? s->header_timeout_s : 10;
    s->body_timeout_s = s->body_timeout_s > 0 ? s->body_timeout_s : 30;
    s->bodies_max = s->bodies_max ? s->bodies_max : BODIES_BYTES_MAX;
    size_t body_max = 0;
    for (size_t i = 0; i < s->n_routes; i++)
        if (request_json_max(&s->routes[i]) > body_max)
            body_max = request_json_max(&s->routes[i]);
    h->arena_max = ARENA_BYTES + body_max;
    /* Twice the connections, for imports whose clients have left. */
    h->conns_max = 2 * (size_t)h->n_workers * (size_t)h->per_worker + 64;
    h->listen_fd = -1;
    h->wake_fd = -1;
    atomic_store(&h->refs, 1);
}

static int start_all(struct http *h, struct err *e)
{
    if (pthread_mutex_init(&h->mutex, NULL) || clock_cond_init(&h->quiet))
        return err_set(e, ERR_NO_MEMORY, "no memory for the HTTP server");
    h->router = router_new(&h->s, e);
    h->workers = calloc((size_t)h->n_workers, sizeof(*h->workers));
    if (!h->router || !h->workers)
        return err_set(e, ERR_NO_MEMORY, "no memory for the HTTP server");
    if (open_listener(h, e) < 0)
        return -1;
    for (int i = 0; i < h->n_workers; i++)
        if (worker_start(&h->workers[i], h, e) < 0)
            return -1;
    if (timer_start(h, e) < 0)
        return -1;
    if (pthread_create(&h->acceptor, NULL, run_acceptor, h))
        return err_set(e, ERR_NO_MEMORY, "the acceptor could not be started");
    h->accepting = true;
    return 0;
}

struct http *http_start(const struct http_settings *s, struct err *e)
{
    struct http *h = calloc(1, sizeof(*h));
    if (!h) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the HTTP server");
        return NULL;
    }
    h->s = *s;
    settle(h);
    if (start_all(h, e) < 0) {
        http_stop(h, 0);
        return NULL;
    }
    return h;
}

int http_port(const struct http *h)
{
    return h->port;
}

int http_busy(const struct http *h)
{
    return atomic_load(&h->busy);
}

void http_not_busy(struct http *h)
{
    if (atomic_fetch_sub(&h->busy, 1) != 1 || !atomic_load(&h->draining))
        return;
    (void)pthread_mutex_lock(&h->mutex);
    (void)pthread_cond_broadcast(&h->quiet);
    (void)pthread_mutex_unlock(&h->mutex);
}

void http_drain(struct http *h)
{
    atomic_store(&h->draining, true);
    atomic_store(&h->acceptor_waits, true);
    if (h->wake_fd >= 0)
        acceptor_wake(h);
    if (h->timer.running)
        timer_wake(h);
}

static void wait_quiet(struct http *h, int timeout_ms)
{
    int64_t end = clock_us() + (int64_t)timeout_ms * 1000;
    (void)pthread_mutex_lock(&h->mutex);
    for (int64_t now = clock_us(); atomic_load(&h->busy) > 0 && now < end; now = clock_us())
        (void)clock_cond_wait(&h->quiet, &h->mutex, (end - now + 999) / 1000);
    (void)pthread_mutex_unlock(&h->mutex);
}

void http_unref(struct http *h)
{
    if (atomic_fetch_sub(&h->refs, 1) != 1)
        return;
    for (int i = 0; h->workers && i < h->n_workers; i++)
        worker_free(&h->workers[i]);
    timer_free(h);
    router_free(h->router);
    if (h->listen_fd >= 0)
        (void)close(h->listen_fd);
    if (h->wake_fd >= 0)
        (void)close(h->wake_fd);
    (void)pthread_mutex_destroy(&h->mutex);
    (void)pthread_cond_destroy(&h->quiet);
    free(h->workers);
    free(h);
}

void http_stop(struct http *h, int timeout_ms)
{
    http_drain(h);
    if (h->accepting)
        (void)pthread_join(h->acceptor, NULL);
    wait_quiet(h, timeout_ms);
    /* A request that is suspended after this is set sees it, under its mutex; one that was
     * suspended before is resumed here. libmicrohttpd aborts when it is stopped with suspended
     * connections. */
    atomic_store(&h->stopping, true);
    for (int i = 0; h->workers && i < h->n_workers; i++)
        if (h->workers[i].daemon)
            worker_release(&h->workers[i]);
    for (int i = 0; h->workers && i < h->n_workers; i++)
        if (h->workers[i].http)
            worker_stop(&h->workers[i]);
    timer_stop(h);
    http_unref(h);
}
