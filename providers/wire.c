#include "providers/wire.h"

#include <stdlib.h>

#include "server/base/clock.h"

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct wire *w = arg;

    (void)multi;
    w->due_us = timeout_ms < 0 ? -1 : clock_us() + timeout_ms * 1000;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct wire *w = arg;
    struct epoll_event ev = {.data.u64 = wire_tag(w->index, fd)};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        ev.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        ev.events |= EPOLLOUT;
    if (epoll_ctl(w->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0 &&
        epoll_ctl(w->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev) != 0)
        return -1;
    return curl_multi_assign(w->multi, fd, w) == CURLM_OK ? 0 : -1;
}

struct wire *wire_new(int epoll_fd, uint32_t index, struct err *e)
{
    struct wire *w = calloc(1, sizeof(*w));
    CURLM *m = w ? curl_multi_init() : NULL;

    if (!m || curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(m, CURLMOPT_SOCKETDATA, w) != CURLM_OK ||
        curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
        curl_multi_setopt(m, CURLMOPT_TIMERDATA, w) != CURLM_OK ||
        curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, 2L * WIRE_EXCHANGES) != CURLM_OK) {
        curl_multi_cleanup(m);
        free(w);
        err_set(e, ERR_NO_MEMORY, "cannot set up the HTTP client");
        return NULL;
    }
    w->multi = m;
    w->epoll_fd = epoll_fd;
    w->index = index;
    w->due_us = -1;
    return w;
}

void wire_free(struct wire *w)
{
    curl_multi_cleanup(w->multi);
    free(w);
}

void wire_event(struct wire *w, int fd, uint32_t events)
{
    int mask = 0, running;

    if (events & (EPOLLIN | EPOLLHUP))
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(w->multi, fd, mask, &running);
}

void wire_tick(struct wire *w, int64_t now_us)
{
    int running;

    if (w->due_us < 0 || now_us < w->due_us)
        return;
    w->due_us = -1;
    curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}
