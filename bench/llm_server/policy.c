/* Who is served when: slots, a queue before them, and what falls due. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/llm_server/server.h"
#include "server/base/clock.h"

/* Of a streamed answer's service, until its first token. */
static const double first_token_share = 0.1;

static const struct {
    const char *mode;
    struct policy policy;
} presets[] = {
    {"fixed", {.scale = 1, .least_ms = 50, .most_ms = 50, .queue = -1}},
    {"realistic", {.scale = 0.05, .least_ms = 2000, .most_ms = 40000, .slots = 64, .queue = -1}},
    {"capacity",
     {.scale = 1,
      .least_ms = 50,
      .most_ms = 50,
      .slots = 50,
      .refuse_status = 429,
      .retry_after = "1"}},
    {"slowing",
     {.scale = 0.05,
      .least_ms = 2000,
      .most_ms = 10000,
      .slots = 64,
      .queue = -1,
      .slow_every_s = 300,
      .slow_by = 1.5,
      .slow_most = 8}},
    {"overflow-hang",
     {.scale = 0.05,
      .least_ms = 2000,
      .most_ms = 10000,
      .slots = 64,
      .queue = 64,
      .overflow = OVERFLOW_HANG}},
    {.mode = NULL},
};

bool policy_preset(struct policy *p, const char *mode)
{
    for (size_t i = 0; presets[i].mode; i++)
        if (strcmp(presets[i].mode, mode) == 0) {
            *p = presets[i].policy;
            return true;
        }
    return false;
}

/* ---- the heap ---- */

static void heap_put(struct server *s, size_t i, struct conn *c)
{
    s->heap[i] = c;
    c->heap_at = i;
}

