/* The embeddings client against a server that misbehaves: each batch is answered exactly once, each
 * text of it gets its own outcome. */
#include "tests/unit/providers/encoder_calls.h"

static void test_formats_agree(void **state)
{
    static struct answer base64, numbers, permuted;

    (void)state;
    ask("{}", &base64);
    ask("{\"format\": \"float\"}", &numbers);
    ask("{\"faults\": [{\"kind\": \"vector\", \"what\": \"permuted\"}]}", &permuted);
    all_good(&base64, N);
    all_good(&numbers, N);
    all_good(&permuted, N);
    assert_int_equal(base64.dimension, DIMENSION);
    assert_int_equal(base64.tokens_in, 3 * N);
    assert_string_equal(base64.model, "some-encoder");
    for (size_t i = 0; i < N; i++) {
        assert_true(fabsf(base64.first[i] - numbers.first[i]) < 1e-6F);
        assert_memory_equal(&base64.first[i], &permuted.first[i], sizeof(float));
    }
    assert_true(fabsf(base64.first[0] - base64.first[1]) > 1e-6F);
}

static void test_one_bad_vector_fails_alone(void **state)
{
    static const struct {
        const char *what, *reason;
    } cases[] = {
        {"null", "not_finite"},          {"nulls", "not_finite"},       {"nan", "not_finite"},
        {"infinity", "not_finite"},      {"huge_number", "not_finite"}, {"string", "not_finite"},
        {"zero", "zero_vector"},         {"short", "wrong_dimension"},  {"long", "wrong_dimension"},
        {"bad_base64", "invalid_reply"},
    };
    static struct answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char change[200];
        struct encoder_settings s = settings();
        s.dimension = DIMENSION;
        struct encoder *c = new_encoder(&s);
        snprintf(change, sizeof(change),
                 "{\"faults\": [{\"kind\": \"vector\", \"what\": \"%s\","
                 " \"match\": \"number 7.\"}]}",
                 cases[i].what);
        control(change);
        encode(c, N, &a);
        for (size_t k = 0; k < N; k++)
            assert_int_equal(a.outcome[k], k == 7 ? ENCODER_FAILED : ENCODER_OK);
        assert_string_equal(a.reason[7], cases[i].reason);
        assert_true(a.detail[0] != 0);
        assert_int_equal(model_server_stat(&server, "embedding_requests"), 1);
        encoder_free(c);
    }
}

static void test_bad_replies_are_tried_again(void **state)
{
    static const struct {
        const char *fault, *reason;
    } cases[] = {
        {"\"vector\", \"what\": \"missing_index\"", "invalid_reply"},
        {"\"vector\", \"what\": \"no_index\"", "invalid_reply"},
        {"\"vector\", \"what\": \"duplicate_index\"", "invalid_reply"},
        {"\"truncated_json\"", "invalid_reply"},
        {"\"wrong_schema\"", "invalid_reply"},
        {"\"html\"", "invalid_reply"},
        {"\"empty_body\"", "invalid_reply"},
        {"\"cut_headers\"", ""},
        {"\"reset_body\"", "reset"},
        {"\"error_200\"", "server_error"},
    };
    static struct answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char change[200];
        snprintf(change, sizeof(change), "{\"faults\": [{\"kind\": %s}]}", cases[i].fault);
        ask(change, &a);
        for (size_t k = 0; k < N; k++) {
            assert_int_equal(a.outcome[k], ENCODER_FAILED);
            if (cases[i].reason[0])
                assert_string_equal(a.reason[k], cases[i].reason);
        }
        assert_int_equal(model_server_stat(&server, "embedding_requests"), 2);
        snprintf(change, sizeof(change), "{\"faults\": [{\"first\": 1, \"kind\": %s}]}",
                 cases[i].fault);
        ask(change, &a);
        all_good(&a, N);
    }
}

static void test_too_large_a_reply(void **state)
{
    static struct answer a;

    (void)state;
    ask("{\"faults\": [{\"kind\": \"huge\"}]}", &a);
    for (size_t k = 0; k < N; k++)
        assert_string_equal(a.reason[k], "too_large");
    assert_true(a.raw_n <= 16384);
}

/* The batch is halved until it is taken, and later batches start with the size that was. */
static void test_batch_size_is_learned(void **state)
{
    static const char *const changes[] = {
        "{\"batch_max\": 4, \"batch_status\": 413}",
        "{\"batch_max\": 4, \"batch_status\": 422}",
    };
    static struct answer a;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct encoder_settings s = settings();
        struct encoder *c = new_encoder(&s);
        control(changes[i]);
        encode(c, N, &a);
        all_good(&a, N);
        long first = model_server_stat(&server, "embedding_requests");
        assert_int_equal(first, 1 + 2 + 4);
        encode(c, N, &a);
        all_good(&a, N);
        assert_int_equal(model_server_stat(&server, "embedding_requests") - first, 4);
        encoder_free(c);
    }
}

/* One text that the server cannot take fails alone and does not make later batches smaller. */
static void test_poison_is_isolated(void **state)
{
    static const struct {
        int status;
        const char *reason;
    } cases[] = {{400, "http_400"}, {413, "http_413"}, {422, "http_422"}, {500, "http_500"}};
    static struct answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char change[100];
        struct encoder_settings s = settings();
        struct encoder *c = new_encoder(&s);
        snprintf(change, sizeof(change), "{\"poison\": \"number 5.\", \"poison_status\": %d}",
                 cases[i].status);
        control(change);
        encode(c, N, &a);
        for (size_t k = 0; k < N; k++)
            assert_int_equal(a.outcome[k], k == 5 ? ENCODER_FAILED : ENCODER_OK);
        assert_string_equal(a.reason[5], cases[i].reason);
        control("{}");
        encode(c, N, &a);
        all_good(&a, N);
        assert_int_equal(model_server_stat(&server, "embedding_requests"), 1);
        encoder_free(c);
    }
}

