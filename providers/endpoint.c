#include "providers/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "server/base/hash.h"

enum { ANSWERS_KNOWN = 20 };

/* While an outage lasts, one call at a time tries whether it is over; it keeps the others waiting
 * for so long at most, as a good answer may take minutes. */
static const int64_t probe_us = 2000000;
static const int64_t look_again_us = 10000;
static const int64_t reopen_least_us = 60000000, reopen_most_us = 900000000;
/* No call is hung before, and none that takes less than so many times what nearly all take. */
static const int64_t patience_least_us = 30000000;
static const int patience_least = 8, patience_most = 256;

void endpoint_init(struct endpoint *ep, int stop_after)
{
    *ep = (struct endpoint){.stop_after = stop_after, .patience = patience_least};
    governor_init(&ep->governor);
    random_bytes(&ep->random, sizeof(ep->random));
    ep->random |= 1;
}

static enum binding bound_by_rate(const struct endpoint *ep, double tokens, int64_t now_us,
                                  int64_t *again_us)
{
    int64_t requests_us = pace_when(&ep->pace[RATE_REQUESTS], 1, now_us);
    int64_t tokens_us = pace_when(&ep->pace[RATE_TOKENS], tokens, now_us);

    *again_us = requests_us > tokens_us ? requests_us : tokens_us;
    if (*again_us <= now_us)
        return BOUND_BY_NOTHING;
    return requests_us > tokens_us ? BOUND_BY_RPM : BOUND_BY_TPM;
}

static enum binding find_binding(struct endpoint *ep, int most, double tokens, int64_t now_us,
                                 int64_t *again_us)
{
    *again_us = now_us + look_again_us;
    if (ep->stopped)
        return BOUND_BY_STOP;
    if (now_us < ep->pause_until_us) {
        *again_us = ep->pause_until_us;
        return BOUND_BY_PAUSE;
    }
    if (ep->outage && ep->running > 0 && now_us - ep->probed_us < probe_us)
        return BOUND_BY_PAUSE;
    if (!governor_admits(&ep->governor, ep->running, most))
        return BOUND_BY_CONCURRENCY;
    return bound_by_rate(ep, tokens, now_us, again_us);
}

enum binding endpoint_bound(struct endpoint *ep, int most, double tokens, int64_t now_us,
                            int64_t *again_us)
{
    enum binding b = find_binding(ep, most, tokens, now_us, again_us);

    if (b != BOUND_BY_NOTHING) {
        ep->bound = b;
        ep->bound_us = now_us;
    }
    return b;
}

void endpoint_start(struct endpoint *ep, double tokens, int64_t now_us)
{
    ep->running++;
    ep->probed_us = now_us;
    ep->charged[RATE_REQUESTS]++;
    ep->charged[RATE_TOKENS] += tokens;
    pace_take(&ep->pace[RATE_REQUESTS], 1, now_us);
    pace_take(&ep->pace[RATE_TOKENS], tokens, now_us);
}

/* Up to a tenth more, so that replicas that were told the same do not come back together. */
static int64_t jittered(struct endpoint *ep, int64_t us)
{
    ep->random ^= ep->random << 13;
    ep->random ^= ep->random >> 7;
    ep->random ^= ep->random << 17;
    return us + (int64_t)(ep->random % ((uint64_t)us / 10 + 1));
}

static void pause_for(struct endpoint *ep, int64_t us, int64_t now_us)
{
    int64_t until = now_us + jittered(ep, us);

    if (until > ep->pause_until_us)
        ep->pause_until_us = until;
}

/* A call that began before the burst was noticed tells nothing new. */
static bool begins_burst(struct endpoint *ep, int64_t started_us, int64_t now_us)
{
    if (started_us < ep->burst_us)
        return false;
    ep->burst_us = now_us;
    ep->bursts++;
    return true;
}

static int64_t doubled(int64_t base_us, int times, int64_t max_us)
{
    int64_t us = base_us << (times > 10 ? 10 : times);

    return us < max_us ? us : max_us;
}

static struct governor_call call_of(const struct outcome *o)
{
    return (struct governor_call){
        .started_us = o->started_us,
        .now_us = o->now_us,
        .at_once = o->at_once,
        .tokens = o->tokens_out,
    };
}

static void note_busy(struct endpoint *ep, const struct outcome *o)
{
    const struct verdict *v = o->verdict;
    struct governor_call c = call_of(o);
    bool serving = ep->answers != ep->answers_at_burst;

    governor_refused(&ep->governor, &c);
    if (ep->busy_us == 0)
        ep->busy_us = o->now_us;
    if (!begins_burst(ep, o->started_us, o->now_us)) {
        if (v->pause_us > 0)
            pause_for(ep, v->pause_us, o->now_us);
        return;
    }
    ep->answers_at_burst = ep->answers;
    /* A server that refuses some and serves others needs fewer at a time, not a long pause. */
    if (v->pause_us >= 0)
        pause_for(ep, v->pause_us, o->now_us);
    else
        pause_for(ep, serving ? 50000 : doubled(500000, ep->bursts - 1, 30000000), o->now_us);
}

static void count_fault(struct endpoint *ep, int64_t now_us)
{
    if (ep->faults++ == 0)
        ep->streak_us = now_us;
}

static void note_outage(struct endpoint *ep, const struct outcome *o)
{
    ep->outage = true;
    count_fault(ep, o->now_us);
    pause_for(ep, doubled(100000, ep->bursts - 1, 5000000), o->now_us);
}

static void note_line(struct endpoint *ep, const struct outcome *o)
{
    if (begins_burst(ep, o->started_us, o->now_us))
        note_outage(ep, o);
}

