/* For tests of a provider without sockets: one seat at it, and calls that end as they are told to.
 */
#ifndef MONOCEROS_TESTS_UPSTREAM_CALLS_H
#define MONOCEROS_TESTS_UPSTREAM_CALLS_H

#include "providers/upstream.h"

static const int64_t second = 1000000;
static struct seat seat;

static inline struct upstream *made(const struct upstream_settings *change)
{
    struct upstream_settings s = {
        .name = "llm",
        .urls = change->urls ? change->urls : "http://127.0.0.1:1/v1/",
        .path = "/chat/completions",
        .max_in_flight = change->max_in_flight ? change->max_in_flight : 256,
        .timeout_s = 1,
        .connect_timeout_s = 1,
        .attempts = 3,
        .stop_after = change->stop_after ? change->stop_after : 5,
        .rpm = change->rpm,
        .tpm = change->tpm,
        .api_key = change->api_key,
    };
    struct err e = {0};
    struct upstream *u = upstream_new(&s, &e);

    assert_non_null(u);
    seat = (struct seat){0};
    upstream_join(u, &seat, NULL);
    return u;
}

static inline struct upstream *stopping_after(int faults)
{
    return made(&(struct upstream_settings){.stop_after = faults});
}

static inline void unmade(struct upstream *u)
{
    upstream_leave(u, &seat);
    upstream_unref(u);
}

static inline struct verdict fault(enum verdict_kind kind, enum verdict_fault of, int64_t pause_us)
{
    struct verdict v;

    verdict_set(&v, kind, of, "x", "HTTP 500: boom");
    v.pause_us = pause_us;
    return v;
}

static const struct verdict good = {.kind = VERDICT_OK, .pause_us = -1};

static inline bool take(struct upstream *u, int64_t at, struct permit *p, int64_t *again_us)
{
    return upstream_take(u, &seat, -1, 100, at, p, again_us);
}

static inline void give(struct upstream *u, const struct permit *p, const struct verdict *v,
                        int64_t at)
{
    struct outcome o = {.verdict = v, .now_us = at, .sent = true, .served = v->kind == VERDICT_OK};

    upstream_give(u, &seat, p, &o, 100);
}

/* Starts n calls at `at`, all of which end at `at` + 1000 with v. */
static inline void burst(struct upstream *u, int n, const struct verdict *v, int64_t at)
{
    struct permit p[64];
    int64_t again;

    assert_true(n <= 64);
    for (int i = 0; i < n; i++)
        assert_true(take(u, at, &p[i], &again));
    for (int i = 0; i < n; i++)
        give(u, &p[i], v, at + 1000);
}

#endif
