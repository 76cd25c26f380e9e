/* Encoders of kind clip: batches through an engine, computed by other threads. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/cores.h"
#include "providers/encoder.h"

enum { DIMENSION = 16, CASES_MAX = 64 };

static const double most = 1e-5;

struct answer {
    int times, tokens_in;
    size_t n;
    enum encoder_outcome outcome[ENCODER_BATCH_MAX];
    bool truncated[ENCODER_BATCH_MAX];
    float vectors[ENCODER_BATCH_MAX][DIMENSION];
};

static json_t *cases;

static int load_cases(void **state)
{
    (void)state;
    cases = json_load_file(FIXTURES_DIR "/clip/quick/cases.json", JSON_ALLOW_NUL, NULL);
    return json_array_size(cases) > 0 ? 0 : -1;
}

static int free_cases(void **state)
{
    (void)state;
    json_decref(cases);
    return 0;
}

static const json_t *member(size_t i, const char *name)
{
    return json_object_get(json_array_get(cases, i % json_array_size(cases)), name);
}

static struct encoder_settings settings(void)
{
    return (struct encoder_settings){
        .name = "tower",
        .kind = "clip",
        .path = FIXTURES_DIR "/clip/quick",
        .batch = 32,
        .max_in_flight = 4,
        .timeout_s = 5,
        .connect_timeout_s = 5,
        .attempts = 2,
        .stop_after = 50,
    };
}

static struct encoder *new_encoder(void)
{
    struct encoder_settings s = settings();
    struct err e = {0};
    struct encoder *c = encoder_new(&s, &e);

    assert_non_null(c);
    return c;
}

static void on_reply(void *arg, const struct encoder_reply *r)
{
    struct answer *a = r->ctx;

    (void)arg;
    a->times++;
    a->n = r->n;
    a->tokens_in = r->tokens_in;
    assert_int_equal(r->dimension, DIMENSION);
    assert_non_null(r->truncated);
    assert_true(str_is(r->model, "quick"));
    memcpy(a->outcome, r->outcome, r->n * sizeof(*r->outcome));
    memcpy(a->truncated, r->truncated, r->n * sizeof(*r->truncated));
    memcpy(a->vectors, r->vectors, r->n * sizeof(a->vectors[0]));
}

/* n texts, the cases again and again from number `first` on. */
static void submit(struct engine *g, struct encoder *c, size_t first, size_t n, struct answer *a)
{
    struct str texts[ENCODER_BATCH_MAX];
    struct err e = {0};

    memset(a, 0, sizeof(*a));
    for (size_t i = 0; i < n; i++) {
        const json_t *text = member(first + i, "text");
        texts[i] = (struct str){json_string_value(text), json_string_length(text)};
    }
    assert_int_equal(encoder_submit(g, c, texts, n, a, on_reply, a, &e), 0);
}

static void check_vector(size_t i, const float *got)
{
    const json_t *expected = member(i, "vector");
    double norm = 0, difference = 0;

    for (size_t k = 0; k < DIMENSION; k++)
        norm += pow(json_real_value(json_array_get(expected, k)), 2);
    for (size_t k = 0; k < DIMENSION; k++)
        difference +=
            pow((double)got[k] - json_real_value(json_array_get(expected, k)) / sqrt(norm), 2);
    if (!(sqrt(difference) <= most))
        fail_msg("text %zu is off by %.3g", i, sqrt(difference));
}

static void check_answer(const struct answer *a, size_t first, size_t n)
{
    size_t tokens = 0;

    assert_int_equal(a->times, 1);
    assert_int_equal(a->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a->outcome[i], ENCODER_OK);
        assert_int_equal(a->truncated[i], json_is_true(member(first + i, "truncated")));
        check_vector(first + i, a->vectors[i]);
        tokens += json_array_size(member(first + i, "ids"));
    }
    assert_int_equal(a->tokens_in, tokens);
}

static void drive(struct engine *g)
{
    while (engine_in_flight(g) > 0)
        engine_poll(g, 1000);
}

static void test_texts_as_transformers(void **state)
{
    static struct answer a;
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct encoder *c = new_encoder();

    (void)state;
    assert_int_equal(encoder_dimension(c), DIMENSION);
    assert_int_equal(encoder_get_settings(c)->batch, ENCODER_BATCH_MAX);
    submit(g, c, 0, 1, &a);
    drive(g);
    check_answer(&a, 0, 1);
    submit(g, c, 0, ENCODER_BATCH_MAX, &a);
    drive(g);
    check_answer(&a, 0, ENCODER_BATCH_MAX);
    engine_free(g);
    encoder_free(c);
}

