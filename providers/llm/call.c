/* One call on its way: its request in the forms that it is sent in, and what comes of each. */
#include <stdlib.h>

#include "providers/llm/state.h"
#include "providers/offline/composer.h"
#include "server/base/clock.h"

enum {
    OFFLINE_REPLY_MAX = 1 << 20,
    RAW_MAX = 16384,
    LOOPS_MAX = 2, /* answers of one row that loop */
    WORDS_WITHIN = 2048,
};

struct call {
    struct job job; /* first: a job is its call */
    struct llm_provider *provider;
    llm_done_fn done;
    void *arg, *ctx;
    int64_t seed;
    size_t head; /* bytes of the request that stay the same */
    struct buf schema;
    struct chat_answer answer;
    struct chat_stream *stream; /* NULL: none is asked for */
    struct llm_usage usage;
    /* Of the last sending. */
    int endpoint;     /* -1: none yet */
    unsigned asked;   /* with the schema, as structured_ask */
    bool known;       /* it was said what it used */
    unsigned without; /* endpoints, a bit each, that have refused this one's schema */
    int loops;
    /* Of the offline composer. */
    enum llm_task task;
    int variant;
    struct composer_form form;
    struct str id, salt, source;
    struct buf composed;
    char copy[];
};

/* Another try of a sampled answer with the same seed would be the same answer. */
static void prepare(struct job *j, int endpoint)
{
    struct call *c = (struct call *)j;
    struct llm_provider *p = c->provider;
    bool refused = c->without >> endpoint & 1;

    c->endpoint = endpoint;
    c->known = false;
    c->asked = c->schema.n > 0 && !refused ? provider_asks_schema(p, endpoint) : 0;
    j->tokens_out = 0;
    j->tokens_used = -1;
    j->body.n = c->head;
    chat_request_close(&p->form, c->asked ? buf_str(&c->schema) : (struct str){NULL, 0}, c->seed,
                       &j->body);
    if (c->stream)
        chat_stream_reset(c->stream);
}

static enum piece feed(struct job *j, struct str piece)
{
    struct call *c = (struct call *)j;
    bool token;

    if (!chat_stream_feed(c->stream, piece, &token))
        return PIECE_CUT;
    return token ? PIECE_TOKEN : PIECE_NOTHING;
}

static void note_usage(struct call *c)
{
    const struct chat_usage *u = &c->answer.usage;

    c->known = u->known || c->answer.free;
    c->usage.tokens_in += u->in;
    c->usage.tokens_cached += u->cached;
    c->usage.tokens_out += u->out;
    c->usage.tokens_reasoning += u->reasoning;
    c->job.tokens_out = u->out;
    if (c->known)
        c->job.tokens_used = (double)(u->in + u->out);
}

static void read_stream(struct call *c, struct verdict *v)
{
    const char *key = c->provider->settings.api_key;

    route_hide_key(key, c->stream->error.p, c->stream->error.n);
    route_hide_key(key, c->stream->content.p, c->stream->content.n);
    chat_stream_read(c->stream, &c->answer, v);
}

static bool is_loop(const char *reason)
{
    return strcmp(reason, "whitespace_loop") == 0 || strcmp(reason, "repetition_loop") == 0;
}

static void judge(struct job *j, int endpoint, struct str body, struct verdict *v)
{
    struct call *c = (struct call *)j;

    chat_answer_free(&c->answer);
    if (body.n == 0 && c->stream)
        read_stream(c, v);
    else
        chat_answer_read(body, &c->answer, v);
    note_usage(c);
    if (v->kind == VERDICT_OK || c->answer.usage.known)
        provider_note_answer(c->provider, c->answer.model, &c->answer.usage);
    if (v->kind == VERDICT_OK && c->without >> endpoint & 1)
        provider_schema_refused(c->provider, endpoint);
    if (is_loop(v->reason))
        v->kind = ++c->loops < LOOPS_MAX ? VERDICT_AGAIN : VERDICT_ROW;
    if (v->kind == VERDICT_AGAIN && v->fault == FAULT_NONE && c->seed >= 0)
        c->seed = c->seed == INT64_MAX ? 0 : c->seed + 1;
}

static bool is_about_schema(int status, struct str body)
{
    static const char *const words[] = {
        "response_format",   "json_schema", "guided", "structured output",
        "structured_output", "grammar",     NULL};
    static const char *const rust[] = {"deserialize", NULL};

    if (status != 400 && status != 404 && status != 422 && status != 501)
        return false;
    return verdict_mentions(body, WORDS_WITHIN, words) ||
           (status == 422 && verdict_mentions(body, WORDS_WITHIN, rust));
}

/* Asked again at once without the schema. That the endpoint cannot take one is believed when it
 * takes the same request without: an error may repeat the request with all its words. */
static void refused(struct job *j, int endpoint, int status, struct str body, struct verdict *v)
{
    struct call *c = (struct call *)j;

    if (!c->asked || !is_about_schema(status, body))
        return;
    c->without |= 1u << endpoint;
    v->kind = VERDICT_RESEND;
    v->fault = FAULT_NONE;
}

