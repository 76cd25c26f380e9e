/* What was seen, in all and by windows of time. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/llm_server/server.h"
#include "server/base/clock.h"
#include "server/json/write.h"

enum { WINDOWS_MAX = 20000, PROMPTS_FIRST = 1 << 16 };

static void open_window(struct stats *t, int64_t start_us)
{
    if (t->n_windows == WINDOWS_MAX)
        return; /* the last one goes on for ever */
    if (t->n_windows == t->windows_cap) {
        t->windows_cap = t->windows_cap ? 2 * t->windows_cap : 64;
        t->windows = realloc(t->windows, t->windows_cap * sizeof(*t->windows));
        if (!t->windows)
            abort();
    }
    t->windows[t->n_windows++] = (struct window){.start_us = start_us, .queued_most = t->queued};
}

struct counters *stats_window(struct server *s)
{
    return &s->stats.windows[s->stats.n_windows - 1].seen;
}

/* Adds what has been the case since the last call to the integrals. */
void stats_move(struct server *s, int64_t now_us)
{
    struct stats *t = &s->stats;
    while (t->moved_us < now_us) {
        struct window *w = &t->windows[t->n_windows - 1];
        int64_t end = w->start_us + t->window_us, to = now_us;
        bool over = end <= now_us && t->n_windows < WINDOWS_MAX;
        if (over)
            to = end;
        double us = (double)(to - t->moved_us);
        w->serving += us * t->serving;
        w->queued += us * t->queued;
        w->in_flight += us * stats_in_flight(t);
        t->moved_us = to;
        if (over)
            open_window(t, end);
    }
}

/* Counts start again; calls under way go on. */
void stats_reset(struct server *s)
{
    struct stats *t = &s->stats;
    int64_t now_us = clock_us();
    t->all = (struct counters){0};
    t->since_us = t->moved_us = now_us;
    t->connections = t->open_most = t->open;
    t->serving_most = t->serving;
    t->queued_most = t->queued;
    t->in_flight_most = stats_in_flight(t);
    t->wait_us = 0;
    t->n_windows = 0;
    open_window(t, now_us);
    free(t->prompts.keys);
    free(t->prompts.calls);
    t->prompts = (struct prompts){0};
}

/* ---- prompts ---- */

static size_t slot_of(const struct prompts *p, uint64_t key)
{
    size_t i = key & (p->size - 1);
    while (p->keys[i] && p->keys[i] != key)
        i = (i + 1) & (p->size - 1);
    return i;
}

static bool grow(struct prompts *p)
{
    struct prompts larger = {
        .size = p->size ? 4 * p->size : PROMPTS_FIRST, .n = p->n, .most_calls = p->most_calls};
    larger.keys = calloc(larger.size, sizeof(*larger.keys));
    larger.calls = calloc(larger.size, sizeof(*larger.calls));
    if (!larger.keys || !larger.calls) {
        free(larger.keys);
        free(larger.calls);
        return false;
    }
    for (size_t i = 0; i < p->size; i++)
        if (p->keys[i]) {
            size_t at = slot_of(&larger, p->keys[i]);
            larger.keys[at] = p->keys[i];
            larger.calls[at] = p->calls[i];
        }
    free(p->keys);
    free(p->calls);
    *p = larger;
    return true;
}

bool stats_note_prompt(struct server *s, uint64_t prompt)
{
    struct prompts *p = &s->stats.prompts;
    if (2 * p->n >= p->size && !grow(p))
        return false;
    size_t at = slot_of(p, prompt | 1);
    p->n += p->keys[at] == 0;
    p->keys[at] = prompt | 1;
    if (++p->calls[at] > p->most_calls)
        p->most_calls = p->calls[at];
    return true;
}

/* ---- as JSON ---- */

static void number(struct buf *out, const char *key, int64_t v)
{
    json_key(out, key);
    json_int(out, v);
}

static void real(struct buf *out, const char *key, double v)
{
    json_key(out, key);
    json_double(out, v);
}

static void write_counters(struct buf *out, const struct counters *c)
{
    number(out, "requests", c->requests);
    number(out, "answered", c->answered);
    number(out, "refused", c->refused);
    number(out, "hung", c->hung);
    number(out, "aborted", c->aborted);
    number(out, "malformed", c->malformed);
}

