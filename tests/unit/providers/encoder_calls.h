/* What the tests of the embeddings client share: a model server, and one batch with its answer. */
#ifndef MONOCEROS_TESTS_UNIT_ENCODER_CALLS_H
#define MONOCEROS_TESTS_UNIT_ENCODER_CALLS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/encoder.h"
#include "tests/support/model_server.h"

enum { N = 16, DIMENSION = 64 };

static struct model_server server;

struct answer {
    int times, dimension, tokens_in;
    size_t n;
    enum encoder_outcome outcome[ENCODER_BATCH_MAX];
    char reason[ENCODER_BATCH_MAX][24];
    char detail[200], model[40];
    size_t raw_n;
    bool truncated[ENCODER_BATCH_MAX];
    float first[ENCODER_BATCH_MAX]; /* of each vector */
    double norm[ENCODER_BATCH_MAX];
};

static inline double norm_of(const float *v, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static inline void on_reply(void *arg, const struct encoder_reply *r)
{
    struct answer *a = r->ctx;

    assert_ptr_equal(arg, a);
    a->times++;
    a->n = r->n;
    a->dimension = r->dimension;
    a->tokens_in = r->tokens_in;
    a->raw_n = r->raw.n;
    memcpy(a->detail, r->detail, sizeof(a->detail));
    snprintf(a->model, sizeof(a->model), STR_FMT, STR_ARG(r->model));
    for (size_t i = 0; i < r->n; i++) {
        a->outcome[i] = r->outcome[i];
        a->truncated[i] = r->truncated && r->truncated[i];
        snprintf(a->reason[i], sizeof(a->reason[i]), "%s", r->reason[i] ? r->reason[i] : "");
        if (r->outcome[i] != ENCODER_OK)
            continue;
        a->first[i] = r->vectors[i * (size_t)r->dimension];
        a->norm[i] = norm_of(r->vectors + i * (size_t)r->dimension, r->dimension);
    }
}

static inline struct encoder_settings settings(void)
{
    return (struct encoder_settings){
        .name = "embeddings",
        .kind = "openai",
        .url = server.url,
        .model = "some-encoder",
        .batch = ENCODER_BATCH_MAX,
        .max_in_flight = 8,
        .timeout_s = 5,
        .connect_timeout_s = 5,
        .attempts = 2,
        .stop_after = 50,
    };
}

static char texts[ENCODER_BATCH_MAX][40];

static inline void submit(struct engine *g, struct encoder *c, size_t n, struct answer *a)
{
    struct str inputs[ENCODER_BATCH_MAX];
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof(texts[i]), "text number %zu.", i);
        inputs[i] = str_of(texts[i]);
    }
    memset(a, 0, sizeof(*a));
    assert_int_equal(encoder_submit(g, c, inputs, n, a, on_reply, a, &e), 0);
}

static inline void encode(struct encoder *c, size_t n, struct answer *a)
{
    struct err e = {0};
    struct engine *g = engine_new(&e);

    submit(g, c, n, a);
    while (engine_in_flight(g) > 0)
        engine_poll(g, 1000);
    assert_int_equal(a->times, 1);
    assert_int_equal(a->n, n);
    engine_free(g);
}

static inline struct encoder *new_encoder(const struct encoder_settings *s)
{
    struct err e = {0};
    struct encoder *c = encoder_new(s, &e);

    assert_non_null(c);
    return c;
}

static inline void control(const char *change)
{
    assert_true(model_server_control(
        &server, "{\"reset\": true, \"faults\": [], \"batch_max\": null, \"poison\": null,"
                 " \"dimension\": 64, \"format\": \"auto\", \"delay_ms\": 0,"
                 " \"bytes_max\": null, \"base64\": null, \"shorten\": \"ignore\","
                 " \"reads\": null}"));
    assert_true(model_server_control(&server, change));
}

static inline void all_good(const struct answer *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a->outcome[i], ENCODER_OK);
        assert_string_equal(a->reason[i], "");
        assert_true(fabs(a->norm[i] - 1) < 1e-5);
    }
}

/* One call with a fresh encoder. */
static inline void ask(const char *change, struct answer *a)
{
    struct encoder_settings s = settings();
    struct encoder *c = new_encoder(&s);

    control(change);
    encode(c, N, a);
    encoder_free(c);
}

static inline int start_server(void **state)
{
    struct err e = {0};

    (void)state;
    if (engine_global_init(&e) != 0)
        return -1;
    return model_server_start(&server, "{}") ? 0 : -1;
}

static inline int stop_server(void **state)
{
    (void)state;
    model_server_stop(&server);
    engine_global_cleanup();
    return 0;
}

#endif
