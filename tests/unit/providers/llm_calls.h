/* For tests of the LLM client against model servers: many calls and what came of each. */
#ifndef MONOCEROS_TESTS_LLM_CALLS_H
#define MONOCEROS_TESTS_LLM_CALLS_H

#include "providers/llm.h"
#include "tests/support/model_server.h"

enum { CALLS_MAX = 2000, TEXT_KEPT = 400 };

struct answer {
    int times;
    enum llm_outcome outcome;
    char reason[24], text[TEXT_KEPT], raw[TEXT_KEPT], finish_reason[24];
    struct llm_usage usage;
    bool schema_asked;
    int url_index;
};

struct calls {
    struct llm_provider *provider;
    struct answer answers[CALLS_MAX];
    int n;            /* answered */
    bool notes, held; /* each answer is noted as having kept its schema, or not */
};

static inline void keep_text(char *out, size_t size, struct str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = 0;
}

static inline void on_answer(void *arg, const struct llm_reply *r)
{
    struct calls *c = arg;
    struct answer *a = r->ctx;

    a->times++;
    a->outcome = r->outcome;
    keep_text(a->reason, sizeof(a->reason), str_of(r->reason));
    keep_text(a->text, sizeof(a->text), r->text);
    keep_text(a->raw, sizeof(a->raw), r->raw);
    keep_text(a->finish_reason, sizeof(a->finish_reason), r->finish_reason);
    a->usage = r->usage;
    a->schema_asked = r->schema_asked;
    a->url_index = r->url_index;
    c->n++;
    if (c->notes)
        llm_note_schema(c->provider, r, c->held);
}

static inline int submit_call(struct engine *g, struct calls *c, int i, struct str schema)
{
    char user[80];
    struct err e = {0};
    int n = snprintf(user, sizeof(user), "Describe it.\nScene number %d", i);
    struct llm_request r = {
        .user = {user, (size_t)n},
        .schema = schema,
        .temperature = -1,
        .top_p = -1,
        .seed = 5,
    };

    return llm_submit(g, c->provider, &r, &c->answers[i], on_answer, c, &e);
}

/* Keeps the window full until n calls are answered, once each. */
static inline void make_calls(struct engine *g, struct calls *c, int n, struct str schema)
{
    int next = 0;

    memset(c->answers, 0, sizeof(c->answers));
    c->n = 0;
    while (c->n < n) {
        while (next < n && llm_room(g, c->provider) > 0 && submit_call(g, c, next, schema) == 0)
            next++;
        engine_poll(g, 1000);
    }
    for (int i = 0; i < n; i++)
        assert_int_equal(c->answers[i].times, 1);
}

static inline int count_outcome(const struct calls *c, int n, enum llm_outcome outcome)
{
    int hits = 0;

    for (int i = 0; i < n; i++)
        hits += c->answers[i].outcome == outcome;
    return hits;
}

static inline struct llm_settings calls_settings(const char *url, int window)
{
    return (struct llm_settings){
        .name = "llm",
        .kind = "openai",
        .url = url,
        .model = "some-model",
        .max_in_flight = window,
        .timeout_s = 60,
        .connect_timeout_s = 5,
        .attempts = 3,
        .stop_after = 50,
        .price_prompt = -1,
        .price_cached = -1,
        .price_completion = -1,
        .price_reasoning = -1,
    };
}

static inline json_t *describe(struct llm_provider *p)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    llm_describe(p, &out);
    json_t *root = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    buf_free(&out);
    assert_non_null(root);
    return root;
}

/* A number of the first endpoint, or of a member of it. */
static inline double described(struct llm_provider *p, const char *member, const char *inner)
{
    json_t *root = describe(p);
    const json_t *at =
        json_object_get(json_array_get(json_object_get(root, "endpoints"), 0), member);
    double v = json_number_value(inner ? json_object_get(at, inner) : at);

    json_decref(root);
    return v;
}

#endif
