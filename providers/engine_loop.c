/* The loop of an engine: starting, waiting, settling. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "providers/engine_state.h"
#include "providers/retry.h"
#include "server/base/clock.h"

enum {
    EVENTS_AT_ONCE = 256,
    WAITS_MAX = 256,     /* refusals that one row sits out while others are served */
    LINE_FAULTS_MAX = 8, /* connections that one row breaks */
    LOCAL_ITEMS = 64,    /* of work in the process between two looks at the sockets */
};

static const int64_t local_slice_us = 10000;
/* A reply that has begun and then stands still for so long is given up. */
static const int64_t stall_us = 30000000;
static const int64_t stall_look_us = 1000000;
/* What is under way when the endpoint stops was paid for: it gets so long to arrive. */
static const int64_t stop_grace_us = 5000000;
static const int64_t ask_again_us = 200000;

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

/* A connection that breaks while others get answers is the row's doing, and counts for it. So does
 * one that breaks again and again after the request was sent, when there are no others to tell. */
static void count_line_fault(struct job *j, int most)
{
    uint64_t answers = endpoint_answers(j->lane->endpoint);

    if (j->line_faults > 0 && answers != j->answers_at_line)
        j->attempts++;
    if (++j->line_faults >= LINE_FAULTS_MAX)
        j->attempts = most;
    j->answers_at_line = answers;
}

/* Whether the job is to be tried again; v becomes final otherwise. */
static bool try_again(struct job *j, struct verdict *v, int64_t now_us)
{
    int attempts = endpoint_get_settings(j->lane->endpoint)->attempts;

    if (v->kind == VERDICT_WAIT && v->fault == FAULT_LINE && strcmp(v->reason, "unreachable") != 0)
        count_line_fault(j, attempts);
    if (v->kind == VERDICT_WAIT)
        j->waits++;
    if (v->kind == VERDICT_AGAIN)
        j->attempts++;
    if (v->kind == VERDICT_STOP || ((v->kind == VERDICT_WAIT || v->kind == VERDICT_AGAIN) &&
                                    endpoint_stopped(j->lane->endpoint, NULL))) {
        v->kind = VERDICT_RETURNED;
        return false;
    }
    if (v->kind != VERDICT_WAIT && v->kind != VERDICT_AGAIN)
        return false;
    if (j->attempts >= attempts || j->waits >= WAITS_MAX) {
        v->kind = VERDICT_ROW;
        return false;
    }
    int n = v->kind == VERDICT_AGAIN ? j->attempts : 1;
    j->due_us = now_us + retry_backoff_us(n, (uint64_t)now_us * 0x9e3779b97f4a7c15ULL >> 20);
    return true;
}

static void settle(struct engine *g, struct exchange *x, CURLcode code)
{
    struct job *j = x->job;
    struct verdict v;
    int64_t now_us = clock_us();

    exchange_judge(x, code, &v);
    endpoint_give(j->lane->endpoint, &v, x->started_us, now_us);
    j->lane->again_us = 0;
    if (try_again(j, &v, now_us)) {
        job_push(&g->later, j);
        engine_retire(j->lane, x);
        return;
    }
    struct lane *l = j->lane;
    j->ops->done(j, &v, exchange_raw(x));
    engine_retire(l, x);
}

/* Only those that were there at the start: a callback may cancel more. */
static void answer_returned(struct engine *g)
{
    struct job *last = g->returned.tail;
    struct verdict v = {.kind = VERDICT_RETURNED, .pause_us = -1};

    while (last && g->returned.head) {
        struct job *j = g->returned.head;
        bool end = j == last;
        job_unlink(j);
        if (!endpoint_stopped(j->lane->endpoint, v.detail))
            verdict_set(&v, VERDICT_RETURNED, FAULT_NONE, "cancelled", "the call was cancelled");
        else
            memcpy(v.reason, "stopped", sizeof("stopped"));
        j->ops->done(j, &v, (struct str){NULL, 0});
        if (end)
            break;
    }
}

static void heed_stop(struct engine *g, struct lane *l, int64_t now_us)
{
    if (!endpoint_stopped(l->endpoint, NULL)) {
        l->stop_seen_us = 0;
        return;
    }
    if (l->stop_seen_us == 0)
        l->stop_seen_us = now_us;
    engine_give_up(g, &l->ready, NULL, NULL);
    engine_give_up(g, &g->later, NULL, l);
    if (now_us - l->stop_seen_us >= stop_grace_us)
        engine_give_up(g, &l->running, NULL, NULL);
}

static void wake_due(struct engine *g, int64_t now_us)
{
    for (struct job *j = g->later.head, *next; j; j = next) {
        next = j->next;
        if (j->due_us > now_us)
            continue;
        job_unlink(j);
        job_push(&j->lane->ready, j);
    }
}

static struct exchange *take_exchange(struct lane *l)
{
    struct exchange *x = l->idle;

    if (!x)
        return exchange_new(l->endpoint);
    l->idle = x->next;
    x->next = NULL;
    return x;
}

