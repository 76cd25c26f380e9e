/* One fault after the other, made by a real server: each call is answered exactly once, with the
 * outcome and the reason that the fault deserves, after the calls that it deserves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/llm.h"
#include "tests/support/model_server.h"

enum { ATTEMPTS = 2 };

static struct model_server server;

struct answer {
    int times;
    enum llm_outcome outcome;
    char reason[40], detail[200], text[400], raw[400], model[40];
    size_t raw_n;
    struct llm_usage usage;
};

static void copy(char *out, size_t size, struct str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = 0;
}

static void on_reply(void *arg, const struct llm_reply *r)
{
    struct answer *a = r->ctx;

    assert_ptr_equal(arg, &server);
    a->times++;
    a->outcome = r->outcome;
    copy(a->reason, sizeof(a->reason), str_of(r->reason));
    copy(a->detail, sizeof(a->detail), str_of(r->detail));
    copy(a->text, sizeof(a->text), r->text);
    copy(a->raw, sizeof(a->raw), r->raw);
    copy(a->model, sizeof(a->model), r->model);
    a->raw_n = r->raw.n;
    a->usage = r->usage;
}

static struct llm_settings settings_for(const char *url)
{
    return (struct llm_settings){
        .name = "llm",
        .kind = "openai",
        .url = url,
        .model = "some-model",
        .api_key = "sk-0123456789abcdef",
        .max_in_flight = 8,
        .timeout_s = 1,
        .connect_timeout_s = 1,
        .attempts = ATTEMPTS,
        .stop_after = 50,
    };
}

static void answer_to(const struct llm_settings *s, const struct llm_request *request,
                      struct answer *a, char stopped[200])
{
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct llm_provider *p = llm_provider_new(s, &e);

    memset(a, 0, sizeof(*a));
    stopped[0] = 0;
    assert_non_null(p);
    assert_int_equal(llm_submit(g, p, request, a, on_reply, &server, &e), 0);
    while (engine_in_flight(g) > 0)
        engine_poll(g, 1000);
    llm_provider_stopped(p, stopped);
    assert_int_equal(a->times, 1);
    engine_free(g);
    llm_provider_free(p);
}

static void ask_with(const struct llm_settings *s, const char *user, struct answer *a,
                     char stopped[200])
{
    struct llm_request r = {
        .user = str_of(user), .temperature = 0.5, .top_p = -1, .max_tokens = 200, .seed = 5};

    answer_to(s, &r, a, stopped);
}

static void ask(const char *user, struct answer *a, char stopped[200])
{
    struct llm_settings s = settings_for(server.url);

    ask_with(&s, user, a, stopped);
}

struct fault_case {
    const char *fault; /* members of the fault, without "kind" */
    enum llm_outcome outcome;
    const char *reason;
    int calls; /* that the server saw */
    bool stops;
};

