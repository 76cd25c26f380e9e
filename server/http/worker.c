/* A worker: one libmicrohttpd daemon with its own thread and no listen socket. It must never block.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/base/hash.h"
#include "server/base/metrics.h"
#include "server/http/internal.h"

static struct http_socket *socket_open(struct http_worker *w, int fd)
{
    struct http_socket *found = NULL;
    (void)pthread_mutex_lock(&w->mutex);
    for (int i = 0; i < SOCKETS_PER_WORKER && !found; i++)
        if (!w->sockets[i].open)
            found = &w->sockets[i];
    if (found) {
        found->fd = fd;
        found->requests = 0;
        found->conn = NULL;
        found->behind_us = 0;
        atomic_store(&found->cut, false);
        socket_deadline(found, w->http->s.header_timeout_s);
        found->open = true;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return found;
}

/* Called before libmicrohttpd closes the descriptor: the sweeper never sees a reused one. */
static void socket_close(struct http_worker *w, struct http_socket *s)
{
    (void)pthread_mutex_lock(&w->mutex);
    if (s)
        s->open = false;
    (void)pthread_mutex_unlock(&w->mutex);
    (void)atomic_fetch_sub(&w->n_sockets, 1);
    acceptor_wake(w->http);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode toe)
{
    bool closed = toe == MHD_CONNECTION_NOTIFY_CLOSED;
    metric_add(METRIC_HTTP_CONNECTIONS, NULL, closed ? -1 : 1);
    if (closed) {
        if (*context)
            conn_on_closed(*context);
        socket_close(cls, *context);
        return;
    }
    struct http_worker *w = cls;
    tls_prepare(w->http, mhd);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info ? socket_open(cls, info->connect_fd) : NULL;
}

/* We decode each path segment ourselves. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

static void on_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list ap)
{
    char line[300];
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    line[strcspn(line, "\r\n")] = '\0';
    http_log(cls, "http_library", line);
}

int worker_start(struct http_worker *w, struct http *h, struct err *e)
{
    w->http = h;
    if (pthread_mutex_init(&w->mutex, NULL))
        return err_set(e, ERR_NO_MEMORY, "no memory for an HTTP worker");
    /* Not MHD_OPTION_STRICT_FOR_CLIENT: in 0.9.75 all it adds are checks that head.c makes too,
     * and its reply to a missing Host has the header section twice. */
    w->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
            MHD_ALLOW_SUSPEND_RESUME | (h->s.tls ? MHD_USE_TLS : MHD_NO_FLAG) |
            (h->s.ops.log ? MHD_USE_ERROR_LOG : MHD_NO_FLAG),
        0, NULL, NULL, conn_on_access, w, MHD_OPTION_EXTERNAL_LOGGER, on_log, h,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SOCKETS_PER_WORKER + 4,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)h->s.idle_timeout_s, MHD_OPTION_URI_LOG_CALLBACK, conn_on_uri, w,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        conn_on_completed, w, MHD_OPTION_NOTIFY_CONNECTION, on_connection, w,
        /* What stands behind an end is not read. */
        h->s.tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, TLS_PRIORITIES,
        MHD_OPTION_HTTPS_CERT_CALLBACK2, tls_choose, MHD_OPTION_END);
    if (!w->daemon)
        return err_set(e, ERR_UNAVAILABLE, "an HTTP worker could not be started");
    return 0;
}

void worker_release(struct http_worker *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    for (struct http_conn *c = w->all; c; c = c->next) {
        (void)pthread_mutex_lock(&c->mutex);
        conn_resume(c);
        (void)pthread_mutex_unlock(&c->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

void worker_stop(struct http_worker *w)
{
    if (w->daemon)
        MHD_stop_daemon(w->daemon);
    w->daemon = NULL;
    while (w->idle) {
        struct http_conn *c = w->idle;
        w->idle = c->next_idle;
        conn_free(c);
    }
}

void worker_free(struct http_worker *w)
{
    if (w->http)
        (void)pthread_mutex_destroy(&w->mutex);
}

/* From a block, because the generator costs a system call. */
void worker_random(struct http_worker *w, void *out, size_t n)
{
    if (w->random_left < n) {
        random_bytes(w->random, sizeof(w->random));
        w->random_left = sizeof(w->random);
    }
    memcpy(out, w->random + sizeof(w->random) - w->random_left, n);
    w->random_left -= n;
}