static void heap_up(struct server *s, struct conn *c)
{
    size_t i = c->heap_at;
    while (i > 0 && s->heap[(i - 1) / 2]->due_us > c->due_us) {
        heap_put(s, i, s->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(s, i, c);
}

static void heap_down(struct server *s, struct conn *c)
{
    size_t i = c->heap_at;
    for (size_t k = 2 * i + 1; k < s->heap_n; k = 2 * i + 1) {
        if (k + 1 < s->heap_n && s->heap[k + 1]->due_us < s->heap[k]->due_us)
            k++;
        if (s->heap[k]->due_us >= c->due_us)
            break;
        heap_put(s, i, s->heap[k]);
        i = k;
    }
    heap_put(s, i, c);
}

static void heap_add(struct server *s, struct conn *c)
{
    if (s->heap_n == s->heap_cap) {
        s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 1024;
        s->heap = realloc(s->heap, s->heap_cap * sizeof(struct conn *));
        if (!s->heap)
            abort();
    }
    heap_put(s, s->heap_n++, c);
    heap_up(s, c);
}

static void heap_remove(struct server *s, struct conn *c)
{
    struct conn *last = s->heap[--s->heap_n];
    if (last == c)
        return;
    heap_put(s, c->heap_at, last);
    heap_up(s, last);
    heap_down(s, last);
}

/* ---- the queue ---- */

static void queue_add(struct server *s, struct conn *c)
{
    c->next = NULL;
    c->prev = s->queue_tail;
    if (s->queue_tail)
        s->queue_tail->next = c;
    else
        s->queue_head = c;
    s->queue_tail = c;
}

static void queue_remove(struct server *s, struct conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        s->queue_head = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        s->queue_tail = c->prev;
}

/* ---- calls ---- */

/* Long answers are rarer than short ones: evenly spread over the logarithm. */
static double service_ms(const struct policy *p, uint64_t draw)
{
    draw ^= 0x5e; /* another sequence than that of the words */
    double share = (double)(answer_draw(&draw) >> 11) / 9007199254740992.0;
    return p->least_ms * pow(p->most_ms / p->least_ms, share);
}

static double slowness(const struct server *s, int64_t now_us)
{
    const struct policy *p = &s->policy;
    if (p->slow_every_s <= 0)
        return 1;
    double step_us = p->slow_every_s * p->scale * 1e6;
    double steps = floor((double)(now_us - s->policy_since_us) / step_us);
    double by = pow(p->slow_by, steps);
    return by < p->slow_most ? by : p->slow_most;
}

static void serve(struct server *s, struct conn *c, int64_t now_us)
{
    struct stats *t = &s->stats;
    double us = (double)c->service_us * s->policy.scale * slowness(s, now_us);
    c->state = CALL_SERVED;
    c->begun = false;
    c->end_us = now_us + (int64_t)us;
    c->due_us = c->request.stream ? now_us + (int64_t)(us * first_token_share) : c->end_us;
    t->serving++;
    t->wait_us += (double)(now_us - c->arrived_us);
    if (t->serving > t->serving_most)
        t->serving_most = t->serving;
    heap_add(s, c);
}

static bool has_slot(const struct server *s)
{
    return s->policy.slots == 0 || s->stats.serving < s->policy.slots;
}

static void wait_in_queue(struct server *s, struct conn *c)
{
    struct stats *t = &s->stats;
    c->state = CALL_QUEUED;
    queue_add(s, c);
    t->queued++;
    if (t->queued > t->queued_most)
        t->queued_most = t->queued;
    struct window *w = &t->windows[t->n_windows - 1];
    if (t->queued > w->queued_most)
        w->queued_most = t->queued;
}

static void refuse(struct server *s, struct conn *c)
{
    const struct policy *p = &s->policy;
    char header[64] = "";
    if (p->retry_after[0])
        (void)snprintf(header, sizeof(header), "Retry-After: %s\r\n", p->retry_after);
    STATS_COUNT(s, refused);
    answer_json(&c->out, p->refuse_status ? p->refuse_status : 429, header,
                STR("{\"error\":{\"message\":\"Too many requests.\",\"type\":\"rate_limit_error\","
                    "\"param\":null,\"code\":\"rate_limit_exceeded\"}}"));
    conn_flush(s, c);
}

void policy_arrive(struct server *s, struct conn *c)
{
    struct stats *t = &s->stats;
    int64_t now_us = clock_us();
    stats_move(s, now_us);
    c->arrived_us = now_us;
    c->service_us = (int64_t)(service_ms(&s->policy, c->request.draw) * 1000);
    if (has_slot(s)) {
        serve(s, c, now_us);
    } else if (s->policy.queue < 0 || t->queued < s->policy.queue) {
        wait_in_queue(s, c);
    } else if (s->policy.overflow == OVERFLOW_HANG) {
        c->state = CALL_HUNG;
        t->hung++;
        STATS_COUNT(s, hung);
    } else {
        refuse(s, c);
        return;
    }
    if (stats_in_flight(t) > t->in_flight_most)
        t->in_flight_most = stats_in_flight(t);
}

static void serve_waiting(struct server *s, int64_t now_us)
{
    while (s->queue_head && has_slot(s)) {
        struct conn *c = s->queue_head;
        queue_remove(s, c);
        s->stats.queued--;
        serve(s, c, now_us);
    }
}

void policy_abort(struct server *s, struct conn *c)
{
    struct stats *t = &s->stats;
    int64_t now_us = clock_us();
    if (c->state == CALL_NONE)
        return;
    stats_move(s, now_us);
    if (c->state == CALL_QUEUED) {
        queue_remove(s, c);
        t->queued--;
    } else if (c->state == CALL_SERVED) {
        heap_remove(s, c);
        t->serving--;
    } else {
        t->hung--;
    }
    c->state = CALL_NONE;
    STATS_COUNT(s, aborted);
    serve_waiting(s, now_us);
}

static void begin_stream(struct server *s, struct conn *c)
{
    c->begun = true;
    c->due_us = c->end_us;
    heap_down(s, c);
    answer_stream_begin(&c->out, c);
    conn_flush(s, c);
}

static void complete(struct server *s, struct conn *c, int64_t now_us)
{
    heap_remove(s, c);
    s->stats.serving--;
    c->state = CALL_NONE;
    STATS_COUNT(s, answered);
    serve_waiting(s, now_us);
    if (c->request.stream)
        answer_stream_end(&c->out, c);
    else
        answer_whole(&c->out, c);
    conn_flush(s, c);
}

int64_t policy_due(struct server *s)
{
    int64_t now_us = clock_us();
    while (s->heap_n > 0 && s->heap[0]->due_us <= now_us) {
        struct conn *c = s->heap[0];
        stats_move(s, now_us);
        if (c->request.stream && !c->begun)
            begin_stream(s, c);
        else
            complete(s, c, now_us);
    }
    return s->heap_n > 0 ? s->heap[0]->due_us - now_us : -1;
}