static const struct fault_case cases[] = {
    {"\"reset\"", LLM_FAILED, "reset", 0, false}, /* never answered: see the poison test */
    {"\"reset_headers\"", LLM_FAILED, "reset", ATTEMPTS, false},
    {"\"cut_headers\"", LLM_FAILED, "", ATTEMPTS, false},
    {"\"reset_body\"", LLM_FAILED, "reset", ATTEMPTS, false},
    {"\"cut_body\"", LLM_FAILED, "reset", ATTEMPTS, false},
    {"\"close_delimited\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"hang\"", LLM_FAILED, "timeout", ATTEMPTS, false},
    {"\"hang_body\"", LLM_FAILED, "timeout", ATTEMPTS, false},
    {"\"garbage\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"big_headers\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"gzip\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"empty_body\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"empty_body\", \"status\": 204", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"truncated_json\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"invalid_json\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"html\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"wrong_schema\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"duplicate_keys\"", LLM_FAILED, "invalid_reply", ATTEMPTS, false},
    {"\"error_200\"", LLM_FAILED, "server_error", ATTEMPTS, false},
    {"\"empty\"", LLM_FAILED, "empty", ATTEMPTS, false},
    {"\"spaces\"", LLM_FAILED, "empty", ATTEMPTS, false},
    {"\"null\"", LLM_FAILED, "empty", ATTEMPTS, false},
    {"\"reasoning_only\"", LLM_FAILED, "empty", ATTEMPTS, false},
    {"\"status\", \"status\": 500", LLM_FAILED, "http_500", ATTEMPTS, false},
    {"\"status\", \"status\": 504", LLM_FAILED, "http_504", ATTEMPTS, false},
    {"\"status\", \"status\": 408", LLM_FAILED, "http_408", ATTEMPTS, false},
    {"\"status\", \"status\": 400", LLM_FAILED, "http_400", 1, false},
    {"\"status\", \"status\": 413", LLM_FAILED, "http_413", 1, false},
    {"\"status\", \"status\": 422", LLM_FAILED, "http_422", 1, false},
    {"\"nul\"", LLM_FAILED, "invalid_utf8", 1, false},
    {"\"invalid_utf8\"", LLM_FAILED, "invalid_utf8", 1, false},
    {"\"huge\"", LLM_FAILED, "too_large", 1, false},
    {"\"refusal\"", LLM_FAILED, "refusal", 1, false},
    {"\"content_filter\"", LLM_FAILED, "content_filter", 1, false},
    {"\"length\"", LLM_FAILED, "length", 1, false},
    {"\"unauthorized\"", LLM_RETURNED, "", 1, true},
    {"\"status\", \"status\": 403", LLM_RETURNED, "", 1, true},
    {"\"status\", \"status\": 402", LLM_RETURNED, "", 1, true},
    {"\"quota\"", LLM_RETURNED, "", 1, true},
    {"\"model_missing\"", LLM_RETURNED, "", 1, true},
    {"\"redirect\"", LLM_RETURNED, "", 1, true},
    {"\"redirect\", \"location\": \"http://127.0.0.1:1/\"", LLM_RETURNED, "", 1, true},
};

static void check_case(const struct fault_case *c)
{
    char change[200], stopped[200];
    struct answer a;

    snprintf(change, sizeof(change), "{\"reset\": true, \"faults\": [{\"kind\": %s}]}", c->fault);
    assert_true(model_server_control(&server, change));
    ask("Describe it.\nA dog in the rain", &a, stopped);
    long calls = model_server_stat(&server, "chat_requests");
    if (a.outcome != c->outcome || (c->reason[0] && strcmp(a.reason, c->reason) != 0) ||
        calls != c->calls)
        print_message("%s: outcome %d, %s (%s), %ld calls\n", c->fault, a.outcome, a.reason,
                      a.detail, calls);
    assert_int_equal(a.outcome, c->outcome);
    /* Only what was cut goes on, for stages that can use a part. */
    assert_int_equal(a.text[0] != '\0', strcmp(a.reason, "length") == 0);
    if (c->reason[0])
        assert_string_equal(a.reason, c->reason);
    assert_int_equal(calls, c->calls);
    assert_int_equal(stopped[0] != 0, c->stops);
    assert_true(a.detail[0] != 0);
    assert_null(strstr(a.detail, "sk-0123456789abcdef"));
    assert_true(a.raw_n <= 16384);
}

static void test_every_fault(void **state)
{
    (void)state;
    /* The first needs company to be told from an outage. */
    for (size_t i = 1; i < sizeof(cases) / sizeof(*cases); i++)
        check_case(&cases[i]);
}

/* What passes by itself: the same faults once, then a good answer. */
static void test_faults_that_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char change[200], stopped[200];
        struct answer a;
        if (cases[i].calls == 1)
            continue;
        snprintf(change, sizeof(change),
                 "{\"reset\": true, \"faults\": [{\"first\": 1, \"kind\": %s}]}", cases[i].fault);
        assert_true(model_server_control(&server, change));
        ask("Describe it.\nA dog in the rain", &a, stopped);
        assert_int_equal(a.outcome, LLM_OK);
        assert_non_null(strstr(a.text, "A dog in the rain"));
        assert_int_equal(model_server_stat(&server, "chat_requests"), 2);
        assert_string_equal(stopped, "");
    }
}

