/* Issuing the items of a range to providers and encoders, and taking their answers. */
#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/work/range.h"

enum { ASK_MAX = 3, SCRATCH_BYTES_MAX = 4 << 20, SERVED_AGAIN_US = 60000000 };

static struct llm_provider *provider_of(const struct range *r, const struct item *it)
{
    return r->task->info->providers[r->task->stage][it->provider];
}

static void count_call(const struct llm_reply *reply)
{
    const char *label = reply->outcome == LLM_OK       ? "outcome=\"ok\""
                        : reply->outcome == LLM_FAILED ? "outcome=\"failed\""
                                                       : "outcome=\"returned\"";
    metric_add(METRIC_PROVIDER_CALLS, label, 1);
    metric_add(METRIC_PROVIDER_IN_FLIGHT, NULL, -1);
    metric_add(METRIC_PROVIDER_TOKENS, "direction=\"in\"", reply->usage.tokens_in);
    metric_add(METRIC_PROVIDER_TOKENS, "direction=\"out\"", reply->usage.tokens_out);
}

/* Adds what the calls have used to the item, and settles the run's budget: calls whose price nobody
 * knows are taken at their worst. */
static void charge(struct range *r, struct item *it, const struct llm_reply *reply)
{
    struct run_info *info = r->task->info;
    const struct llm_settings *s = llm_provider_settings(provider_of(r, it));
    const struct llm_usage *u = &reply->usage;
    struct reservation *held = &r->reserved[it - r->items];
    int64_t cost = llm_cost(s, u);
    it->usage.calls += u->calls;
    it->usage.unknown_calls += u->unknown_calls;
    it->usage.tokens_in += u->tokens_in;
    it->usage.tokens_cached += u->tokens_cached;
    it->usage.tokens_out += u->tokens_out;
    it->usage.tokens_reasoning += u->tokens_reasoning;
    it->usage.latency_us = u->latency_us;
    it->cost += cost;
    if (budget_is_limited(&info->budget))
        budget_settle(info, held->cost, held->tokens,
                      cost + u->unknown_calls * (held->cost / s->attempts), u,
                      u->unknown_calls * (held->tokens / s->attempts));
    *held = (struct reservation){0};
}

/* Puts on record what the server calls its model, now and then, or because it is another one. */
static void record_served(struct range *r, const struct provider_choice *c, struct str served)
{
    struct db_call call;
    struct err e = {0};
    call_init(&call, STMT_SERVED_PUT);
    call_text(&call, c->name);
    call_text(&call, c->model);
    call_text(&call, arena_str(r->arena, served));
    (void)db_run(r->worker->db, &call, NULL, &e);
}

/* Whether the answer came from the model that the recipe names. Another one makes other rows: the
 * run pauses, and the item stays pending. */
static bool model_is_right(struct range *r, const struct item *it, const struct llm_reply *reply)
{
    struct run_info *info = r->task->info;
    const struct provider_choice *c = &range_settings(r)->providers[it->provider];
    int64_t now_us = clock_us(), last_us = atomic_load(&info->served_us);
    if (!str_is(c->kind, "openai") || reply->model.n == 0)
        return true;
    bool right = str_eq(reply->model, c->served);
    if ((!right && !atomic_load(&info->stopping)) ||
        (right && now_us - last_us > SERVED_AGAIN_US &&
         atomic_compare_exchange_strong(&info->served_us, &last_us, now_us)))
        record_served(r, c, reply->model);
    if (!right) {
        const char *why = arena_printf(
            r->arena,
            "%.*s serves the model %.60s now, this run is made with %.60s: bring it "
            "back and resume, or start another run",
            (int)c->name.n, c->name.p, arena_str(r->arena, reply->model).p, c->served.p);
        run_ask_pause(r->worker->work, info, r->worker->db, "provider",
                      why ? why : "another model");
    }
    return right;
}

/* Smoothed, for the run's deadline. */
static void note_latency(struct run_info *info, int64_t us)
{
    if (info->budget.deadline_us == 0 || us <= 0)
        return;
    (void)pthread_mutex_lock(&info->mutex);
    info->budget.latency_us += (us - info->budget.latency_us) / 8;
    (void)pthread_mutex_unlock(&info->mutex);
}

