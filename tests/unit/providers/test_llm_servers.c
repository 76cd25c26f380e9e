/* Servers as they are: that queue without saying no, that refuse, that say how much is left, that
 * die, alone and among others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/providers/llm_calls.h"

static struct model_server server, other;
static struct calls calls;
static struct engine *engine;

static const struct str no_schema;

static void begin(const struct llm_settings *s, const char *change)
{
    static const char reset[] =
        "{\"reset\": true, \"faults\": [], \"delay_ms\": 0, \"token_ms\": 0, \"slots\": null,"
        " \"capacity\": null, \"rate\": null, \"api_key\": null}";
    struct err e = {0};

    assert_true(model_server_control(&server, reset));
    assert_true(model_server_control(&other, reset));
    assert_true(model_server_control(&server, change));
    engine = engine_new(&e);
    calls.provider = llm_provider_new(s, &e);
    assert_non_null(calls.provider);
}

static void end(void)
{
    assert_int_equal(engine_in_flight(engine), 0);
    engine_free(engine);
    llm_provider_free(calls.provider);
}

/* Eight slots and 256 calls at hand: they wait here, and not there. */
static void test_queue_stays_here(void **state)
{
    struct llm_settings s = calls_settings(server.url, 256);

    (void)state;
    begin(&s, "{\"slots\": 8, \"token_ms\": 4}");
    make_calls(engine, &calls, 240, no_schema);
    assert_int_equal(count_outcome(&calls, 240, LLM_OK), 240);
    assert_in_range(model_server_stat(&server, "most_waiting"), 0, 128);
    end();
}

static void test_refusals_are_few(void **state)
{
    struct llm_settings s = calls_settings(server.url, 256);

    (void)state;
    begin(&s, "{\"capacity\": 50, \"delay_ms\": 30}");
    make_calls(engine, &calls, 500, no_schema);
    assert_int_equal(count_outcome(&calls, 500, LLM_OK), 500);
    long before = model_server_stat(&server, "chat_requests");
    make_calls(engine, &calls, 1500, no_schema);
    assert_int_equal(count_outcome(&calls, 1500, LLM_OK), 1500);
    assert_in_range(model_server_stat(&server, "chat_requests") - before, 1500, 1575);
    end();
}

/* A hundred calls in five seconds, said by headers: next to none is refused. */
static void test_headers_set_the_pace(void **state)
{
    struct llm_settings s = calls_settings(server.url, 64);

    (void)state;
    begin(&s, "{\"rate\": [100, 5], \"delay_ms\": 20}");
    make_calls(engine, &calls, 250, no_schema);
    assert_int_equal(count_outcome(&calls, 250, LLM_OK), 250);
    assert_in_range(model_server_stat(&server, "chat_requests"), 250, 275);
    json_t *root = describe(calls.provider);
    const json_t *at = json_array_get(json_object_get(root, "endpoints"), 0);
    at = json_object_get(json_object_get(at, "rate_headers"), "requests");
    assert_int_equal(json_number_value(json_object_get(at, "limit")), 100);
    json_decref(root);
    end();
}

static void both_urls(char out[200], const char *a, const char *b)
{
    snprintf(out, 200, "%s, %s", a, b);
}

static void test_two_urls_share(void **state)
{
    char urls[200];

    (void)state;
    both_urls(urls, server.url, other.url);
    struct llm_settings s = calls_settings(urls, 64);
    begin(&s, "{\"delay_ms\": 5}");
    make_calls(engine, &calls, 400, no_schema);
    assert_int_equal(count_outcome(&calls, 400, LLM_OK), 400);
    /* How evenly depends on the processor time that each of the two gets. */
    assert_true(model_server_stat(&server, "chat_requests") >= 40);
    assert_true(model_server_stat(&other, "chat_requests") >= 40);
    end();
}

/* One URL whose key is refused and one where nobody listens: the good one does it all. */
static void test_others_do_it(void **state)
{
    char urls[200];

    (void)state;
    for (int i = 0; i < 2; i++) {
        both_urls(urls, i ? server.url : "http://127.0.0.1:1/v1", other.url);
        struct llm_settings s = calls_settings(urls, 32);
        s.stop_after = 3;
        begin(&s, "{\"api_key\": \"another\"}");
        make_calls(engine, &calls, 100, no_schema);
        assert_int_equal(count_outcome(&calls, 100, LLM_OK), 100);
        for (int k = 0; k < 100; k++)
            assert_int_equal(calls.answers[k].url_index, 1);
        assert_false(llm_provider_stopped(calls.provider, NULL));
        assert_int_equal(model_server_stat(&other, "chat_requests"), 100);
        end();
    }
}