/* Refusals cost no attempt: more of them than a row has attempts, and the row is still answered. */
static void test_refusals_cost_no_attempt(void **state)
{
    static const char *const refusals[] = {
        "\"status\", \"status\": 429, \"headers\": {\"Retry-After\": \"0\"}",
        "\"status\", \"status\": 429, \"headers\": {\"retry-after-ms\": \"10\"}",
        "\"status\", \"status\": 429, \"retry_after_date_s\": 0",
        "\"status\", \"status\": 429, \"message\": \"Please try again in 5ms.\"",
        "\"status\", \"status\": 503, \"headers\": {\"Retry-After\": \"0.01\"}",
        "\"status\", \"status\": 529, \"headers\": {\"Retry-After\": \"0.01\"}",
        "\"status\", \"status\": 502",
        "\"error_200\", \"code\": 429, \"message\": \"try again in 5 ms\"",
        "\"reset\"",
        "\"close\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        char change[300], stopped[200];
        struct answer a;
        snprintf(change, sizeof(change),
                 "{\"reset\": true, \"faults\": [{\"first\": %d, \"kind\": %s}]}", ATTEMPTS + 1,
                 refusals[i]);
        assert_true(model_server_control(&server, change));
        ask("Describe it.\nA dog in the rain", &a, stopped);
        if (a.outcome != LLM_OK)
            print_message("%s: %s %s\n", refusals[i], a.reason, a.detail);
        assert_int_equal(a.outcome, LLM_OK);
        assert_int_equal(model_server_stat(&server, "chat_requests"), ATTEMPTS + 2);
    }
}

static void test_answers_in_odd_dress(void **state)
{
    static const char *const kinds[] = {"parts", "fence", "think"};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        char change[200], stopped[200];
        struct answer a;
        snprintf(change, sizeof(change), "{\"faults\": [{\"kind\": \"%s\"}]}", kinds[i]);
        assert_true(model_server_control(&server, change));
        ask("Describe it.\nA dog in the rain", &a, stopped);
        assert_int_equal(a.outcome, LLM_OK);
        assert_non_null(strstr(a.text, "A dog in the rain"));
        assert_null(strstr(a.text, "```"));
        assert_null(strstr(a.text, "think>"));
    }
}

static void test_a_good_answer(void **state)
{
    struct answer a;
    char stopped[200];

    (void)state;
    assert_true(model_server_control(&server, "{\"reset\": true, \"faults\": []}"));
    ask("Describe it.\nA dog in the rain", &a, stopped);
    assert_int_equal(a.outcome, LLM_OK);
    assert_non_null(strstr(a.text, "A dog in the rain"));
    assert_string_equal(a.reason, "");
    assert_string_equal(a.model, "some-model");
    assert_true(a.usage.tokens_in > 0 && a.usage.tokens_out > 50);
    assert_int_equal(model_server_stat(&server, "chat_requests"), 1);
}

/* The schema reaches the server in the form that servers read. */
static void test_answer_by_schema(void **state)
{
    struct llm_settings s = settings_for(server.url);
    struct llm_request r = {
        .user = STR("A dog in the rain"),
        .schema_name = STR("dialogue"),
        .schema = STR("{\"type\":\"object\",\"properties\":{\"pairs\":{\"items\":{\"properties\":"
                      "{\"options\":{\"type\":\"object\"}}}}}}"),
        .temperature = -1,
        .top_p = -1,
        .seed = -1,
    };
    struct answer a;
    char stopped[200];

    (void)state;
    assert_true(model_server_control(&server, "{\"faults\": [{\"kind\": \"fence\"}]}"));
    answer_to(&s, &r, &a, stopped);
    assert_int_equal(a.outcome, LLM_OK);
    assert_int_equal(strncmp(a.text, "{\"pairs\": [{\"question\": ", 24), 0);
    assert_non_null(strstr(a.text, "\"options\": {\"A\": "));
}