static void on_llm(void *arg, const struct llm_reply *reply)
{
    struct range *r = arg;
    struct item *it = reply->ctx;
    const struct stage *s = &stages[r->task->stage];
    r->in_flight--;
    count_call(reply);
    charge(r, it, reply);
    note_latency(r->task->info, reply->usage.latency_us);
    if (reply->outcome == LLM_RETURNED ||
        (reply->outcome == LLM_OK && !model_is_right(r, it, reply))) {
        range_put_back(r, it);
        return;
    }
    it->asked++;
    if (reply->outcome == LLM_FAILED && !(s->takes_cut && reply->text.n > 0)) {
        range_fail(r, it, reply->reason, str_of(reply->detail), reply->raw);
        return;
    }
    enum verdict verdict = s->accept(&r->task->info->settings, it, reply, r->arena);
    llm_note_schema(provider_of(r, it), reply, it->schema_held);
    if (verdict == VERDICT_TAKEN)
        range_take(r, it);
    else if (it->asked < ASK_MAX)
        range_put_back(r, it);
    else
        range_fail(r, it, it->refusal_code ? it->refusal_code : "invalid_answer",
                   str_of(it->refusal), reply->raw);
}

/* Takes the worst case of the item off the run's budget; false when there is no room for it now. */
static bool reserve(struct range *r, const struct item *it, struct llm_request *request)
{
    struct run_info *info = r->task->info;
    const struct llm_settings *s = llm_provider_settings(provider_of(r, it));
    struct reservation *held = &r->reserved[it - r->items];
    if (!budget_is_limited(&info->budget))
        return true;
    request->paid_max = s->attempts;
    held->cost = llm_call_bound(s, request, &held->tokens) * s->attempts;
    held->tokens *= s->attempts;
    switch (budget_reserve(r->worker, info, held->cost, held->tokens)) {
    case BUDGET_OK:
        return true;
    case BUDGET_SPENT:
        run_ask_pause(r->worker->work, info, r->worker->db, "budget",
                      "what is left of the budget is less than another call may cost: resume the "
                      "run with a larger one");
        break;
    case BUDGET_WAIT:
        break;
    }
    *held = (struct reservation){0};
    return false;
}

static void unreserve(struct range *r, const struct item *it)
{
    static const struct llm_usage nothing;
    struct reservation *held = &r->reserved[it - r->items];
    if (budget_is_limited(&r->task->info->budget))
        budget_settle(r->task->info, held->cost, held->tokens, 0, &nothing, 0);
    *held = (struct reservation){0};
}

/* True when the item is on its way. */
static bool issue_one(struct range *r, struct item *it, struct arena *scratch)
{
    const struct stage *s = &stages[r->task->stage];
    struct llm_request request;
    struct err e = {0};
    arena_reset(scratch);
    if (s->request(&r->task->info->settings, it, scratch, &request, &e) < 0 ||
        !reserve(r, it, &request))
        return false;
    engine_set_trace(r->worker->engine, r->task->info->id);
    if (llm_submit(r->worker->engine, provider_of(r, it), &request, it, on_llm, r, &e) < 0) {
        unreserve(r, it);
        return false;
    }
    r->in_flight++;
    metric_add(METRIC_PROVIDER_IN_FLIGHT, NULL, 1);
    return true;
}

/* Members that are added to each request are a part of what the recipe stands for. */
static void pause_if_changed(struct range *r)
{
    struct run_info *info = r->task->info;
    if (info->changed)
        run_ask_pause(r->worker->work, info, r->worker->db, "provider", info->changed);
}

static void pause_if_late(struct range *r)
{
    struct run_info *info = r->task->info;
    if (budget_is_late(info))
        run_ask_pause(r->worker->work, info, r->worker->db, "budget",
                      "another call would end behind the run's deadline: resume it with a later "
                      "one");
}

static void pause_if_stopped(struct range *r, struct llm_provider *p)
{
    struct run_info *info = r->task->info;
    char why[200];
    bool stopped = p ? llm_provider_stopped(p, why) : encoder_stopped(info->encoder, why);
    if (stopped)
        run_ask_pause(r->worker->work, info, r->worker->db, "provider", why);
}

