#include "handlers/limits.h"

#include <stdio.h>

#include "handlers/bind.h"

enum { RUNS_RETRY_S = 10 };

const struct field limits_fields[] = {
    {FIELD_INT, "requests_per_minute", .offset = offsetof(struct limits_body, requests_per_minute),
     .min = 0, .max = LIMIT_REQUESTS_MAX},
    {FIELD_INT, "seeds_per_day", .offset = offsetof(struct limits_body, seeds_per_day), .min = 0,
     .max = LIMIT_SEEDS_MAX},
    {FIELD_INT, "runs_in_flight", .offset = offsetof(struct limits_body, runs_in_flight), .min = 0,
     .max = LIMIT_RUNS_MAX},
    {.type = FIELD_END},
};

static int too_many(struct err *e, int wait_s, const char *what)
{
    (void)err_set(e, ERR_RATE_LIMITED, "%s", what);
    e->retry_after = wait_s > 0 ? wait_s : 1;
    return -1;
}

/* Of this process; what is left over of a division is given rather than kept. */
static int64_t share(const struct app *app, int64_t limit)
{
    int n = atomic_load(&app->replicas);
    return n > 1 ? (limit + n - 1) / n : limit;
}

int limits_request(struct req *q, struct err *e)
{
    const struct app *app = q->app;
    const struct caller *who = &op_state(q)->caller;
    int64_t limit = who->limits.requests_per_minute;
    uint8_t id[RATE_ID_BYTES] = {0};
    struct rate_left left;
    char detail[120];
    if (!limit)
        return 0;
    memcpy(id, who->key, KEY_ID_CHARS);
    bool taken = rate_take(app->rates, id, share(app, limit), &left);
    q->rate_policy = arena_printf(q->arena, "\"requests\";q=%lld;w=60", (long long)limit);
    q->rate_left = arena_printf(q->arena, "\"requests\";r=%lld;t=%d", (long long)left.tokens,
                                taken ? left.full_s : left.wait_s);
    if (taken)
        return 0;
    (void)snprintf(detail, sizeof(detail),
                   "the key may make %lld requests a minute (requests_per_minute)",
                   (long long)limit);
    return too_many(e, left.wait_s, detail);
}

static int guessed(bool allowed, const struct rate_left *left, struct err *e)
{
    return allowed ? 0 : too_many(e, left->wait_s, "too many bad keys came from this address");
}

int limits_guess(struct req *q, struct err *e)
{
    const struct app *app = q->app;
    struct rate_left left;
    int quota = app->config->bad_keys_per_minute;
    return quota ? guessed(rate_take(app->guesses, q->peer, quota, &left), &left, e) : 0;
}

int limits_may_guess(struct req *q, struct err *e)
{
    const struct app *app = q->app;
    struct rate_left left;
    int quota = app->config->bad_keys_per_minute;
    return quota ? guessed(rate_look(app->guesses, q->peer, quota, &left), &left, e) : 0;
}

static void bind_limit(struct db_call *c, int64_t limit)
{
    if (limit)
        call_i64(c, limit);
    else
        call_null(c);
}

void limits_bind_seeds(const struct req *q, struct db_call *c)
{
    const struct caller *who = &op_state(q)->caller;
    call_z(c, who->limits.seeds_per_day ? who->key : NULL);
    bind_limit(c, who->limits.seeds_per_day);
}

void limits_bind_runs(const struct req *q, struct db_call *c)
{
    const struct caller *who = &op_state(q)->caller;
    call_z(c, who->key);
    bind_limit(c, who->limits.runs_in_flight);
}

int limits_runs_full(const struct req *q, struct err *e)
{
    char detail[120];
    (void)snprintf(detail, sizeof(detail),
                   "the key may have %lld runs queued, running or paused (runs_in_flight)",
                   (long long)op_state(q)->caller.limits.runs_in_flight);
    return too_many(e, RUNS_RETRY_S, detail);
}

void limits_bind_body(const struct limits_body *b, struct db_call *c)
{
    static const struct limits_body none;
    const struct limits_body *l = b ? b : &none;
    bind_int(c, l->requests_per_minute);
    bind_int(c, l->seeds_per_day);
    bind_int(c, l->runs_in_flight);
}