static void test_usage_is_optional_and_clamped(void **state)
{
    struct answer a;
    char stopped[200];

    (void)state;
    assert_true(model_server_control(&server, "{\"faults\": [{\"kind\": \"bad_usage\"}]}"));
    ask("A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_OK);
    assert_int_equal(a.usage.tokens_in, 0);
    assert_int_equal(a.usage.tokens_out, 10000000);
    assert_true(model_server_control(&server, "{\"faults\": [{\"kind\": \"no_usage\"}]}"));
    ask("A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_OK);
    assert_int_equal(a.usage.tokens_out, 0);
    assert_string_equal(a.model, "some-model");
}

/* A server that repeats the key in its error: nobody gets to see it. */
static void test_key_is_hidden(void **state)
{
    struct answer a;
    char stopped[200];

    (void)state;
    assert_true(model_server_control(&server, "{\"faults\": [{\"kind\": \"echo_key\"}]}"));
    ask("A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_FAILED);
    assert_string_equal(a.reason, "http_400");
    assert_non_null(strstr(a.detail, "bad request by"));
    assert_null(strstr(a.detail, "sk-0123456789abcdef"));
    assert_null(strstr(a.raw, "sk-0123456789abcdef"));
    assert_non_null(strstr(a.raw, "Bearer ****"));
}

static void test_the_key_is_sent(void **state)
{
    struct answer a;
    char stopped[200];

    (void)state;
    assert_true(model_server_control(
        &server, "{\"reset\": true, \"faults\": [], \"api_key\": \"sk-0123456789abcdef\"}"));
    ask("A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_OK);
    assert_true(model_server_control(&server, "{\"api_key\": \"another\"}"));
    ask("A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_RETURNED);
    assert_non_null(strstr(stopped, "llm: HTTP 401"));
    assert_non_null(strstr(stopped, "check the API key"));
    assert_true(model_server_control(&server, "{\"api_key\": null}"));
}

/* Nobody listens: the provider stops by itself, and the row is not to blame. */
static void test_refused_connections_stop(void **state)
{
    struct llm_settings s = settings_for("http://127.0.0.1:1/v1");
    struct answer a;
    char stopped[200];

    (void)state;
    s.stop_after = 3;
    ask_with(&s, "A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_RETURNED);
    assert_non_null(strstr(stopped, "llm: 3 calls in a row failed, the last with "));
}

static void test_streak_of_500_stops(void **state)
{
    struct llm_settings s = settings_for(server.url);
    struct answer a;
    char stopped[200];

    (void)state;
    s.attempts = 10;
    s.stop_after = 3;
    assert_true(model_server_control(
        &server, "{\"reset\": true, \"faults\": [{\"kind\": \"status\", \"status\": 500}]}"));
    ask_with(&s, "A dog", &a, stopped);
    assert_int_equal(a.outcome, LLM_RETURNED);
    assert_non_null(strstr(stopped, "3 calls in a row failed, the last with HTTP 500"));
    assert_int_equal(model_server_stat(&server, "chat_requests"), 3);
}

static int start_server(void **state)
{
    struct err e = {0};

    (void)state;
    if (engine_global_init(&e) != 0)
        return -1;
    return model_server_start(&server, "{}") ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    model_server_stop(&server);
    engine_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_answer),
        cmocka_unit_test(test_every_fault),
        cmocka_unit_test(test_faults_that_pass),
        cmocka_unit_test(test_refusals_cost_no_attempt),
        cmocka_unit_test(test_answers_in_odd_dress),
        cmocka_unit_test(test_answer_by_schema),
        cmocka_unit_test(test_usage_is_optional_and_clamped),
        cmocka_unit_test(test_key_is_hidden),
        cmocka_unit_test(test_the_key_is_sent),
        cmocka_unit_test(test_refused_connections_stop),
        cmocka_unit_test(test_streak_of_500_stops),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