/* From the end of what is to be done; items whose provider has no room are passed over. */
static void issue_llm(struct range *r)
{
    struct arena *scratch __attribute__((cleanup(arena_freep))) = NULL;
    bool alone = range_settings(r)->n_providers == 1;
    for (int i = r->n_todo - 1; i >= 0 && !range_stopping(r); i--) {
        struct item *it = r->todo[i];
        if (llm_room(r->worker->engine, provider_of(r, it)) <= 0) {
            pause_if_stopped(r, provider_of(r, it));
            if (alone)
                return;
            continue;
        }
        if (!scratch && !(scratch = arena_new(SCRATCH_BYTES_MAX)))
            return;
        if (!issue_one(r, it, scratch))
            return;
        r->todo[i] = r->todo[--r->n_todo];
    }
}

struct batch {
    size_t n;
    struct item *items[];
};

/* Vectors of another dimension are another version's, whatever the run is told to make. */
static bool dimension_is_right(struct range *r, const struct encoder_reply *reply)
{
    struct run_info *info = r->task->info;
    if (!reply->vectors || reply->dimension == info->dimension)
        return true;
    run_ask_pause(r->worker->work, info, r->worker->db, "encoder-changed",
                  "the encoder answers another number of values than the run was begun with: bring "
                  "the model back, or make a new version of the encoder; then resume");
    return false;
}

static void on_vectors(void *arg, const struct encoder_reply *reply)
{
    struct range *r = arg;
    struct batch *b = reply->ctx;
    bool right = dimension_is_right(r, reply);
    for (size_t i = 0; i < b->n; i++) {
        struct item *it = b->items[i];
        r->in_flight--;
        it->asked++;
        if (reply->outcome[i] == ENCODER_RETURNED || !right) {
            range_put_back(r, it);
        } else if (reply->outcome[i] == ENCODER_FAILED) {
            range_fail(r, it, reply->reason[i], str_of(reply->detail), reply->raw);
        } else if (embed_accept(&r->task->info->settings, it,
                                reply->vectors + i * (size_t)reply->dimension,
                                (size_t)reply->dimension, r->arena) < 0) {
            range_fail(r, it, "not_finite", str_of("a value is not finite"), (struct str){NULL, 0});
        } else {
            /* The server counts a batch; the remainder goes to its first text. */
            int share = reply->tokens_in / (int)b->n;
            it->usage.tokens_in = share + (i == 0 ? reply->tokens_in % (int)b->n : 0);
            it->result.truncated = reply->truncated && reply->truncated[i];
            range_take(r, it);
        }
    }
    free(b);
}

static struct batch *gather(struct range *r, size_t max, struct str *texts)
{
    struct batch *b = calloc(1, sizeof(*b) + max * sizeof(struct item *));
    while (b && b->n < max && r->n_todo > 0) {
        struct item *it = r->todo[--r->n_todo];
        texts[b->n] = it->text;
        b->items[b->n++] = it;
    }
    return b;
}

static void issue_vectors(struct range *r)
{
    struct encoder *c = r->task->info->encoder;
    size_t max = (size_t)encoder_get_settings(c)->batch;
    struct str texts[ENCODER_BATCH_MAX];
    if (max > ENCODER_BATCH_MAX)
        max = ENCODER_BATCH_MAX;
    while (r->n_todo > 0 && encoder_room(r->worker->engine, c) > 0) {
        struct err e = {0};
        struct batch *b = gather(r, max, texts);
        if (!b)
            return;
        /* Before the submission: the answer may come from within it. */
        r->in_flight += (int)b->n;
        engine_set_trace(r->worker->engine, r->task->info->id);
        if (encoder_submit(r->worker->engine, c, texts, b->n, b, on_vectors, r, &e) < 0) {
            r->in_flight -= (int)b->n;
            for (size_t i = 0; i < b->n; i++)
                range_put_back(r, b->items[i]);
            free(b);
            return;
        }
    }
    if (r->n_todo > 0)
        pause_if_stopped(r, NULL);
}

/* A single seed whose task has killed its workers again and again is given up. */
static void give_up(struct range *r)
{
    while (r->n_todo > 0)
        range_fail(r, r->todo[--r->n_todo], "worker_lost",
                   str_of("the worker died each time that it worked on this item"),
                   (struct str){NULL, 0});
}

void range_issue(struct range *r)
{
    if (r->n_todo == 0 || range_stopping(r))
        return;
    if (r->task->attempts >= GIVE_UP_ATTEMPTS) {
        give_up(r);
    } else if (range_settings(r)) {
        pause_if_changed(r);
        pause_if_late(r);
        issue_llm(r);
    } else {
        issue_vectors(r);
    }
}