/* Some hang while others are answered: an overload. All do: an outage, or a server that has become
 * slower than could be thought, which gets more time. */
static void note_hang(struct endpoint *ep, const struct outcome *o)
{
    struct governor_call c = call_of(o);

    governor_refused(&ep->governor, &c);
    if (!begins_burst(ep, o->started_us, o->now_us))
        return;
    if (ep->answers == ep->answers_at_burst) {
        ep->patience = ep->patience < patience_most ? 2 * ep->patience : patience_most;
        note_outage(ep, o);
    }
    ep->answers_at_burst = ep->answers;
}

/* A call that ran out of its time may be one too many. */
static void note_slow(struct endpoint *ep, const struct outcome *o)
{
    struct governor_call c = call_of(o);

    governor_refused(&ep->governor, &c);
    count_fault(ep, o->now_us);
}

static void note_answer(struct endpoint *ep, const struct outcome *o)
{
    ep->answers++;
    ep->faults = ep->bursts = ep->stops = 0;
    ep->busy_us = 0;
    ep->outage = false;
    if (!o->served)
        return;
    ep->patience = patience_least;
    struct governor_call c = call_of(o);
    governor_answered(&ep->governor, &c);
    latencies_add(&ep->latencies, o->now_us - o->started_us);
}

void endpoint_stop(struct endpoint *ep, const char *what, const char *cause, int64_t now_us)
{
    if (ep->stopped)
        return;
    int n = snprintf(ep->cause, sizeof(ep->cause), "%.80s", what);
    snprintf(ep->cause + n, sizeof(ep->cause) - (size_t)n, "%s", cause);
    ep->stopped = true;
    ep->stopped_us = now_us;
    ep->stops++;
}

bool endpoint_may_reopen(const struct endpoint *ep, int64_t now_us)
{
    if (!ep->stopped)
        return false;
    return now_us - ep->stopped_us >= doubled(reopen_least_us, ep->stops - 1, reopen_most_us);
}

void endpoint_reopen(struct endpoint *ep)
{
    ep->stopped = false;
    ep->outage = true;
    ep->faults = ep->bursts = 0;
    ep->burst_us = ep->pause_until_us = ep->streak_us = ep->busy_us = 0;
}

void endpoint_reset(struct endpoint *ep)
{
    bool stopped = ep->stopped;

    endpoint_reopen(ep);
    ep->outage = stopped;
    ep->stops = 0;
    ep->pace[RATE_REQUESTS].reset_us = ep->pace[RATE_TOKENS].reset_us = 0;
    governor_forgive(&ep->governor);
}

int64_t endpoint_patience_us(const struct endpoint *ep)
{
    if (ep->answers < ANSWERS_KNOWN)
        return 0;
    int64_t us = ep->patience * latencies_quantile(&ep->latencies, 0.99);
    return us > patience_least_us ? us : patience_least_us;
}

static void stop_if_hopeless(struct endpoint *ep, const struct outcome *o)
{
    char what[80];
    int64_t streak_s = (o->now_us - ep->streak_us) / 1000000;

    if (ep->faults > 0 && ep->faults >= ep->stop_after)
        snprintf(what, sizeof(what), "%d calls in a row failed, the last with ", ep->faults);
    else if (o->verdict->fault == FAULT_LINE && ep->faults > 1 && streak_s >= ENDPOINT_OUTAGE_S)
        snprintf(what, sizeof(what), "out of reach for %d seconds, the last call ended with ",
                 (int)streak_s);
    else if (ep->busy_us != 0 && (o->now_us - ep->busy_us) / 1000000 >= ENDPOINT_BUSY_S)
        snprintf(what, sizeof(what), "nothing but refusals for %d minutes, the last was ",
                 ENDPOINT_BUSY_S / 60);
    else
        return;
    endpoint_stop(ep, what, o->verdict->detail, o->now_us);
}

static void count(struct endpoint *ep, const struct outcome *o)
{
    struct endpoint_counts *n = &ep->counts;
    enum verdict_kind kind = o->verdict->kind;

    n->sent += o->sent;
    n->ok += kind == VERDICT_OK;
    n->failed += kind == VERDICT_ROW;
    n->busy += o->verdict->fault == FAULT_BUSY;
    n->hung += o->verdict->fault == FAULT_HANG;
    n->wasted += o->sent && kind != VERDICT_OK && kind != VERDICT_ROW;
}

static void heed_rates(struct endpoint *ep, const struct outcome *o)
{
    for (int i = 0; o->said && i < RATE_KINDS; i++)
        pace_heed(&ep->pace[i], &o->said[i], o->now_us - o->started_us,
                  ep->charged[i] - o->charged[i], o->now_us);
}

void endpoint_end(struct endpoint *ep, const struct outcome *o)
{
    const struct verdict *v = o->verdict;

    ep->running--;
    count(ep, o);
    heed_rates(ep, o);
    if (v->kind == VERDICT_STOP)
        endpoint_stop(ep, "", v->detail, o->now_us);
    else if (v->fault == FAULT_BUSY)
        note_busy(ep, o);
    else if (v->fault == FAULT_LINE)
        note_line(ep, o);
    else if (v->fault == FAULT_HANG)
        note_hang(ep, o);
    else if (v->fault == FAULT_SLOW)
        note_slow(ep, o);
    else if (v->fault == FAULT_CALL)
        count_fault(ep, o->now_us);
    else if (v->kind != VERDICT_RETURNED)
        note_answer(ep, o);
    if (v->fault != FAULT_NONE)
        stop_if_hopeless(ep, o);
}