static void test_a_server_dies_at_work(void **state)
{
    struct model_server mortal = {0};
    char urls[200];
    int next = 0;

    (void)state;
    assert_true(model_server_start(&mortal, "{\"delay_ms\": 20}"));
    both_urls(urls, mortal.url, other.url);
    struct llm_settings s = calls_settings(urls, 32);
    begin(&s, "{}");
    memset(&calls.answers, 0, sizeof(calls.answers));
    calls.n = 0;
    while (calls.n < 300) {
        while (next < 300 && llm_room(engine, calls.provider) > 0 &&
               submit_call(engine, &calls, next, no_schema) == 0)
            next++;
        engine_poll(engine, 1000);
        if (calls.n > 100)
            model_server_stop(&mortal);
    }
    assert_int_equal(count_outcome(&calls, 300, LLM_OK), 300);
    end();
}

/* Refused for good by both: the rows come back. */
static void test_all_urls_stop(void **state)
{
    char urls[200], reason[200];

    (void)state;
    both_urls(urls, server.url, other.url);
    struct llm_settings s = calls_settings(urls, 32);
    begin(&s, "{\"api_key\": \"another\"}");
    assert_true(model_server_control(&other, "{\"api_key\": \"another\"}"));
    for (int i = 0; i < 32; i++)
        assert_int_equal(submit_call(engine, &calls, i, no_schema), 0);
    calls.n = 0;
    while (calls.n < 32)
        engine_poll(engine, 1000);
    assert_true(llm_provider_stopped(calls.provider, reason));
    assert_non_null(strstr(reason, "check the API key"));
    assert_int_equal(llm_room(engine, calls.provider), 0);
    end();
}

static void test_queue_timeout(void **state)
{
    struct llm_settings s = calls_settings(server.url, 8);

    (void)state;
    s.queue_timeout_s = 1;
    s.attempts = 2;
    begin(&s, "{\"faults\": [{\"kind\": \"hang\", \"match\": \"number 0\"}]}");
    make_calls(engine, &calls, 4, no_schema);
    assert_int_equal(count_outcome(&calls, 4, LLM_OK), 3);
    assert_string_equal(calls.answers[0].reason, "queue_timeout");
    assert_int_equal(calls.answers[0].usage.calls, 2);
    assert_int_equal(calls.answers[0].usage.unknown_calls, 2);
    end();
}

/* A change by the operator holds at once, for calls that wait, too. */
static void test_limits_change_at_work(void **state)
{
    struct llm_settings s = calls_settings(server.url, 8);
    struct llm_limits narrow = {.max_in_flight = 1}, none = {0};

    (void)state;
    begin(&s, "{\"delay_ms\": 5}");
    llm_set_limits(calls.provider, &narrow, 1);
    make_calls(engine, &calls, 20, no_schema);
    assert_int_equal(model_server_stat(&server, "max_in_flight"), 1);
    llm_set_limits(calls.provider, &none, 1);
    assert_int_equal(llm_room(engine, calls.provider), 8);
    make_calls(engine, &calls, 100, no_schema);
    assert_in_range(model_server_stat(&server, "max_in_flight"), 2, 8);
    assert_true(described(calls.provider, "calls", "ok") > 119.5);
    assert_true(described(calls.provider, "latency_ms", "p50") >= 5);
    end();
}

static int start_servers(void **state)
{
    struct err e = {0};

    (void)state;
    if (engine_global_init(&e) != 0 || !model_server_start(&server, "{}"))
        return -1;
    return model_server_start(&other, "{}") ? 0 : -1;
}

static int stop_servers(void **state)
{
    (void)state;
    model_server_stop(&server);
    model_server_stop(&other);
    engine_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_stays_here),      cmocka_unit_test(test_refusals_are_few),
        cmocka_unit_test(test_headers_set_the_pace),  cmocka_unit_test(test_two_urls_share),
        cmocka_unit_test(test_others_do_it),          cmocka_unit_test(test_a_server_dies_at_work),
        cmocka_unit_test(test_all_urls_stop),         cmocka_unit_test(test_queue_timeout),
        cmocka_unit_test(test_limits_change_at_work),
    };
    return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