static void write_window(const struct server *s, struct buf *out, const struct window *w,
                         int64_t end_us)
{
    double us = (double)(end_us - w->start_us);
    if (us <= 0)
        us = 1;
    json_open(out, '{');
    real(out, "start_s", (double)(w->start_us - s->stats.since_us) / 1e6);
    real(out, "length_s", us / 1e6);
    real(out, "serving", w->serving / us);
    if (s->policy.slots > 0)
        real(out, "utilisation", w->serving / us / s->policy.slots);
    real(out, "queued", w->queued / us);
    number(out, "queued_most", w->queued_most);
    real(out, "in_flight", w->in_flight / us);
    write_counters(out, &w->seen);
    json_close(out, '}');
}

static void write_usage(struct buf *out)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    real(out, "cpu_s",
         (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
             (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

void stats_write(struct server *s, struct buf *out)
{
    struct stats *t = &s->stats;
    stats_move(s, clock_us());
    json_open(out, '{');
    write_counters(out, &t->all);
    number(out, "distinct_prompts", (int64_t)t->prompts.n);
    number(out, "duplicates", t->all.requests - (int64_t)t->prompts.n);
    number(out, "max_calls_per_prompt", t->prompts.most_calls);
    number(out, "in_flight", stats_in_flight(t));
    number(out, "max_in_flight", t->in_flight_most);
    number(out, "serving", t->serving);
    number(out, "max_serving", t->serving_most);
    number(out, "queued", t->queued);
    number(out, "max_queued", t->queued_most);
    real(out, "mean_wait_ms", t->all.answered ? t->wait_us / 1e3 / (double)t->all.answered : 0);
    number(out, "connections", t->connections);
    number(out, "open_connections", t->open);
    number(out, "max_open_connections", t->open_most);
    real(out, "elapsed_s", (double)(t->moved_us - t->since_us) / 1e6);
    write_usage(out);
    json_key(out, "windows");
    json_open(out, '[');
    for (size_t i = 0; i < t->n_windows; i++)
        write_window(s, out, &t->windows[i],
                     i + 1 < t->n_windows ? t->windows[i + 1].start_us : t->moved_us);
    json_close(out, ']');
    json_close(out, '}');
}

/* ---- changes ---- */

static void set_real(const json_t *o, const char *key, double *v)
{
    const json_t *x = json_object_get(o, key);
    if (json_is_number(x))
        *v = json_number_value(x);
}

static void set_int(const json_t *o, const char *key, int *v)
{
    const json_t *x = json_object_get(o, key);
    if (json_is_integer(x))
        *v = (int)json_integer_value(x);
}

static const char *apply(struct server *s, const json_t *o)
{
    struct policy p = s->policy;
    const char *mode = json_string_value(json_object_get(o, "mode"));
    const char *overflow = json_string_value(json_object_get(o, "overflow"));
    const char *retry_after = json_string_value(json_object_get(o, "retry_after"));
    if (mode && !policy_preset(&p, mode))
        return "there is no such mode";
    set_real(o, "scale", &p.scale);
    set_real(o, "least_ms", &p.least_ms);
    set_real(o, "most_ms", &p.most_ms);
    set_int(o, "slots", &p.slots);
    set_int(o, "queue", &p.queue);
    set_int(o, "refuse_status", &p.refuse_status);
    set_real(o, "slow_every_s", &p.slow_every_s);
    set_real(o, "slow_by", &p.slow_by);
    set_real(o, "slow_most", &p.slow_most);
    if (overflow)
        p.overflow = strcmp(overflow, "hang") == 0 ? OVERFLOW_HANG : OVERFLOW_REFUSE;
    if (retry_after)
        (void)snprintf(p.retry_after, sizeof(p.retry_after), "%s", retry_after);
    if (!(p.scale > 0) || !(p.least_ms > 0) || !(p.most_ms >= p.least_ms) || p.slots < 0)
        return "a number is out of range";
    s->policy = p;
    s->policy_since_us = clock_us();
    return NULL;
}

bool stats_control(struct server *s, struct str body, char problem[160])
{
    json_error_t error;
    json_t *o = json_loadb(body.p, body.n, 0, &error);
    const char *why = json_is_object(o) ? apply(s, o) : "no JSON object";
    double window_s = 0;
    if (!why) {
        set_real(o, "window_s", &window_s);
        if (window_s > 0)
            s->stats.window_us = (int64_t)(window_s * 1e6);
        if (json_is_true(json_object_get(o, "reset")))
            stats_reset(s);
    }
    json_decref(o);
    (void)snprintf(problem, 160, "%s", why ? why : "");
    return !why;
}