/* false: no memory for it now; the job stays first in line. */
static bool start_one(struct lane *l, int64_t now_us)
{
    static const struct verdict nothing = {.kind = VERDICT_RETURNED, .pause_us = -1};
    struct job *j = l->ready.head;
    struct exchange *x = take_exchange(l);

    if (x && j->ops->prepare)
        j->ops->prepare(j);
    if (!x || exchange_start(x, l->engine->multi, j, now_us) != 0) {
        exchange_free(x);
        endpoint_give(l->endpoint, &nothing, now_us, now_us);
        l->again_us = now_us + 100000;
        return false;
    }
    job_unlink(j);
    job_push(&l->running, j);
    l->n_running++;
    return true;
}

static void start_ready(struct lane *l)
{
    int most = endpoint_get_settings(l->endpoint)->max_in_flight;
    int64_t now_us = clock_us();

    while (l->ready.head && l->n_running < most && now_us >= l->again_us) {
        if (!endpoint_take(l->endpoint, now_us, &l->again_us)) {
            /* A reset by another thread ends a pause early: asked again before it is over. */
            l->again_us = earlier(l->again_us, now_us + ask_again_us);
            return;
        }
        if (!start_one(l, now_us))
            return;
    }
}

static void work_ready(struct lane *l)
{
    int64_t until_us = clock_us() + local_slice_us;

    for (int i = 0; i < LOCAL_ITEMS && l->ready.head && clock_us() < until_us; i++) {
        struct job *j = l->ready.head;
        struct verdict v = {.pause_us = -1};
        job_unlink(j);
        j->ops->work(j, &v);
        j->ops->done(j, &v, (struct str){NULL, 0});
    }
}

static struct job *first_stalled(const struct lane *l, int64_t now_us)
{
    struct job *j = l->running.head;

    while (j && (j->exchange->received_us == 0 || now_us - j->exchange->received_us < stall_us))
        j = j->next;
    return j;
}

static void end_stalled(struct engine *g, struct lane *l, int64_t now_us)
{
    struct job *j;

    /* From the front each time: a callback may have changed the queue. */
    while ((j = first_stalled(l, now_us))) {
        struct exchange *x = engine_detach(g, j);
        snprintf(x->error, sizeof(x->error), "the reply stood still for %d seconds",
                 (int)(stall_us / 1000000));
        settle(g, x, CURLE_OPERATION_TIMEDOUT);
    }
}

/* All that needs no event: ends, starts, and work in the process. */
static void advance(struct engine *g)
{
    int64_t now_us = clock_us();
    bool look = now_us >= g->stall_look_due_us;

    wake_due(g, now_us);
    for (struct lane *l = g->lanes; l; l = l->next) {
        heed_stop(g, l, now_us);
        if (look)
            end_stalled(g, l, now_us);
        if (endpoint_url(l->endpoint))
            start_ready(l);
        else
            work_ready(l);
    }
    if (look)
        g->stall_look_due_us = now_us + stall_look_us;
    answer_returned(g);
}

/* When something falls due without an event, `until_us` at the latest. */
static int64_t next_due(const struct engine *g, int64_t until_us)
{
    if (g->delivered > 0 || g->returned.head)
        return 0;
    if (g->curl_due_us >= 0)
        until_us = earlier(until_us, g->curl_due_us);
    for (const struct job *j = g->later.head; j; j = j->next)
        until_us = earlier(until_us, j->due_us);
    for (const struct lane *l = g->lanes; l; l = l->next) {
        int most = endpoint_get_settings(l->endpoint)->max_in_flight;
        if (l->ready.head && l->n_running < most)
            until_us = earlier(until_us, l->again_us);
        if (l->running.head)
            until_us = earlier(until_us, g->stall_look_due_us);
    }
    return until_us;
}

static void drain_wake(struct engine *g)
{
    uint64_t count;

    g->woken = true;
    /* One read empties an eventfd; nothing to do about a failure. */
    if (read(g->wake_fd, &count, sizeof(count)) < 0)
        return;
}

static void on_event(struct engine *g, const struct epoll_event *ev)
{
    int mask = 0, running;

    if (ev->data.fd == g->wake_fd) {
        drain_wake(g);
        return;
    }
    if (ev->events & (EPOLLIN | EPOLLHUP))
        mask |= CURL_CSELECT_IN;
    if (ev->events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (ev->events & EPOLLERR)
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(g->multi, ev->data.fd, mask, &running);
}

static void wait_events(struct engine *g, int64_t until_us)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t wait_us = next_due(g, until_us) - clock_us();
    int64_t wait_ms = wait_us <= 0 ? 0 : (wait_us + 999) / 1000;
    int running;

    int n = epoll_wait(g->epoll_fd, events, EVENTS_AT_ONCE, wait_ms > 60000 ? 60000 : (int)wait_ms);
    for (int i = 0; i < n; i++)
        on_event(g, &events[i]);
    if (g->curl_due_us >= 0 && clock_us() >= g->curl_due_us) {
        g->curl_due_us = -1;
        curl_multi_socket_action(g->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

static void settle_ended(struct engine *g)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(g->multi, &left))) {
        char *owner = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
        struct exchange *x = (void *)owner;
        engine_detach(g, x->job);
        settle(g, x, code);
    }
}

int engine_poll(struct engine *g, int timeout_ms)
{
    int64_t until_us = clock_us() + (int64_t)timeout_ms * 1000;

    engine_drop_orphans(g);
    g->delivered = 0;
    g->woken = false;
    do {
        advance(g);
        wait_events(g, until_us);
        settle_ended(g);
    } while (g->delivered == 0 && !g->woken && clock_us() < until_us);
    return g->delivered;
}
