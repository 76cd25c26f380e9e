#include "providers/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "providers/engine_state.h"
#include "server/base/clock.h"

/* Idle connections per engine. */
enum { CONNECTIONS_KEPT = 2048 };

int engine_global_init(struct err *e)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    /* CURLOPT_NOSIGNAL leaves SIGPIPE to the program: TLS may write to a closed socket. */
    sigaction(SIGPIPE, &ignore, NULL);
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        return err_set(e, ERR_INTERNAL, "curl: %s", curl_easy_strerror(code));
    return 0;
}

void engine_global_cleanup(void)
{
    curl_global_cleanup();
}

void job_push(struct job_queue *q, struct job *j)
{
    j->in = q;
    j->next = NULL;
    j->prev = q->tail;
    if (q->tail)
        q->tail->next = j;
    else
        q->head = j;
    q->tail = j;
}

void job_unlink(struct job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        j->in->head = j->next;
    if (j->next)
        j->next->prev = j->prev;
    else
        j->in->tail = j->prev;
    j->in = NULL;
    j->prev = j->next = NULL;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct engine *g = arg;

    (void)multi;
    g->curl_due_us = timeout_ms < 0 ? -1 : clock_us() + timeout_ms * 1000;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct engine *g = arg;
    struct epoll_event ev = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(g->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        ev.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        ev.events |= EPOLLOUT;
    if (epoll_ctl(g->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0 &&
        epoll_ctl(g->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev) != 0)
        return -1;
    return curl_multi_assign(g->multi, fd, g) == CURLM_OK ? 0 : -1;
}

static int set_up_multi(struct engine *g, struct err *e)
{
    g->multi = curl_multi_init();
    if (!g->multi || curl_multi_setopt(g->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(g->multi, CURLMOPT_SOCKETDATA, g) != CURLM_OK ||
        curl_multi_setopt(g->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
        curl_multi_setopt(g->multi, CURLMOPT_TIMERDATA, g) != CURLM_OK ||
        curl_multi_setopt(g->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) != CURLM_OK)
        return err_set(e, ERR_NO_MEMORY, "cannot set up the HTTP client");
    return 0;
}

static int set_up_epoll(struct engine *g, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN};

    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ev.data.fd = g->wake_fd;
    if (g->epoll_fd < 0 || g->wake_fd < 0 ||
        epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, g->wake_fd, &ev) != 0)
        return err_set(e, ERR_INTERNAL, "cannot set up epoll (errno %d)", errno);
    return 0;
}

struct engine *engine_new(struct err *e)
{
    struct engine *g = calloc(1, sizeof(*g));

    if (!g) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    g->curl_due_us = g->epoll_fd = g->wake_fd = -1;
    if (set_up_epoll(g, e) != 0 || set_up_multi(g, e) != 0) {
        engine_free(g);
        return NULL;
    }
    return g;
}

static void lane_free(struct lane *l)
{
    while (l->idle) {
        struct exchange *x = l->idle;
        l->idle = x->next;
        exchange_free(x);
    }
    endpoint_unref(l->endpoint);
    free(l);
}

void engine_free(struct engine *g)
{
    if (!g)
        return;
    while (g->lanes) {
        struct lane *l = g->lanes;
        g->lanes = l->next;
        lane_free(l);
    }
    curl_multi_cleanup(g->multi);
    if (g->epoll_fd >= 0)
        close(g->epoll_fd);
    if (g->wake_fd >= 0)
        close(g->wake_fd);
    free(g);
}

void engine_wake(struct engine *g)
{
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(g->wake_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

int engine_in_flight(const struct engine *g)
{
    return g->held;
}

void engine_drop_orphans(struct engine *g)
{
    struct lane **at = &g->lanes;

    while (*at) {
        struct lane *l = *at;
        if (l->held > 0 || endpoint_is_shared(l->endpoint)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        lane_free(l);
    }
}

struct lane *engine_lane(struct engine *g, struct endpoint *ep, struct err *e)
{
    for (struct lane *l = g->lanes; l; l = l->next)
        if (l->endpoint == ep)
            return l;
    struct lane *l = calloc(1, sizeof(*l));
    if (!l) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    l->engine = g;
    l->endpoint = endpoint_ref(ep);
    l->next = g->lanes;
    g->lanes = l;
    return l;
}

int lane_room(const struct lane *l)
{
    int room = endpoint_get_settings(l->endpoint)->max_in_flight - l->held;

    return room < 0 || endpoint_stopped(l->endpoint, NULL) ? 0 : room;
}

void lane_hold(struct lane *l)
{
    l->held++;
    l->engine->held++;
}

void lane_release(struct lane *l)
{
    l->held--;
    l->engine->held--;
    l->engine->delivered++;
}

void lane_submit(struct lane *l, struct job *j)
{
    j->lane = l;
    job_push(&l->ready, j);
}

void engine_retire(struct lane *l, struct exchange *x)
{
    exchange_clear(x);
    x->next = l->idle;
    l->idle = x;
}

struct exchange *engine_detach(struct engine *g, struct job *j)
{
    struct exchange *x = j->exchange;

    curl_multi_remove_handle(g->multi, x->easy);
    j->exchange = NULL;
    j->lane->n_running--;
    job_unlink(j);
    return x;
}

static void give_up(struct engine *g, struct job *j)
{
    static const struct verdict returned = {.kind = VERDICT_RETURNED, .pause_us = -1};

    if (j->exchange) {
        struct exchange *x = engine_detach(g, j);
        endpoint_give(j->lane->endpoint, &returned, x->started_us, clock_us());
        engine_retire(j->lane, x);
    } else {
        job_unlink(j);
    }
    job_push(&g->returned, j);
}

void engine_give_up(struct engine *g, struct job_queue *q, const void *arg, const struct lane *lane)
{
    for (struct job *j = q->head, *next; j; j = next) {
        next = j->next;
        if ((!arg || j->arg == arg) && (!lane || j->lane == lane))
            give_up(g, j);
    }
}

void engine_withdraw(struct engine *g, const void *arg)
{
    engine_give_up(g, &g->later, arg, NULL);
    for (struct lane *l = g->lanes; l; l = l->next)
        engine_give_up(g, &l->ready, arg, NULL);
}

void engine_cancel(struct engine *g, const void *arg)
{
    engine_withdraw(g, arg);
    for (struct lane *l = g->lanes; l; l = l->next)
        engine_give_up(g, &l->running, arg, NULL);
}
