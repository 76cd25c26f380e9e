#include "providers/llm.h"

#include <math.h>
#include <stdlib.h>

#include "providers/job.h"
#include "providers/llm/chat.h"
#include "providers/offline/composer.h"
#include "server/base/clock.h"

enum { OFFLINE_REPLY_MAX = 1 << 20 };

struct llm_provider {
    struct llm_settings settings;
    struct endpoint *endpoint;
};

struct call {
    struct job job; /* first: a job is its call */
    const struct llm_provider *provider;
    llm_done_fn done;
    void *arg, *ctx;
    int64_t seed;
    size_t seed_at; /* where the request's tail begins */
    struct llm_usage usage;
    int64_t sent_us;
    struct chat_answer answer;
    /* Of the offline composer. */
    enum llm_task task;
    int variant;
    struct composer_form form;
    struct str id, salt, source;
    struct buf composed;
    char copy[];
};

static bool is_offline(const struct llm_settings *s)
{
    return strcmp(s->kind, "offline") == 0;
}

static int check(const struct llm_settings *s, struct err *e)
{
    if (!is_offline(s) && strcmp(s->kind, "openai") != 0)
        return err_set(e, ERR_VALIDATION, "%s: unknown kind of provider: %.40s", s->name, s->kind);
    if (s->max_in_flight < 1 || s->timeout_s < 1 || s->connect_timeout_s < 1 || s->attempts < 1 ||
        s->stop_after < 1)
        return err_set(e, ERR_VALIDATION, "%s: a limit is below 1", s->name);
    if (!is_offline(s) && (!s->url || !s->model))
        return err_set(e, ERR_VALIDATION, "%s: URL and model are needed", s->name);
    return 0;
}

struct llm_provider *llm_provider_new(const struct llm_settings *s, struct err *e)
{
    struct endpoint_settings reach = {
        .name = s->name,
        .url = is_offline(s) ? NULL : s->url,
        .path = "/chat/completions",
        .api_key = s->api_key,
        .max_in_flight = s->max_in_flight,
        .timeout_s = s->timeout_s,
        .connect_timeout_s = s->connect_timeout_s,
        .attempts = s->attempts,
        .stop_after = s->stop_after,
    };

    if (check(s, e) != 0)
        return NULL;
    struct llm_provider *p = calloc(1, sizeof(*p));
    if (p)
        p->settings = *s;
    if (p && !(p->endpoint = endpoint_new(&reach, e))) {
        free(p);
        return NULL;
    }
    if (!p)
        err_set(e, ERR_NO_MEMORY, "out of memory");
    return p;
}

void llm_provider_free(struct llm_provider *p)
{
    if (!p)
        return;
    endpoint_unref(p->endpoint);
    free(p);
}

const struct llm_settings *llm_provider_settings(const struct llm_provider *p)
{
    return &p->settings;
}

bool llm_provider_stopped(struct llm_provider *p, char reason[200])
{
    return endpoint_stopped(p->endpoint, reason);
}

void llm_provider_reset(struct llm_provider *p)
{
    endpoint_reset(p->endpoint);
}

/* Another try of a sampled answer with the same seed would be the same answer. */
static void prepare(struct job *j)
{
    struct call *c = (struct call *)j;

    c->usage.calls++;
    c->usage.unknown_calls++;
    c->sent_us = clock_us();
    j->body.n = c->seed_at;
    chat_request_close(&j->body, c->seed);
}

static void judge(struct job *j, struct str body, struct verdict *v)
{
    struct call *c = (struct call *)j;

    chat_answer_free(&c->answer);
    chat_answer_read(body, &c->answer, v);
    c->usage.latency_us = clock_us() - c->sent_us;
    c->usage.tokens_in += c->answer.tokens_in;
    c->usage.tokens_out += c->answer.tokens_out;
    c->usage.unknown_calls -= c->answer.tokens_in + c->answer.tokens_out > 0;
    if (v->kind == VERDICT_AGAIN && v->fault == FAULT_NONE && c->seed >= 0)
        c->seed = c->seed == INT64_MAX ? 0 : c->seed + 1;
}

static int compose(struct call *c, struct err *e)
{
    static const enum composer_task tasks[] = {
        [LLM_MULTIPLE_CHOICE] = COMPOSER_MULTIPLE_CHOICE,
        [LLM_QUESTION_ANSWERING] = COMPOSER_QUESTION_ANSWERING,
        [LLM_COMPLEX_REASONING] = COMPOSER_COMPLEX_REASONING,
    };

    if (c->task == LLM_CAPTION)
        return composer_caption(c->source, c->id, c->salt, c->variant, &c->composed, e);
    return composer_dialogue(c->source, tasks[c->task], c->id, c->salt, &c->form, &c->composed, e);
}

static void work(struct job *j, struct verdict *v)
{
    struct call *c = (struct call *)j;
    struct err e = {0};

    c->usage.calls = 1;
    if (compose(c, &e) != 0)
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "composer", "%s", e.msg);
    else if (c->composed.failed || c->composed.n == 0)
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "composer", "the composer's answer is too large");
    else
        v->kind = VERDICT_OK;
    c->answer.text = buf_str(&c->composed);
    c->answer.model = STR(COMPOSER_MODEL);
    c->answer.finish_reason = STR("stop");
}

