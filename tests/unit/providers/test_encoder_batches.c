/* How the texts of a batch are spread over calls, what is asked for, and what is learned of it. */
#include "tests/unit/providers/encoder_calls.h"

enum { LONG_BYTES = 40000 };

static char long_texts[N][LONG_BYTES + 1];

/* Texts of so many bytes each, all of them different. */
static void encode_long(struct encoder *c, size_t bytes, struct answer *a)
{
    struct str inputs[N];
    struct err e = {0};
    struct engine *g = engine_new(&e);

    for (size_t i = 0; i < N; i++) {
        memset(long_texts[i], 'x', bytes);
        long_texts[i][0] = (char)('a' + i);
        inputs[i] = (struct str){long_texts[i], bytes};
    }
    memset(a, 0, sizeof(*a));
    assert_int_equal(encoder_submit(g, c, inputs, N, a, on_reply, a, &e), 0);
    while (engine_in_flight(g) > 0)
        engine_poll(g, 1000);
    assert_int_equal(a->times, 1);
    engine_free(g);
}

static long calls_of(struct encoder *c, size_t bytes)
{
    static struct answer a;

    control("{}");
    encode_long(c, bytes, &a);
    all_good(&a, N);
    return model_server_stat(&server, "embedding_requests");
}

static void test_limits_of_a_call(void **state)
{
    static const struct {
        int count, bytes, tokens;
        size_t text;
        long calls;
    } cases[] = {
        {256, 0, 0, 1000, 1},    {5, 0, 0, 1000, 4},
        {256, 4012, 0, 1000, 4}, /* 1,003 bytes each, with quotes and comma */
        {256, 4011, 0, 1000, 6}, {256, 500, 0, 1000, N}, /* one text is sent, whatever its size */
        {256, 0, 504, 1000, 8},                          /* 252 tokens each, by estimate */
        {256, 0, 503, 1000, N},  {3, 2006, 252, 1000, N},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct encoder_settings s = settings();
        s.batch = cases[i].count;
        s.batch_bytes = cases[i].bytes;
        s.batch_tokens = cases[i].tokens;
        struct encoder *c = new_encoder(&s);
        assert_int_equal(calls_of(c, cases[i].text), cases[i].calls);
        encoder_free(c);
    }
}

/* A refusal of much text is about its bytes: short texts still go together. */
static void test_bytes_are_learned(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();
    struct encoder *c = new_encoder(&s);

    (void)state;
    control("{\"bytes_max\": 170000}");
    encode_long(c, LONG_BYTES, &a); /* 640,000 bytes: 320,000, then 160,000 each */
    all_good(&a, N);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 1 + 2 + 4);
    control("{\"bytes_max\": 170000}");
    encode_long(c, LONG_BYTES, &a);
    all_good(&a, N);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 4);
    assert_int_equal(calls_of(c, 100), 1);
    encoder_free(c);
}

/* Asked for once too often, and never again. */
static void test_a_server_without_base64(void **state)
{
    static const char *const changes[] = {"{\"base64\": 400}", "{\"base64\": 422}",
                                          "{\"format\": \"float\"}"};
    static struct answer a;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct encoder_settings s = settings();
        struct encoder *c = new_encoder(&s);
        control(changes[i]);
        encode(c, N, &a);
        all_good(&a, N);
        assert_int_equal(model_server_stat(&server, "embedding_requests"), i < 2 ? 2 : 1);
        control("{\"base64\": 400}");
        encode(c, N, &a);
        all_good(&a, N);
        assert_int_equal(model_server_stat(&server, "embedding_requests"), 1);
        encoder_free(c);
    }
}

/* A text that speaks of base64 and is refused for itself teaches nothing. */
static void test_base64_is_believed_when_it_helps(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();
    struct encoder *c = new_encoder(&s);

    (void)state;
    control("{\"faults\": [{\"kind\": \"status\", \"status\": 400, \"match\": \"number 5.\","
            " \"message\": \"text about base64\"}]}");
    encode(c, N, &a);
    for (size_t k = 0; k < N; k++)
        assert_int_equal(a.outcome[k], k == 5 ? ENCODER_FAILED : ENCODER_OK);
    encoder_free(c);
}

