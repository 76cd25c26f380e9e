#include "providers/upstream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "providers/engine.h"
#include "providers/upstream_state.h"
#include "server/base/clock.h"

static const int64_t look_again_us = 10000;
/* Who was refused and has not come back for so long does not want it any more. */
static const int64_t wanting_us = 200000;
/* An engine that waits for a start asks more often than that, unless its thread is busy. */
static const int64_t attentive_us = 25000;

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes the next URL off the list; empty at its end. */
static struct str next_url(struct str *list)
{
    while (list->n > 0 && is_separator(list->p[0]))
        *list = str_from(*list, 1);
    struct str url = {list->p, 0};
    while (url.n < list->n && !is_separator(list->p[url.n]))
        url.n++;
    *list = str_from(*list, url.n);
    return url;
}

static int add_endpoints(struct upstream *u, struct err *e)
{
    const struct upstream_settings *s = &u->settings;
    struct str list = str_of(s->urls), url;

    while (list.n > 0 && (url = next_url(&list)).n > 0) {
        if (u->n == ENDPOINTS_MAX)
            return err_set(e, ERR_VALIDATION, "more than %d URLs", ENDPOINTS_MAX);
        endpoint_init(&u->endpoints[u->n], s->stop_after);
        if (route_init(&u->routes[u->n++], url, s->path, s->api_key, e) != 0)
            return -1;
    }
    return s->urls && u->n == 0 ? err_set(e, ERR_VALIDATION, "no URL") : 0;
}

static void upstream_free(struct upstream *u)
{
    for (int i = 0; i < u->n; i++)
        route_free(&u->routes[i]);
    pthread_mutex_destroy(&u->mutex);
    free(u);
}

static void apply_limits(struct upstream *u, int64_t now_us)
{
    const struct upstream_limits *l = &u->operator_limits;
    const struct upstream_settings *s = &u->settings;

    u->limits = (struct limits){
        .window = l->max_in_flight > 0 ? l->max_in_flight : s->max_in_flight,
        .rpm = (l->rpm > 0 ? l->rpm : s->rpm) / u->replicas,
        .tpm = (l->tpm > 0 ? l->tpm : s->tpm) / u->replicas,
    };
    bucket_set(&u->buckets[RATE_REQUESTS], u->limits.rpm, now_us);
    bucket_set(&u->buckets[RATE_TOKENS], u->limits.tpm, now_us);
}

struct upstream *upstream_new(const struct upstream_settings *s, struct err *e)
{
    struct upstream *u = calloc(1, sizeof(*u));

    if (!u) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    u->settings = *s;
    u->replicas = 1;
    atomic_init(&u->refs, 1);
    atomic_init(&u->stopped, false);
    pthread_mutex_init(&u->mutex, NULL);
    apply_limits(u, clock_us());
    if (add_endpoints(u, e) != 0) {
        upstream_free(u);
        return NULL;
    }
    return u;
}

struct upstream *upstream_ref(struct upstream *u)
{
    atomic_fetch_add(&u->refs, 1);
    return u;
}

void upstream_unref(struct upstream *u)
{
    if (u && atomic_fetch_sub(&u->refs, 1) == 1)
        upstream_free(u);
}

bool upstream_is_shared(struct upstream *u)
{
    return atomic_load(&u->refs) > 1;
}

const struct upstream_settings *upstream_get_settings(const struct upstream *u)
{
    return &u->settings;
}

int upstream_endpoints(const struct upstream *u)
{
    return u->n;
}

const struct route *upstream_route(const struct upstream *u, int endpoint)
{
    return &u->routes[endpoint];
}

void upstream_join(struct upstream *u, struct seat *seat, struct engine *g)
{
    pthread_mutex_lock(&u->mutex);
    seat->engine = g;
    seat->next = u->seats;
    u->seats = seat;
    pthread_mutex_unlock(&u->mutex);
}

void upstream_leave(struct upstream *u, struct seat *seat)
{
    pthread_mutex_lock(&u->mutex);
    struct seat **at = &u->seats;
    while (*at != seat)
        at = &(*at)->next;
    *at = seat->next;
    pthread_mutex_unlock(&u->mutex);
}

static bool wants(int64_t asked_us, int64_t now_us)
{
    return asked_us != 0 && now_us - asked_us < wanting_us;
}

/* With the window full, an engine that holds more than its part of it leaves what comes free to one
 * that was refused and holds less. */
static int room_locked(struct upstream *u, struct seat *seat, int64_t now_us)
{
    int room = u->limits.window - u->held, sharers = 1;
    bool hungry = false;

    if (atomic_load(&u->stopped))
        return 0;
    for (const struct seat *s = u->seats; s; s = s->next) {
        sharers += s != seat && (s->held > 0 || wants(s->refused_us, now_us));
        hungry |= s != seat && s->held < seat->held && wants(s->refused_us, now_us);
    }
    if (hungry && seat->held >= (u->limits.window + sharers - 1) / sharers)
        room = 0;
    if (room <= 0) {
        u->window_us = seat->refused_us = now_us;
        return 0;
    }
    seat->refused_us = 0;
    return room;
}

