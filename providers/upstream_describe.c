/* Why is it slow: what a provider holds, what holds it back, and who says so. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "providers/upstream_state.h"
#include "server/base/clock.h"
#include "server/json/write.h"

/* What held a call back longer ago binds no more. */
static const int64_t bound_for_us = 2000000;

static const char *const binding_names[] = {
    [BOUND_BY_NOTHING] = "idle",
    [BOUND_BY_WINDOW] = "window",
    [BOUND_BY_CONCURRENCY] = "concurrency",
    [BOUND_BY_RPM] = "rpm",
    [BOUND_BY_TPM] = "tpm",
    [BOUND_BY_PAUSE] = "pause",
    [BOUND_BY_STOP] = "stopped",
};

/* Left out when not known. */
static void write_number(struct buf *out, const char *key, double value)
{
    if (value < 0)
        return;
    json_key(out, key);
    json_double(out, value);
}

static void write_count(struct buf *out, const char *key, uint64_t n)
{
    json_key(out, key);
    json_int(out, (int64_t)n);
}

static void write_text(struct buf *out, const char *key, const char *value)
{
    json_key(out, key);
    json_z(out, value);
}

static void write_limit(struct buf *out, const char *key, double value, const char *set_by)
{
    if (value <= 0)
        return;
    json_key(out, key);
    json_open(out, '{');
    write_number(out, "value", value);
    write_text(out, "set_by", set_by);
    json_close(out, '}');
}

static const char *rate_set_by(const struct upstream *u, double by_operator)
{
    if (u->replicas > 1)
        return "replicas";
    return by_operator > 0 ? "operator" : "config";
}

static const char *window_set_by(const struct upstream *u)
{
    return u->operator_limits.max_in_flight > 0 ? "operator" : "config";
}

static void write_limits(const struct upstream *u, struct buf *out)
{
    json_key(out, "limits");
    json_open(out, '{');
    write_limit(out, "max_in_flight", u->limits.window, window_set_by(u));
    write_limit(out, "rpm", u->limits.rpm, rate_set_by(u, u->operator_limits.rpm));
    write_limit(out, "tpm", u->limits.tpm, rate_set_by(u, u->operator_limits.tpm));
    write_count(out, "replicas", (uint64_t)u->replicas);
    json_close(out, '}');
}

static void write_time(struct buf *out, const char *key, int64_t in_us)
{
    time_t at = time(NULL) + (time_t)((in_us + 999999) / 1000000);
    struct tm tm;
    char text[32] = "";

    if (gmtime_r(&at, &tm))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    write_text(out, key, text);
}

/* "ok", "paused" with the time of its end, or "stopped" with the reason. */
static void write_state(struct buf *out, const char *stopped, int64_t paused_us)
{
    write_text(out, "state", stopped ? "stopped" : paused_us > 0 ? "paused" : "ok");
    if (stopped)
        write_text(out, "reason", stopped);
    else if (paused_us > 0)
        write_time(out, "paused_until", paused_us);
}

static const char *binding_of(const struct upstream *u, const struct endpoint *ep, int64_t now_us)
{
    if (ep->stopped)
        return binding_names[BOUND_BY_STOP];
    if (now_us < ep->pause_until_us)
        return binding_names[BOUND_BY_PAUSE];
    if (ep->bound_us != 0 && now_us - ep->bound_us < bound_for_us)
        return binding_names[ep->bound];
    if (u->window_us != 0 && now_us - u->window_us < bound_for_us)
        return binding_names[BOUND_BY_WINDOW];
    return binding_names[BOUND_BY_NOTHING];
}

static void write_concurrency(const struct upstream *u, const struct endpoint *ep, struct buf *out)
{
    int learned = governor_limit(&ep->governor);
    bool whole = learned >= u->limits.window;

    write_limit(out, "concurrency", whole ? u->limits.window : learned,
                whole ? window_set_by(u) : "learned");
}

static void write_rates(const struct endpoint *ep, struct buf *out)
{
    static const char *const names[] = {"requests", "tokens"};

    json_key(out, "rate_headers");
    json_open(out, '{');
    for (int i = 0; i < RATE_KINDS; i++) {
        const struct rate_said *said = &ep->pace[i].said;
        if (said->limit <= 0)
            continue;
        json_key(out, names[i]);
        json_open(out, '{');
        write_number(out, "limit", said->limit);
        write_number(out, "remaining", said->remaining);
        write_number(out, "reset_s", said->reset_s);
        write_text(out, "set_by", "headers");
        json_close(out, '}');
    }
    json_close(out, '}');
}

static void write_calls(const struct endpoint *ep, struct buf *out)
{
    const struct endpoint_counts *n = &ep->counts;

    json_key(out, "calls");
    json_open(out, '{');
    write_count(out, "sent", n->sent);
    write_count(out, "ok", n->ok);
    write_count(out, "failed", n->failed);
    write_count(out, "busy", n->busy);
    write_count(out, "hung", n->hung);
    write_count(out, "wasted", n->wasted);
    json_close(out, '}');
}

static double ms_of(const struct endpoint *ep, double quantile)
{
    int64_t us = latencies_quantile(&ep->latencies, quantile);

    return ep->latencies.n > 0 ? (double)us / 1e3 : -1;
}

static void write_endpoint(const struct upstream *u, int i, int64_t now_us, struct buf *out)
{
    const struct endpoint *ep = &u->endpoints[i];

    write_text(out, "url", u->routes[i].url);
    write_state(out, ep->stopped ? ep->cause : NULL, ep->pause_until_us - now_us);
    write_text(out, "binding", binding_of(u, ep, now_us));
    write_count(out, "in_flight", (uint64_t)ep->running);
    write_number(out, "queued", round(ep->governor.queued));
    write_concurrency(u, ep, out);
    json_key(out, "latency_ms");
    json_open(out, '{');
    write_number(out, "p50", ms_of(ep, 0.5));
    write_number(out, "p95", ms_of(ep, 0.95));
    json_close(out, '}');
    write_calls(ep, out);
    write_rates(ep, out);
}

/* Until the first of the endpoints that are not stopped takes calls again. */
static int64_t paused_for(const struct upstream *u, int64_t now_us)
{
    int64_t least_us = 0;
    bool any = false;

    for (int i = 0; i < u->n; i++) {
        int64_t us = u->endpoints[i].pause_until_us - now_us;
        if (u->endpoints[i].stopped)
            continue;
        least_us = !any || us < least_us ? us : least_us;
        any = true;
    }
    return least_us;
}

void upstream_describe(struct upstream *u, upstream_more_fn more, const void *arg, struct buf *out)
{
    int64_t now_us = clock_us();
    int running = 0;

    pthread_mutex_lock(&u->mutex);
    for (int i = 0; i < u->n; i++)
        running += u->endpoints[i].running;
    write_state(out, atomic_load(&u->stopped) ? u->sentence : NULL, paused_for(u, now_us));
    write_count(out, "in_flight", (uint64_t)running);
    write_count(out, "queued", (uint64_t)(u->held > running ? u->held - running : 0));
    write_limits(u, out);
    json_key(out, "endpoints");
    json_open(out, '[');
    for (int i = 0; i < u->n; i++) {
        json_open(out, '{');
        write_endpoint(u, i, now_us, out);
        if (more)
            more(arg, i, out);
        json_close(out, '}');
    }
    json_close(out, ']');
    pthread_mutex_unlock(&u->mutex);
}