static void test_another_dimension_stops(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();
    char reason[200];

    (void)state;
    s.dimension = DIMENSION;
    struct encoder *c = new_encoder(&s);
    control("{\"dimension\": 32}");
    for (int i = 0; i < 3; i++) {
        assert_false(encoder_stopped(c, reason));
        encode(c, N, &a);
        for (size_t k = 0; k < N; k++)
            assert_string_equal(a.reason[k], "wrong_dimension");
    }
    assert_true(encoder_stopped(c, reason));
    assert_string_equal(reason, "embeddings: vectors of 32 numbers where 64 are expected");
    encoder_reset(c);
    assert_false(encoder_stopped(c, reason));
    encoder_free(c);
}

static void test_dimension_is_learned_and_held(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();
    struct encoder *c = new_encoder(&s);

    (void)state;
    control("{\"dimension\": 48}");
    assert_int_equal(encoder_dimension(c), 0);
    encode(c, N, &a);
    all_good(&a, N);
    assert_int_equal(encoder_dimension(c), 48);
    control("{\"faults\": [{\"kind\": \"vector\", \"what\": \"all_short\"}]}");
    encode(c, N, &a);
    assert_string_equal(a.reason[0], "wrong_dimension");
    assert_int_equal(encoder_dimension(c), 48);
    encoder_free(c);
}

static void test_refusals_and_stops(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();
    struct encoder *c = new_encoder(&s);
    struct err e = {0};
    struct engine *g = engine_new(&e);
    char reason[200];

    (void)state;
    control("{\"faults\": [{\"kind\": \"status\", \"status\": 429, \"first\": 4,"
            " \"headers\": {\"Retry-After\": \"0\"}}]}");
    encode(c, N, &a);
    all_good(&a, N);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 5);
    control("{\"faults\": [{\"kind\": \"quota\"}]}");
    encode(c, N, &a);
    for (size_t k = 0; k < N; k++)
        assert_int_equal(a.outcome[k], ENCODER_RETURNED);
    assert_true(encoder_stopped(c, reason));
    assert_non_null(strstr(reason, "embeddings: HTTP 429: You exceeded your current quota"));
    assert_int_equal(encoder_room(g, c), 0);
    engine_free(g);
    encoder_free(c);
}

static void test_cancel(void **state)
{
    static struct answer a, b;
    struct encoder_settings s = settings();
    struct err e = {0};
    struct encoder *c = new_encoder(&s);
    struct engine *g = engine_new(&e);

    (void)state;
    control("{\"faults\": [{\"kind\": \"hang\"}]}");
    submit(g, c, N, &a);
    submit(g, c, N, &b);
    for (int i = 0; i < 200 && model_server_stat(&server, "in_flight") < 2; i++)
        engine_poll(g, 10);
    engine_cancel(g, &a);
    engine_poll(g, 0);
    assert_int_equal(a.times, 1);
    assert_int_equal(b.times, 0);
    for (size_t k = 0; k < N; k++)
        assert_int_equal(a.outcome[k], ENCODER_RETURNED);
    engine_cancel(g, NULL);
    engine_poll(g, 0);
    assert_int_equal(b.times, 1);
    engine_free(g);
    encoder_free(c);
}

static void test_offline_encoder(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();

    (void)state;
    control("{}");
    s.kind = "offline";
    s.url = s.model = NULL;
    struct encoder *c = new_encoder(&s);
    assert_int_equal(encoder_dimension(c), OFFLINE_ENCODER_DIMENSION);
    encode(c, ENCODER_BATCH_MAX, &a);
    all_good(&a, ENCODER_BATCH_MAX);
    assert_string_equal(a.model, OFFLINE_ENCODER_MODEL);
    assert_int_equal(a.dimension, OFFLINE_ENCODER_DIMENSION);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 0);
    encoder_free(c);
}

static void test_bad_settings_are_refused(void **state)
{
    struct encoder_settings s = settings();
    struct err e = {0};

    (void)state;
    s.batch = ENCODER_BATCH_MAX + 1;
    assert_null(encoder_new(&s, &e));
    assert_int_equal(e.code, ERR_VALIDATION);
    s = settings();
    s.dimension = ENCODER_DIMENSION_MAX + 1;
    err_clear(&e);
    assert_null(encoder_new(&s, &e));
    s = settings();
    s.kind = "offline";
    s.dimension = 64;
    err_clear(&e);
    assert_null(encoder_new(&s, &e));
    assert_int_equal(e.code, ERR_VALIDATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_agree),
        cmocka_unit_test(test_one_bad_vector_fails_alone),
        cmocka_unit_test(test_bad_replies_are_tried_again),
        cmocka_unit_test(test_too_large_a_reply),
        cmocka_unit_test(test_batch_size_is_learned),
        cmocka_unit_test(test_poison_is_isolated),
        cmocka_unit_test(test_another_dimension_stops),
        cmocka_unit_test(test_dimension_is_learned_and_held),
        cmocka_unit_test(test_refusals_and_stops),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_offline_encoder),
        cmocka_unit_test(test_bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