int upstream_room(struct upstream *u, struct seat *seat, int64_t now_us)
{
    pthread_mutex_lock(&u->mutex);
    int room = room_locked(u, seat, now_us);
    pthread_mutex_unlock(&u->mutex);
    return room;
}

bool upstream_hold(struct upstream *u, struct seat *seat, int64_t now_us)
{
    pthread_mutex_lock(&u->mutex);
    bool held = room_locked(u, seat, now_us) > 0;
    seat->held += held;
    u->held += held;
    pthread_mutex_unlock(&u->mutex);
    return held;
}

void upstream_release(struct upstream *u, struct seat *seat)
{
    pthread_mutex_lock(&u->mutex);
    seat->held--;
    u->held--;
    pthread_mutex_unlock(&u->mutex);
}

/* What is over the limits per minute is over them for every endpoint. */
static bool bound_by_bucket(struct upstream *u, double tokens, int64_t now_us, int64_t *again_us)
{
    int64_t requests_us = bucket_when(&u->buckets[RATE_REQUESTS], 1, now_us);
    int64_t tokens_us = bucket_when(&u->buckets[RATE_TOKENS], tokens, now_us);
    enum binding bound = requests_us > tokens_us ? BOUND_BY_RPM : BOUND_BY_TPM;

    if (requests_us <= now_us && tokens_us <= now_us)
        return false;
    *again_us = requests_us > tokens_us ? requests_us : tokens_us;
    for (int i = 0; i < u->n; i++) {
        u->endpoints[i].bound = bound;
        u->endpoints[i].bound_us = now_us;
    }
    return true;
}

enum { NONE_OPEN = -1, NONE_FREE = -2 };

/* The least busy endpoint that takes one more; NONE_FREE when one would once a call of it ends, and
 * else NONE_OPEN. */
static int choose(struct upstream *u, int avoid, double tokens, int64_t now_us, int64_t *again_us)
{
    int best = -1, none = NONE_OPEN;

    *again_us = INT64_MAX;
    for (int k = 0; k < u->n; k++) {
        int i = (u->turn + k) % u->n;
        struct endpoint *ep = &u->endpoints[i];
        int64_t when_us;
        if (endpoint_may_reopen(ep, now_us) && u->n > 1)
            endpoint_reopen(ep);
        enum binding bound = endpoint_bound(ep, u->limits.window, tokens, now_us, &when_us);
        if (bound != BOUND_BY_NOTHING) {
            *again_us = when_us < *again_us ? when_us : *again_us;
            none = bound == BOUND_BY_CONCURRENCY ? NONE_FREE : none;
            continue;
        }
        bool better =
            best < 0 || best == avoid || (i != avoid && ep->running < u->endpoints[best].running);
        best = better ? i : best;
    }
    u->turn = best >= 0 ? (best + 1) % u->n : u->turn;
    return best >= 0 ? best : none;
}

/* Calls that could start now as far as the learned limits go. */
static int free_slots(const struct upstream *u)
{
    int n = 0;

    for (int i = 0; i < u->n; i++) {
        const struct endpoint *ep = &u->endpoints[i];
        int limit = governor_limit(&ep->governor);
        if (!ep->stopped && limit > ep->running)
            n += limit - ep->running;
    }
    return n;
}

/* Whether another engine comes first: it has fewer calls under way, or it is its turn. */
static bool comes_first(const struct seat *other, const struct seat *seat, int64_t now_us)
{
    if (other == seat || other->waiting_us == 0 || now_us - other->waiting_us > attentive_us)
        return false;
    bool before = seat->waiting_us == 0 || other->waiting_since_us < seat->waiting_since_us;
    return other->running + 1 < seat->running || (other->running <= seat->running && before);
}

/* Where slots are few, each engine that comes first is left one. */
static bool is_unfair(const struct upstream *u, const struct seat *seat, int64_t now_us)
{
    int others = 0;

    for (const struct seat *s = u->seats; s; s = s->next)
        others += comes_first(s, seat, now_us);
    if (others == 0 || free_slots(u) > others)
        return false;
    for (const struct seat *s = u->seats; s; s = s->next)
        if (comes_first(s, seat, now_us))
            engine_wake(s->engine);
    return true;
}

static void start(struct upstream *u, struct seat *seat, int endpoint, double tokens,
                  int64_t now_us, struct permit *ret)
{
    struct endpoint *ep = &u->endpoints[endpoint];

    endpoint_start(ep, tokens, now_us);
    bucket_take(&u->buckets[RATE_REQUESTS], 1, now_us);
    bucket_take(&u->buckets[RATE_TOKENS], tokens, now_us);
    seat->running++;
    seat->waiting_us = seat->waiting_since_us = 0;
    *ret = (struct permit){
        .endpoint = endpoint,
        .at_once = ep->running,
        .started_us = now_us,
        .tokens = tokens,
        .charged = {ep->charged[0], ep->charged[1]},
    };
}

