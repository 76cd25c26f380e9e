/* The loop of an engine: starting, waiting, and what a reply was. */
#include <string.h>
#include <unistd.h>

#include "providers/cores.h"
#include "providers/engine_state.h"
#include "server/base/clock.h"

enum {
    EVENTS_AT_ONCE = 256,
    LOCAL_ITEMS = 64, /* of work in the process between two looks at the sockets */
};

static const int64_t local_slice_us = 10000;
static const int64_t look_us = 250000;
/* What is under way when the provider stops was paid for: it gets so long to arrive. */
static const int64_t stop_grace_us = 5000000;
static const int64_t ask_again_us = 200000;

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
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
        if (!upstream_stopped(j->lane->upstream, v.detail))
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
    if (!upstream_stopped(l->upstream, NULL)) {
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
    if (now_us < g->later_due_us)
        return;
    g->later_due_us = INT64_MAX;
    for (struct job *j = g->later.head, *next; j; j = next) {
        next = j->next;
        if (j->due_us > now_us) {
            g->later_due_us = earlier(g->later_due_us, j->due_us);
            continue;
        }
        job_unlink(j);
        job_push(&j->lane->ready, j);
    }
}

/* false: no memory for it now; the job stays first in line. */
static bool start_one(struct lane *l, const struct permit *p, int64_t now_us)
{
    static const struct verdict nothing = {.kind = VERDICT_RETURNED, .pause_us = -1};
    struct job *j = l->ready.head;
    struct exchange *x = engine_exchange(l, p->endpoint);

    if (x && j->ops->prepare)
        j->ops->prepare(j, p->endpoint);
    if (!x || exchange_start(x, j, p) != 0) {
        struct outcome o = {.verdict = &nothing, .now_us = now_us};
        exchange_free(x);
        upstream_give(l->upstream, &l->seat, p, &o, 0);
        l->again_us = now_us + 100000;
        return false;
    }
    job_unlink(j);
    job_push(&l->running, j);
    return true;
}

static void start_ready(struct lane *l)
{
    int64_t now_us = clock_us();

    while (l->ready.head && now_us >= l->again_us) {
        const struct job *j = l->ready.head;
        struct permit p;
        if (!upstream_take(l->upstream, &l->seat, j->last - 1, j->tokens_expected, now_us, &p,
                           &l->again_us)) {
            /* A reset by another thread ends a pause early: asked again before it is over. */
            l->again_us = earlier(l->again_us, now_us + ask_again_us);
            return;
        }
        if (!start_one(l, &p, now_us))
            return;
    }
    if (!l->ready.head && l->held > 0)
        upstream_wake_others(l->upstream, &l->seat, now_us);
}

static void finish_local(struct job *j)
{
    struct verdict v = {.pause_us = -1};

    if (j->stopped)
        verdict_set(&v, VERDICT_RETURNED, FAULT_NONE, "cancelled", "the call was cancelled");
    else
        j->ops->work(j, &v);
    j->ops->done(j, &v, (struct str){NULL, 0});
}

static void work_ready(struct lane *l)
{
    int64_t until_us = clock_us() + local_slice_us;

    if (!l->ready.head)
        return;
    cores_take();
    for (int i = 0; i < LOCAL_ITEMS && l->ready.head && clock_us() < until_us; i++) {
        struct job *j = l->ready.head;
        job_unlink(j);
        if (j->ops->start) {
            job_push(&l->engine->away, j);
            j->ops->start(j);
        } else {
            finish_local(j);
        }
    }
    cores_give();
}

static void finish_posted(struct engine *g)
{
    pthread_mutex_lock(&g->post_mutex);
    struct job *j = g->posted;
    g->posted = NULL;
    pthread_mutex_unlock(&g->post_mutex);
    while (j) {
        struct job *next = j->posted_next;
        job_unlink(j);
        finish_local(j);
        j = next;
    }
}

/* All that needs no event: ends, starts, and work in the process. */
static void advance(struct engine *g)
{
    int64_t now_us = clock_us();
    bool look = now_us >= g->look_due_us;

    wake_due(g, now_us);
    finish_posted(g);
    for (struct lane *l = g->lanes; l; l = l->next) {
        heed_stop(g, l, now_us);
        if (look)
            engine_look(g, l, now_us);
        if (upstream_endpoints(l->upstream) > 0)
            start_ready(l);
        else
            work_ready(l);
    }
    if (look)
        g->look_due_us = now_us + look_us;
    answer_returned(g);
}

/* When something falls due without an event, `until_us` at the latest. */
static int64_t next_due(const struct engine *g, int64_t until_us)
{
    if (g->delivered > 0 || g->returned.head)
        return 0;
    for (uint32_t i = 0; i < g->n_wires; i++)
        if (g->wires[i]->due_us >= 0)
            until_us = earlier(until_us, g->wires[i]->due_us);
    until_us = earlier(until_us, g->later_due_us);
    for (const struct lane *l = g->lanes; l; l = l->next) {
        if (l->ready.head)
            until_us = earlier(until_us, l->again_us);
        if (l->running.head)
            until_us = earlier(until_us, g->look_due_us);
    }
    return until_us;
}

static void drain_wake(struct engine *g)
{
    uint64_t count;

    g->woken = true;
    /* It may be because another engine leaves something to start. */
    for (struct lane *l = g->lanes; l; l = l->next)
        l->again_us = 0;
    /* One read empties an eventfd; nothing to do about a failure. */
    if (read(g->wake_fd, &count, sizeof(count)) < 0)
        return;
}

static void wait_events(struct engine *g, int64_t until_us)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t wait_us = next_due(g, until_us) - clock_us();
    int64_t wait_ms = wait_us <= 0 ? 0 : (wait_us + 999) / 1000;

    int n = epoll_wait(g->epoll_fd, events, EVENTS_AT_ONCE, wait_ms > 60000 ? 60000 : (int)wait_ms);
    for (int i = 0; i < n; i++) {
        uint32_t index = (uint32_t)(events[i].data.u64 >> 32);
        if (index == UINT32_MAX)
            drain_wake(g);
        else
            wire_event(g->wires[index], (int)(uint32_t)events[i].data.u64, events[i].events);
    }
    int64_t now_us = clock_us();
    for (uint32_t i = 0; i < g->n_wires; i++)
        wire_tick(g->wires[i], now_us);
}

static void settle_ended(struct engine *g, struct wire *w)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(w->multi, &left))) {
        char *owner = NULL;
        CURLcode code = msg->data.result;
        struct verdict v;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
        struct exchange *x = (void *)owner;
        engine_detach(x->job);
        exchange_judge(x, code, &v);
        engine_settle(g, x, &v);
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
        for (uint32_t i = 0; i < g->n_wires; i++)
            settle_ended(g, g->wires[i]);
    } while (g->delivered == 0 && !g->woken && clock_us() < until_us);
    return g->delivered;
}