static void ended(struct job *j, const struct sending *s)
{
    struct call *c = (struct call *)j;

    if (!s->sent)
        return;
    c->usage.calls++;
    c->usage.unknown_calls += s->costs && !c->known;
    c->usage.latency_us = s->took_us;
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

static void free_call(struct call *c)
{
    if (c->stream)
        chat_stream_free(c->stream);
    free(c->stream);
    chat_answer_free(&c->answer);
    buf_free(&c->composed);
    buf_free(&c->schema);
    buf_free(&c->job.body);
    free(c);
}

/* Of a stream, what it said. */
static struct str raw_of(const struct call *c, struct str raw)
{
    if (raw.n == 0 && c->stream)
        raw = buf_str(c->stream->error.n > 0 ? &c->stream->error : &c->stream->content);
    return (struct str){raw.p, raw.n < RAW_MAX ? raw.n : RAW_MAX};
}

static bool was_cut(const char *reason)
{
    return strcmp(reason, "length") == 0 || is_loop(reason);
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
        .raw = raw_of(c, raw),
        .reason = ok ? NULL : v->reason,
        .usage = c->usage,
        .model = c->answer.model,
        .finish_reason = c->answer.finish_reason,
        .schema_asked = c->asked != 0,
        .schema_round = c->asked,
        .url_index = c->endpoint,
    };

    if (ok || was_cut(v->reason))
        reply.text = c->answer.text;
    if (!ok)
        memcpy(reply.detail, v->detail, sizeof(reply.detail));
    if (reply.model.n == 0)
        reply.model = str_of(c->provider->settings.model);
    lane_release(j->lane);
    c->done(c->arg, &reply);
    free_call(c);
}

static const struct job_ops whole_ops = {
    .prepare = prepare,
    .judge = judge,
    .refused = refused,
    .ended = ended,
    .work = work,
    .done = done,
};
static const struct job_ops stream_ops = {
    .prepare = prepare,
    .feed = feed,
    .judge = judge,
    .refused = refused,
    .ended = ended,
    .work = work,
    .done = done,
};

static struct str put(char **at, struct str s)
{
    struct str copy = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static bool add_stream(struct call *c)
{
    c->stream = malloc(sizeof(*c->stream));
    if (c->stream)
        chat_stream_init(c->stream);
    return c->stream;
}

static struct call *new_call(struct llm_provider *p, const struct llm_request *r)
{
    size_t copied = p->offline ? r->id.n + r->salt.n + r->source.n : 0;
    struct call *c = calloc(1, sizeof(*c) + copied);

    if (!c)
        return NULL;
    c->job.ops = p->form.stream ? &stream_ops : &whole_ops;
    c->job.reply_max = CHAT_REPLY_MAX;
    c->provider = p;
    c->endpoint = -1;
    c->seed = r->seed;
    c->job.paid_max = r->paid_max;
    c->task = r->task;
    c->variant = r->variant;
    c->form = (struct composer_form){r->turns_min, r->turns_max, r->variant};
    buf_init(&c->job.body, CHAT_REQUEST_MAX);
    buf_init(&c->schema, CHAT_REQUEST_MAX);
    buf_init(&c->composed, OFFLINE_REPLY_MAX);
    if (p->offline) {
        char *at = c->copy;
        c->id = put(&at, r->id);
        c->salt = put(&at, r->salt);
        c->source = put(&at, r->source);
    } else if (p->form.stream && !add_stream(c)) {
        free_call(c);
        return NULL;
    }
    return c;
}

/* All of the request is written once here, so that no later step can run out of room. */
static int write_request(struct call *c, const struct llm_request *r, struct err *e)
{
    struct llm_provider *p = c->provider;

    if (p->offline)
        return 0;
    if (chat_request_open(&p->form, r, &c->job.body, e) != 0)
        return -1;
    c->head = c->job.body.n;
    if (r->schema.n > 0 && !p->form.response_format)
        chat_request_schema(r, &c->schema);
    if (c->schema.failed ||
        !buf_room(&c->job.body, chat_request_tail(&p->form, buf_str(&c->schema))))
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    c->job.tokens_expected = provider_expects(p, r);
    return 0;
}

int llm_submit(struct engine *g, struct llm_provider *p, const struct llm_request *r, void *ctx,
               llm_done_fn done_fn, void *arg, struct err *e)
{
    struct lane *l = engine_lane(g, p->upstream, e);

    if (!l)
        return -1;
    struct call *c = new_call(p, r);
    if (!c)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    c->done = done_fn;
    c->arg = arg;
    c->ctx = ctx;
    c->job.arg = arg;
    int rc = write_request(c, r, e);
    if (rc == 0 && !lane_hold(l))
        rc = err_set(e, ERR_UNAVAILABLE, "%s: the window of calls is full or stopped",
                     p->settings.name);
    if (rc != 0) {
        free_call(c);
        return -1;
    }
    lane_submit(l, &c->job);
    return 0;
}
