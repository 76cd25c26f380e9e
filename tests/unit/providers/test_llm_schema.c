/* Schemas: sent in the form that servers read, left out where a server refuses or ignores them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/llm/structured.h"
#include "tests/unit/providers/llm_calls.h"

static struct model_server server;
static struct calls calls;
static struct engine *engine;

static const struct str schema = {"{\"type\":\"object\",\"properties\":{\"pairs\":{}}}", 43};

static void test_refused_is_learned(void **state)
{
    struct structured s = {0};
    int asked = 0;

    (void)state;
    assert_true(structured_ask(&s) != 0);
    structured_refused(&s);
    assert_int_equal(s.state, STRUCTURED_REFUSED);
    for (int i = 0; i < STRUCTURED_PROBE * 10; i++)
        asked += structured_ask(&s) != 0;
    assert_int_equal(asked, 10);
}

static void note(struct structured *s, int n, int held_of_ten)
{
    for (int i = 0; i < n; i++)
        structured_note(s, s->round + 1, i % 10 < held_of_ten);
}

static void test_ignored_is_learned(void **state)
{
    struct structured s = {0};

    (void)state;
    note(&s, STRUCTURED_ENOUGH - 1, 0);
    assert_int_equal(s.state, STRUCTURED_UNKNOWN);
    note(&s, 1, 0);
    assert_int_equal(s.state, STRUCTURED_IGNORED);
    assert_int_equal(structured_ask(&s), 0);
    /* Good probes in a row, and it is asked again. */
    for (int i = 0; i < STRUCTURED_PROBES_GOOD - 1; i++)
        structured_note(&s, s.round + 1, true);
    structured_note(&s, s.round + 1, false);
    assert_int_equal(s.state, STRUCTURED_IGNORED);
    for (int i = 0; i < STRUCTURED_PROBES_GOOD; i++)
        structured_note(&s, s.round + 1, true);
    assert_int_equal(s.state, STRUCTURED_UNKNOWN);
    assert_true(structured_ask(&s) != 0);
}

static void test_a_few_breaches_are_borne(void **state)
{
    struct structured s = {0};

    (void)state;
    note(&s, 1000, 8);
    assert_int_equal(s.state, STRUCTURED_HOLDS);
    assert_true(s.asked == 1000 && s.held == 800);
    /* What was asked before it was turned off is no probe. */
    for (int i = 0; i < 300; i++)
        structured_note(&s, 1, i % 10 < 5);
    assert_int_equal(s.state, STRUCTURED_IGNORED);
    assert_true(s.asked == 1300);
}

static void begin(const char *change)
{
    struct llm_settings s = calls_settings(server.url, 4);
    struct err e = {0};

    s.attempts = 1;
    assert_true(model_server_control(&server, "{\"reset\": true, \"faults\": []}"));
    assert_true(model_server_control(&server, change));
    engine = engine_new(&e);
    calls = (struct calls){.provider = llm_provider_new(&s, &e)};
    assert_non_null(calls.provider);
}

static void end(void)
{
    engine_free(engine);
    llm_provider_free(calls.provider);
}

static void expect_state(const char *name)
{
    json_t *root = describe(calls.provider);
    const json_t *at = json_array_get(json_object_get(root, "endpoints"), 0);

    at = json_object_get(json_object_get(at, "structured_output"), "state");
    assert_string_equal(json_string_value(at), name);
    json_decref(root);
}

/* Asked again at once without it, at no attempt's cost, and remembered. */
static void test_refusing_server(void **state)
{
    static const char *const statuses[] = {"400", "404", "422", "501"};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        char change[40];
        snprintf(change, sizeof(change), "{\"schema\": %s}", statuses[i]);
        begin(change);
        make_calls(engine, &calls, 1, schema);
        assert_int_equal(calls.answers[0].outcome, LLM_OK);
        assert_int_equal(calls.answers[0].usage.calls, 2);
        assert_int_equal(calls.answers[0].usage.unknown_calls, 0);
        assert_false(calls.answers[0].schema_asked);
        expect_state("refused");
        make_calls(engine, &calls, 50, schema);
        assert_int_equal(count_outcome(&calls, 50, LLM_OK), 50);
        assert_int_equal(model_server_stat(&server, "chat_requests"), 52);
        end();
    }
}

/* An error that has nothing to do with it, though it repeats the request, teaches nothing. */
static void test_other_errors_are_no_refusal(void **state)
{
    (void)state;
    begin("{\"schema\": \"enforce\", \"faults\": [{\"kind\": \"status\", \"status\": 422,"
          " \"message\": \"missing field x, got response_format, messages\"}]}");
    make_calls(engine, &calls, 5, schema);
    assert_int_equal(count_outcome(&calls, 5, LLM_FAILED), 5);
    assert_string_equal(calls.answers[0].reason, "http_422");
    expect_state("unknown");
    assert_true(model_server_control(&server, "{\"faults\": []}"));
    make_calls(engine, &calls, 5, schema);
    assert_true(calls.answers[0].schema_asked);
    end();
}

static void test_ignoring_server(void **state)
{
    (void)state;
    begin("{\"schema\": \"ignore\"}");
    calls.notes = true;
    make_calls(engine, &calls, 40, schema);
    expect_state("ignored");
    long asked = model_server_stat(&server, "with_schema");
    assert_in_range(asked, STRUCTURED_ENOUGH, STRUCTURED_ENOUGH + 4);
    make_calls(engine, &calls, 100, schema);
    assert_int_equal(model_server_stat(&server, "with_schema"), asked);
    assert_int_equal(count_outcome(&calls, 100, LLM_OK), 100);
    end();
}

static void test_honest_server(void **state)
{
    (void)state;
    begin("{\"schema\": \"enforce\"}");
    calls.notes = calls.held = true;
    make_calls(engine, &calls, 60, schema);
    assert_int_equal(count_outcome(&calls, 60, LLM_OK), 60);
    assert_int_equal(strncmp(calls.answers[0].text, "{\"pairs\": ", 10), 0);
    assert_true(calls.answers[0].schema_asked);
    expect_state("holds");
    assert_int_equal(model_server_stat(&server, "with_schema"), 60);
    assert_true(model_server_control(&server, "{\"model\": null}"));
    end();
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
        cmocka_unit_test(test_refused_is_learned),
        cmocka_unit_test(test_ignored_is_learned),
        cmocka_unit_test(test_a_few_breaches_are_borne),
        cmocka_unit_test(test_refusing_server),
        cmocka_unit_test(test_other_errors_are_no_refusal),
        cmocka_unit_test(test_ignoring_server),
        cmocka_unit_test(test_honest_server),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