static void test_shorter_vectors(void **state)
{
    static struct answer a, whole;
    struct encoder_settings s = settings();
    char reason[200];

    (void)state;
    struct encoder *c = new_encoder(&s);
    control("{\"shorten\": \"honour\"}");
    encode(c, N, &whole);
    assert_int_equal(whole.dimension, DIMENSION);
    encoder_free(c);
    s.dimension = 24;
    s.matryoshka = true;
    c = new_encoder(&s);
    encode(c, N, &a);
    all_good(&a, N);
    assert_int_equal(a.dimension, 24);
    encoder_free(c);
    /* A server that ignores it is not trusted. */
    c = new_encoder(&s);
    control("{\"shorten\": \"ignore\"}");
    encode(c, N, &a);
    for (size_t k = 0; k < N; k++)
        assert_string_equal(a.reason[k], "wrong_dimension");
    encoder_free(c);
    /* One that has no such thing says so once, for all texts. */
    c = new_encoder(&s);
    control("{\"shorten\": 400}");
    encode(c, N, &a);
    for (size_t k = 0; k < N; k++)
        assert_int_equal(a.outcome[k], ENCODER_RETURNED);
    assert_true(encoder_stopped(c, reason));
    assert_non_null(strstr(reason, "matryoshka"));
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 1);
    encoder_free(c);
}

static void test_tei(void **state)
{
    static struct answer a, b;
    struct encoder_settings s = settings();

    (void)state;
    struct encoder *c = new_encoder(&s);
    control("{}");
    encode(c, N, &b);
    encoder_free(c);
    s.kind = "tei";
    s.url = server.root;
    c = new_encoder(&s);
    encode(c, N, &a);
    all_good(&a, N);
    assert_int_equal(a.dimension, DIMENSION);
    assert_string_equal(a.model, "some-encoder");
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(a.first[i] - b.first[i]) < 1e-6F);
    control("{\"batch_max\": 4, \"batch_status\": 422}");
    encode(c, N, &a);
    all_good(&a, N);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 1 + 2 + 4);
    control("{\"faults\": [{\"kind\": \"vector\", \"what\": \"nan\", \"match\": \"number 3.\"}]}");
    encode(c, N, &a);
    assert_string_equal(a.reason[3], "not_finite");
    assert_int_equal(a.outcome[2], ENCODER_OK);
    control("{\"faults\": [{\"kind\": \"vector\", \"what\": \"missing_index\"}]}");
    encode(c, N, &a);
    assert_string_equal(a.reason[0], "invalid_reply");
    encoder_free(c);
}

/* By what the server says of each text, or by its count of tokens. */
static void test_truncated_texts(void **state)
{
    static struct answer a;
    struct encoder_settings s = settings();

    (void)state;
    struct encoder *c = new_encoder(&s);
    control("{\"reads\": 3}");
    encode(c, N, &a); /* "text number 7." */
    for (size_t k = 0; k < N; k++)
        assert_false(a.truncated[k]);
    control("{\"reads\": 2}");
    encode(c, N, &a);
    for (size_t k = 0; k < N; k++)
        assert_true(a.truncated[k]);
    encoder_free(c);
    /* Short texts go together, for none of them can be longer than 12 tokens. */
    s.max_tokens = 12;
    c = new_encoder(&s);
    control("{}");
    encode(c, N, &a);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 1);
    assert_false(a.truncated[0]);
    encoder_free(c);
    s.max_tokens = 3;
    c = new_encoder(&s);
    encode(c, N, &a);
    assert_int_equal(model_server_stat(&server, "embedding_requests"), 1 + N);
    for (size_t k = 0; k < N; k++)
        assert_true(a.truncated[k]);
    encoder_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_a_call),
        cmocka_unit_test(test_bytes_are_learned),
        cmocka_unit_test(test_a_server_without_base64),
        cmocka_unit_test(test_base64_is_believed_when_it_helps),
        cmocka_unit_test(test_shorter_vectors),
        cmocka_unit_test(test_tei),
        cmocka_unit_test(test_truncated_texts),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