static void done(struct job *j, const struct verdict *v, struct str raw)
{
    struct call *c = (struct call *)j;
    bool ok = v->kind == VERDICT_OK;
    struct llm_reply reply = {
        .ctx = c->ctx,
        .outcome = ok                       ? LLM_OK
                   : v->kind == VERDICT_ROW ? LLM_FAILED
                                            : LLM_RETURNED,
        .raw = raw,
        .reason = ok ? NULL : v->reason,
        .usage = c->usage,
        .model = c->answer.model,
        .finish_reason = c->answer.finish_reason,
    };

    if (ok || strcmp(v->reason, "length") == 0)
        reply.text = c->answer.text;
    if (!ok)
        memcpy(reply.detail, v->detail, sizeof(reply.detail));
    if (reply.model.n == 0)
        reply.model = str_of(c->provider->settings.model);
    lane_release(j->lane);
    c->done(c->arg, &reply);
    chat_answer_free(&c->answer);
    buf_free(&c->composed);
    buf_free(&j->body);
    free(c);
}

static const struct job_ops ops = {.prepare = prepare, .judge = judge, .work = work, .done = done};

static struct str put(char **at, struct str s)
{
    struct str copy = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static struct call *new_call(const struct llm_provider *p, const struct llm_request *r)
{
    bool offline = is_offline(&p->settings);
    size_t copied = offline ? r->id.n + r->salt.n + r->source.n : 0;
    struct call *c = calloc(1, sizeof(*c) + copied);

    if (!c)
        return NULL;
    c->job.ops = &ops;
    c->job.reply_max = CHAT_REPLY_MAX;
    c->provider = p;
    c->seed = r->seed;
    c->task = r->task;
    c->variant = r->variant;
    c->form = (struct composer_form){r->turns_min, r->turns_max, r->variant};
    buf_init(&c->job.body, CHAT_REQUEST_MAX);
    buf_init(&c->composed, OFFLINE_REPLY_MAX);
    if (offline) {
        char *at = c->copy;
        c->id = put(&at, r->id);
        c->salt = put(&at, r->salt);
        c->source = put(&at, r->source);
    }
    return c;
}

/* The whole request is written once here, so that no later step can run out of room. */
static int write_request(struct call *c, const struct llm_request *r, struct err *e)
{
    const struct llm_settings *s = &c->provider->settings;

    if (is_offline(s))
        return 0;
    if (chat_request_open(s, r, &c->job.body, e) != 0)
        return -1;
    c->seed_at = c->job.body.n;
    if (!buf_room(&c->job.body, 64))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int llm_submit(struct engine *g, struct llm_provider *p, const struct llm_request *r, void *ctx,
               llm_done_fn done_fn, void *arg, struct err *e)
{
    struct lane *l = engine_lane(g, p->endpoint, e);

    if (!l)
        return -1;
    if (lane_room(l) <= 0)
        return err_set(e, ERR_UNAVAILABLE, "%s: the window of calls is full or stopped",
                       p->settings.name);
    struct call *c = new_call(p, r);
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (write_request(c, r, e) != 0) {
        buf_free(&c->job.body);
        free(c);
        return -1;
    }
    c->done = done_fn;
    c->arg = arg;
    c->ctx = ctx;
    c->job.arg = arg;
    lane_hold(l);
    lane_submit(l, &c->job);
    return 0;
}

/* Dollars per million tokens are thousands of billionths per token. */
static int64_t price(int64_t tokens, double per_million, double otherwise)
{
    double dollars = per_million >= 0 ? per_million : otherwise;
    double cost = dollars > 0 ? ceil((double)tokens * dollars * 1e3) : 0;
    return (int64_t)cost;
}

int64_t llm_cost(const struct llm_settings *s, const struct llm_usage *u)
{
    return price(u->tokens_in - u->tokens_cached, s->price_prompt, 0) +
           price(u->tokens_cached, s->price_cached, s->price_prompt) +
           price(u->tokens_out - u->tokens_reasoning, s->price_completion, 0) +
           price(u->tokens_reasoning, s->price_reasoning, s->price_completion);
}

int64_t llm_call_bound(const struct llm_settings *s, const struct llm_request *r, int64_t *tokens)
{
    enum { TEMPLATE_TOKENS = 64, ANSWER_TOKENS = 32768 };
    int64_t in = (int64_t)(r->system.n + r->user.n + r->schema.n) + TEMPLATE_TOKENS;
    int64_t out = r->max_tokens > 0 ? r->max_tokens : ANSWER_TOKENS;
    double dearest =
        s->price_reasoning > s->price_completion ? s->price_reasoning : s->price_completion;
    *tokens = in + out;
    return price(in, s->price_prompt, 0) + price(out, dearest, 0);
}

int llm_room(struct engine *g, struct llm_provider *p)
{
    struct err e = {0};
    struct lane *l = engine_lane(g, p->endpoint, &e);

    return l ? lane_room(l) : 0;
}