/* As many batches as the window takes, of several encoders, on one core and on several. */
static void test_batches_side_by_side(void **state)
{
    static struct answer a[4];

    (void)state;
    for (int cores = 1; cores <= 3; cores++) {
        struct err e = {0};
        cores_set(cores);
        struct engine *g = engine_new(&e);
        struct encoder *one = new_encoder(), *other = new_encoder();
        for (int round = 0; round < 10; round++) {
            for (size_t i = 0; i < 4; i++)
                submit(g, i % 2 ? one : other, i, 40 + i, &a[i]);
            drive(g);
            for (size_t i = 0; i < 4; i++)
                check_answer(&a[i], i, 40 + i);
        }
        engine_free(g);
        encoder_free(one);
        encoder_free(other);
    }
    cores_set(0);
}

static void test_window(void **state)
{
    static struct answer a[5];
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct encoder *c = new_encoder();
    struct str text = STR("a dog");

    (void)state;
    for (size_t i = 0; i < 4; i++)
        submit(g, c, i, 8, &a[i]);
    assert_int_equal(encoder_room(g, c), 0);
    assert_int_equal(encoder_submit(g, c, &text, 1, &a[4], on_reply, &a[4], &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    drive(g);
    assert_int_equal(encoder_room(g, c), 4);
    engine_free(g);
    encoder_free(c);
}

/* Whatever the threads have in hand then: each batch is answered once, whole or as returned. */
static void test_cancel(void **state)
{
    static struct answer a[4];
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct encoder *c = new_encoder();

    (void)state;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 4; i++)
            submit(g, c, i, ENCODER_BATCH_MAX, &a[i]);
        for (int polls = 0; polls < round % 4; polls++)
            engine_poll(g, 1);
        engine_cancel(g, round % 2 ? &a[2] : NULL);
        drive(g);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(a[i].times, 1);
            if (a[i].outcome[0] != ENCODER_RETURNED)
                check_answer(&a[i], i, ENCODER_BATCH_MAX);
            else
                assert_true(round % 2 == 0 || i == 2);
        }
    }
    engine_free(g);
    encoder_free(c);
}

/* Many products at the same time: none gets into another's way. */
static void test_many_at_once(void **state)
{
    static struct answer a[4];
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct encoder *c = new_encoder();

    (void)state;
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < 4; i++)
            submit(g, c, i, ENCODER_BATCH_MAX, &a[i]);
        drive(g);
        for (size_t i = 0; i < 4; i++)
            check_answer(&a[i], i, ENCODER_BATCH_MAX);
    }
    engine_free(g);
    encoder_free(c);
}

static void test_weights_hash(void **state)
{
    struct encoder_settings offline = {.name = "offline",
                                       .kind = "offline",
                                       .batch = 32,
                                       .max_in_flight = 1,
                                       .timeout_s = 1,
                                       .connect_timeout_s = 1,
                                       .attempts = 1,
                                       .stop_after = 1};
    struct err e = {0};
    struct encoder *c = new_encoder(), *o = encoder_new(&offline, &e);

    (void)state;
    assert_int_equal(strlen(encoder_weights_hash(c)), 64);
    assert_string_equal(encoder_weights_hash(o), "");
    encoder_free(c);
    encoder_free(o);
}

static void expect_refused(const struct encoder_settings *s, const char *part)
{
    struct err e = {0};

    assert_null(encoder_new(s, &e));
    assert_int_not_equal(e.code, ERR_NONE);
    if (!strstr(e.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", e.msg, part);
}

static void test_what_is_refused(void **state)
{
    struct encoder_settings s = settings();

    (void)state;
    s.path = NULL;
    expect_refused(&s, "path");
    s.path = FIXTURES_DIR "/clip";
    expect_refused(&s, "config.json");
    s = settings();
    s.dimension = DIMENSION + 1;
    expect_refused(&s, "have 16 numbers");
    s = settings();
    s.url = "http://localhost/v1";
    expect_refused(&s, "no URL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_as_transformers),
        cmocka_unit_test(test_batches_side_by_side),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_weights_hash),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, load_cases, free_cases);
}
