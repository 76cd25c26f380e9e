#include "providers/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "providers/engine_state.h"
#include "server/base/clock.h"

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

static int set_up_epoll(struct engine *g, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN};

    g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ev.data.u64 = wire_tag(UINT32_MAX, g->wake_fd);
    if (g->epoll_fd < 0 || g->wake_fd < 0 ||
        epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, g->wake_fd, &ev) != 0)
        return err_set(e, ERR_INTERNAL, "cannot set up epoll (errno %d)", errno);
    return 0;
}

static struct wire *add_wire(struct engine *g, struct err *e)
{
    struct wire **grown = realloc(g->wires, (g->n_wires + 1) * sizeof(struct wire *));

    if (!grown) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    g->wires = grown;
    struct wire *w = wire_new(g->epoll_fd, g->n_wires, e);
    if (w)
        g->wires[g->n_wires++] = w;
    return w;
}

struct engine *engine_new(struct err *e)
{
    struct engine *g = calloc(1, sizeof(*g));

    if (!g) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    g->epoll_fd = g->wake_fd = -1;
    g->later_due_us = INT64_MAX;
    pthread_mutex_init(&g->post_mutex, NULL);
    if (set_up_epoll(g, e) != 0 || !add_wire(g, e)) {
        engine_free(g);
        return NULL;
    }
    return g;
}

static void lane_free(struct lane *l)
{
    for (int i = 0; i < ENDPOINTS_MAX; i++)
        while (l->idle[i]) {
            struct exchange *x = l->idle[i];
            l->idle[i] = x->next;
            exchange_free(x);
        }
    upstream_leave(l->upstream, &l->seat);
    upstream_unref(l->upstream);
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
    for (uint32_t i = 0; i < g->n_wires; i++)
        wire_free(g->wires[i]);
    free(g->wires);
    if (g->epoll_fd >= 0)
        close(g->epoll_fd);
    if (g->wake_fd >= 0)
        close(g->wake_fd);
    pthread_mutex_destroy(&g->post_mutex);
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

/* Wakes under the mutex: once it is free the job may be answered and the engine be gone. */
void job_post(struct job *j)
{
    struct engine *g = j->lane->engine;

    pthread_mutex_lock(&g->post_mutex);
    j->posted_next = g->posted;
    g->posted = j;
    engine_wake(g);
    pthread_mutex_unlock(&g->post_mutex);
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
        if (l->held > 0 || upstream_is_shared(l->upstream)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        lane_free(l);
    }
}

struct lane *engine_lane(struct engine *g, struct upstream *u, struct err *e)
{
    for (struct lane *l = g->lanes; l; l = l->next)
        if (l->upstream == u)
            return l;
    struct lane *l = calloc(1, sizeof(*l));
    if (!l) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    l->engine = g;
    l->upstream = upstream_ref(u);
    upstream_join(u, &l->seat, g);
    l->next = g->lanes;
    g->lanes = l;
    return l;
}

int lane_room(struct lane *l)
{
    return upstream_room(l->upstream, &l->seat, clock_us());
}

bool lane_hold(struct lane *l)
{
    if (!upstream_hold(l->upstream, &l->seat, clock_us()))
        return false;
    l->held++;
    l->engine->held++;
    return true;
}

void lane_release(struct lane *l)
{
    upstream_release(l->upstream, &l->seat);
    l->held--;
    l->engine->held--;
    l->engine->delivered++;
}

void engine_set_trace(struct engine *g, const uint8_t trace[TRACE_BYTES])
{
    memcpy(g->trace, trace, TRACE_BYTES);
}

bool trace_is_set(const uint8_t trace[TRACE_BYTES])
{
    for (int i = 0; i < TRACE_BYTES; i++)
        if (trace[i])
            return true;
    return false;
}

void lane_trace(const struct lane *l, uint8_t out[TRACE_BYTES])
{
    memcpy(out, l->engine->trace, TRACE_BYTES);
}

void lane_submit(struct lane *l, struct job *j)
{
    j->lane = l;
    if (!trace_is_set(j->trace))
        lane_trace(l, j->trace);
    job_push(&l->ready, j);
}

struct exchange *engine_exchange(struct lane *l, int endpoint)
{
    struct engine *g = l->engine;
    struct exchange *x = l->idle[endpoint];
    struct err e = {0};
    struct wire *w = NULL;

    if (x) {
        l->idle[endpoint] = x->next;
        x->next = NULL;
        return x;
    }
    for (uint32_t i = 0; i < g->n_wires && !w; i++)
        if (g->wires[i]->exchanges < WIRE_EXCHANGES)
            w = g->wires[i];
    if (!w)
        w = add_wire(g, &e);
    return w ? exchange_new(upstream_route(l->upstream, endpoint), w) : NULL;
}

void engine_retire(struct lane *l, struct exchange *x)
{
    int endpoint = x->permit.endpoint;

    exchange_clear(x);
    x->next = l->idle[endpoint];
    l->idle[endpoint] = x;
}

struct exchange *engine_detach(struct job *j)
{
    struct exchange *x = j->exchange;

    curl_multi_remove_handle(x->wire->multi, x->easy);
    j->exchange = NULL;
    job_unlink(j);
    return x;
}

void engine_abandon(struct job *j)
{
    static const struct verdict returned = {.kind = VERDICT_RETURNED, .pause_us = -1};
    struct lane *l = j->lane;
    struct exchange *x = engine_detach(j);
    struct outcome o = {.verdict = &returned, .now_us = clock_us(), .sent = x->sent};
    struct sending s = {
        .sent = x->sent, .costs = x->sent, .took_us = o.now_us - x->permit.started_us};

    if (j->ops->ended)
        j->ops->ended(j, &s);
    upstream_give(l->upstream, &l->seat, &x->permit, &o, x->sent ? -1 : 0);
    engine_retire(l, x);
}

void engine_give_up(struct engine *g, struct job_queue *q, const void *arg, const struct lane *lane)
{
    for (struct job *j = q->head, *next; j; j = next) {
        next = j->next;
        if ((arg && j->arg != arg) || (lane && j->lane != lane))
            continue;
        if (j->exchange)
            engine_abandon(j);
        else
            job_unlink(j);
        job_push(&g->returned, j);
    }
}

void engine_withdraw(struct engine *g, const void *arg)
{
    engine_give_up(g, &g->later, arg, NULL);
    for (struct lane *l = g->lanes; l; l = l->next)
        engine_give_up(g, &l->ready, arg, NULL);
}

/* What other threads have in hand comes back when they have let go of it. */
static void stop_away(struct engine *g, const void *arg)
{
    for (struct job *j = g->away.head; j; j = j->next) {
        if (j->stopped || (arg && j->arg != arg))
            continue;
        j->stopped = true;
        j->ops->stop(j);
    }
}

void engine_cancel(struct engine *g, const void *arg)
{
    engine_withdraw(g, arg);
    stop_away(g, arg);
    for (struct lane *l = g->lanes; l; l = l->next)
        engine_give_up(g, &l->running, arg, NULL);
}