bool upstream_take(struct upstream *u, struct seat *seat, int avoid, double tokens, int64_t now_us,
                   struct permit *ret, int64_t *again_us)
{
    int endpoint = NONE_OPEN;
    int64_t when_us = now_us + look_again_us;

    pthread_mutex_lock(&u->mutex);
    if (!atomic_load(&u->stopped) && !bound_by_bucket(u, tokens, now_us, &when_us))
        endpoint =
            is_unfair(u, seat, now_us) ? NONE_FREE : choose(u, avoid, tokens, now_us, &when_us);
    if (endpoint >= 0)
        start(u, seat, endpoint, tokens, now_us, ret);
    else
        *again_us = when_us;
    if (endpoint == NONE_FREE) {
        if (seat->waiting_us == 0)
            seat->waiting_since_us = now_us;
        seat->waiting_us = now_us;
    }
    pthread_mutex_unlock(&u->mutex);
    return endpoint >= 0;
}

/* The whole is stopped when every endpoint is, and then stays so until it is reset. */
static void stop_whole(struct upstream *u, int last)
{
    const struct endpoint *ep = &u->endpoints[last];
    char *out = u->sentence;
    size_t size = sizeof(u->sentence);

    for (int i = 0; i < u->n; i++)
        if (!u->endpoints[i].stopped)
            return;
    int n = snprintf(out, size, "%.60s: ", u->settings.name);
    if (u->n > 1)
        n += snprintf(out + n, size - (size_t)n, "%.60s: ", u->routes[last].url);
    snprintf(out + n, size - (size_t)n, "%s", ep->cause);
    verdict_clean(out);
    atomic_store(&u->stopped, true);
}

void upstream_give(struct upstream *u, struct seat *seat, const struct permit *p, struct outcome *o,
                   double tokens)
{
    struct endpoint *ep = &u->endpoints[p->endpoint];

    o->started_us = p->started_us;
    o->at_once = p->at_once;
    memcpy(o->charged, p->charged, sizeof(o->charged));
    pthread_mutex_lock(&u->mutex);
    bool was_stopped = ep->stopped;
    seat->running--;
    if (tokens >= 0)
        bucket_take(&u->buckets[RATE_TOKENS], tokens - p->tokens, o->now_us);
    endpoint_end(ep, o);
    if (ep->stopped && !was_stopped && !atomic_load(&u->stopped))
        stop_whole(u, p->endpoint);
    pthread_mutex_unlock(&u->mutex);
}

void upstream_wake_others(struct upstream *u, struct seat *seat, int64_t now_us)
{
    pthread_mutex_lock(&u->mutex);
    seat->waiting_us = seat->waiting_since_us = 0;
    int slots = u->seats && u->seats->next ? free_slots(u) : 0;
    for (struct seat *s = u->seats; s && slots > 0; s = s->next) {
        if (s != seat && wants(s->waiting_us, now_us)) {
            engine_wake(s->engine);
            slots--;
        }
    }
    pthread_mutex_unlock(&u->mutex);
}

void upstream_stop(struct upstream *u, const char *cause)
{
    pthread_mutex_lock(&u->mutex);
    for (int i = 0; i < u->n; i++)
        endpoint_stop(&u->endpoints[i], "", cause, clock_us());
    if (u->n > 0 && !atomic_load(&u->stopped))
        stop_whole(u, 0);
    pthread_mutex_unlock(&u->mutex);
}

bool upstream_stopped(struct upstream *u, char reason[200])
{
    if (!atomic_load(&u->stopped))
        return false;
    if (reason) {
        pthread_mutex_lock(&u->mutex);
        snprintf(reason, 200, "%s", u->sentence);
        pthread_mutex_unlock(&u->mutex);
    }
    return true;
}

void upstream_reset(struct upstream *u)
{
    pthread_mutex_lock(&u->mutex);
    for (int i = 0; i < u->n; i++)
        endpoint_reset(&u->endpoints[i]);
    u->sentence[0] = 0;
    atomic_store(&u->stopped, false);
    pthread_mutex_unlock(&u->mutex);
}

void upstream_set_limits(struct upstream *u, const struct upstream_limits *l, int replicas)
{
    pthread_mutex_lock(&u->mutex);
    u->operator_limits = *l;
    u->replicas = replicas > 1 ? replicas : 1;
    apply_limits(u, clock_us());
    pthread_mutex_unlock(&u->mutex);
}

uint64_t upstream_answers(struct upstream *u, int endpoint)
{
    pthread_mutex_lock(&u->mutex);
    uint64_t n = u->endpoints[endpoint].answers;
    pthread_mutex_unlock(&u->mutex);
    return n;
}

void upstream_patience(struct upstream *u, struct patience *ret)
{
    pthread_mutex_lock(&u->mutex);
    for (int i = 0; i < u->n; i++) {
        const struct endpoint *ep = &u->endpoints[i];
        ret[i].hang_us = endpoint_patience_us(ep);
        ret[i].stopped_us = ep->stopped ? ep->stopped_us : 0;
    }
    pthread_mutex_unlock(&u->mutex);
}
