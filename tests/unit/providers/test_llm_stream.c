/* Answers as a stream of events: put together however they are cut, and cut off when they loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/llm/chat.h"
#include "tests/unit/providers/llm_calls.h"

static struct model_server server;
static struct calls calls;
static struct engine *engine;
static const struct str no_schema;

#define DELTA(members) "data: {\"model\":\"m-1\",\"choices\":[{\"delta\":{" members "}}]}\n\n"
#define END                                                                                        \
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"                          \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"           \
    "data: [DONE]\n\n"

struct stream_case {
    const char *events;
    enum verdict_kind kind;
    const char *reason, *text;
};

static const struct stream_case cases[] = {
    {DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"A d\"")
         DELTA("\"content\":\"og \\u00e9\"") END,
     VERDICT_OK, "", "A dog \xc3\xa9"},
    {": ping\r\n\r\nevent: "
     "message\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\r\n\r\n" END,
     VERDICT_OK, "", "x"},
    {DELTA("\"reasoning\":\"Hm.\"") DELTA("\"content\":\"yes\"") END, VERDICT_OK, "", "yes"},
    {DELTA("\"content\":\"<think>a</think>yes\"") END, VERDICT_OK, "", "yes"},
    {DELTA("\"reasoning_content\":\"Hm.\"") END, VERDICT_AGAIN, "empty", NULL},
    {END, VERDICT_AGAIN, "empty", NULL},
    {DELTA("\"refusal\":\"I can\"") DELTA("\"refusal\":\"not.\"") END, VERDICT_ROW, "refusal",
     NULL},
    {DELTA("\"content\":\"half\""), VERDICT_AGAIN, "invalid_reply", NULL},
    {DELTA(
         "\"content\":\"half\"") "data: "
                                 "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
     VERDICT_ROW, "length", NULL},
    {"data: {\"error\":{\"message\":\"The queue is full\",\"code\":503}}\n\n", VERDICT_WAIT,
     "http_503", NULL},
    {"data: {\"error\":{\"message\":\"key\",\"code\":401}}\n\ndata: [DONE]\n\n", VERDICT_STOP,
     "http_401", NULL},
    {DELTA(
         "\"content\":\"half\"") "data: {\"object\":\"error\",\"message\":\"x\",\"code\":400}\n\n",
     VERDICT_ROW, "http_400", NULL},
    {DELTA("\"content\":\"half\"") "data: {nothing\n\n", VERDICT_AGAIN, "invalid_reply", NULL},
    {DELTA("\"content\":\"a\\u0000b\"") END, VERDICT_ROW, "invalid_utf8", NULL},
    {"", VERDICT_AGAIN, "invalid_reply", NULL},
};

static void feed_in_steps(struct chat_stream *s, const char *events, size_t step)
{
    size_t n = strlen(events);
    bool token;

    chat_stream_init(s);
    for (size_t i = 0; i < n; i += step)
        if (!chat_stream_feed(s, (struct str){events + i, n - i < step ? n - i : step}, &token))
            return;
}

static void test_put_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (size_t step = 1; step < 300; step = step < 20 ? step + 1 : step * 3) {
            const struct stream_case *c = &cases[i];
            struct chat_stream s;
            struct chat_answer a;
            struct verdict v = {.pause_us = -1};
            feed_in_steps(&s, c->events, step);
            chat_stream_read(&s, &a, &v);
            if (v.kind != c->kind || strcmp(v.reason, c->reason) != 0)
                print_message("case %zu, step %zu: %s %s\n", i, step, v.reason, v.detail);
            assert_int_equal(v.kind, c->kind);
            assert_string_equal(v.reason, c->reason);
            if (c->text)
                assert_true(str_is(a.text, c->text));
            if (strstr(c->events, "usage") && v.kind != VERDICT_ROW)
                assert_true(a.usage.known && a.usage.in == 7 && a.usage.out == 3);
            chat_answer_free(&a);
            chat_stream_free(&s);
        }
    }
}

static void test_bounds(void **state)
{
    struct chat_stream s;
    struct chat_answer a;
    struct verdict v = {.pause_us = -1};
    char filler[65536];
    bool token, more = true;
    int pieces = 0;

    (void)state;
    memset(filler, 'x', sizeof(filler));
    chat_stream_init(&s);
    while (more && pieces++ < 1000)
        more = chat_stream_feed(&s, (struct str){filler, sizeof(filler)}, &token);
    assert_false(more);
    assert_true(pieces < 20);
    chat_stream_read(&s, &a, &v);
    assert_string_equal(v.reason, "too_large");
    chat_stream_reset(&s);
    assert_true(chat_stream_feed(&s, STR("data: [DONE]\n"), &token));
    chat_stream_free(&s);
}

static void begin(const char *faults, int attempts)
{
    struct llm_settings s = calls_settings(server.url, 16);
    struct err e = {0};
    char change[400];

    s.stream = true;
    s.attempts = attempts;
    snprintf(change, sizeof(change), "{\"reset\": true, \"token_ms\": 0, \"faults\": [%s]}",
             faults);
    assert_true(model_server_control(&server, change));
    engine = engine_new(&e);
    calls.provider = llm_provider_new(&s, &e);
    assert_non_null(calls.provider);
}

static void end(void)
{
    engine_free(engine);
    llm_provider_free(calls.provider);
}

static void test_good_streams(void **state)
{
    (void)state;
    begin("", 1);
    make_calls(engine, &calls, 100, no_schema);
    for (int i = 0; i < 100; i++) {
        const struct answer *a = &calls.answers[i];
        char scene[40];
        snprintf(scene, sizeof(scene), "Scene number %d", i);
        assert_int_equal(a->outcome, LLM_OK);
        assert_non_null(strstr(a->text, scene));
        assert_string_equal(a->finish_reason, "stop");
        assert_true(a->usage.tokens_in > 0 && a->usage.tokens_out > 50);
        assert_int_equal(a->usage.unknown_calls, 0);
    }
    assert_int_equal(model_server_stat(&server, "chat_requests"), 100);
    assert_in_range(model_server_stat(&server, "connections"), 1, 150);
    end();
}

static void test_error_as_first_event(void **state)
{
    (void)state;
    begin("{\"kind\": \"stream\", \"what\": \"stream_error\", \"first\": 3}", 1);
    make_calls(engine, &calls, 1, no_schema);
    assert_int_equal(calls.answers[0].outcome, LLM_OK);
    assert_int_equal(calls.answers[0].usage.calls, 4);
    assert_int_equal(calls.answers[0].usage.unknown_calls, 0);
    end();
}

static void test_broken_streams_are_tried_again(void **state)
{
    static const char *const whats[] = {"stream_cut", "stream_garbage"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        char fault[120];
        snprintf(fault, sizeof(fault), "{\"kind\": \"stream\", \"what\": \"%s\", \"first\": 1}",
                 whats[i]);
        begin(fault, 2);
        make_calls(engine, &calls, 1, no_schema);
        assert_int_equal(calls.answers[0].outcome, LLM_OK);
        assert_int_equal(calls.answers[0].usage.calls, 2);
        assert_int_equal(calls.answers[0].usage.unknown_calls, 1);
        end();
    }
}

/* The server would go on for ever: it is cut off, and closes the call. */
static void test_loops_are_cut(void **state)
{
    static const char *const loops[][2] = {{" ", "whitespace_loop"},
                                           {"\\n\\n", "whitespace_loop"},
                                           {"and so on, ", "repetition_loop"}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        char fault[120];
        snprintf(fault, sizeof(fault),
                 "{\"kind\": \"stream\", \"what\": \"stream_loop\", \"text\": \"%s\"}",
                 loops[i][0]);
        begin(fault, 5);
        make_calls(engine, &calls, 1, no_schema);
        assert_int_equal(calls.answers[0].outcome, LLM_FAILED);
        assert_string_equal(calls.answers[0].reason, loops[i][1]);
        assert_int_equal(calls.answers[0].usage.calls, 2);
        assert_int_equal(calls.answers[0].usage.unknown_calls, 2);
        assert_true(calls.answers[0].raw[0] != 0);
        for (int k = 0; k < 200 && model_server_stat(&server, "streams_cut") < 2; k++)
            usleep(10000);
        assert_int_equal(model_server_stat(&server, "streams_cut"), 2);
        end();
    }
}

static void test_a_loop_may_be_an_accident(void **state)
{
    (void)state;
    begin("{\"kind\": \"stream\", \"what\": \"stream_loop\", \"text\": \"no, \", \"first\": 1}", 3);
    make_calls(engine, &calls, 1, no_schema);
    assert_int_equal(calls.answers[0].outcome, LLM_OK);
    end();
}

/* The same without a stream: found in the whole answer that the token limit has ended. */
static void test_loops_in_whole_answers(void **state)
{
    static const char *const faults[][2] = {
        {"{\"kind\": \"loop\", \"text\": \" \"}", "whitespace_loop"},
        {"{\"kind\": \"loop\", \"text\": \"over, \"}", "repetition_loop"},
        {"{\"kind\": \"length\"}", "length"},
    };

    (void)state;
    for (int i = 0; i < 3; i++) {
        begin(faults[i][0], 5);
        end();
        struct llm_settings s = calls_settings(server.url, 4);
        struct err e = {0};
        engine = engine_new(&e);
        calls.provider = llm_provider_new(&s, &e);
        make_calls(engine, &calls, 1, no_schema);
        assert_int_equal(calls.answers[0].outcome, LLM_FAILED);
        assert_string_equal(calls.answers[0].reason, faults[i][1]);
        assert_int_equal(calls.answers[0].usage.calls, i < 2 ? 2 : 1);
        end();
    }
}

static void test_other_faults_of_a_stream(void **state)
{
    static const struct {
        const char *fault, *reason;
    } others[] = {
        {"{\"kind\": \"refusal\"}", "refusal"},
        {"{\"kind\": \"length\"}", "length"},
        {"{\"kind\": \"reasoning_only\"}", "empty"},
        {"{\"kind\": \"status\", \"status\": 400}", "http_400"},
        {"{\"kind\": \"huge\"}", "too_large"},
        {"{\"kind\": \"truncated_json\"}", ""}, /* of a whole body, which a stream is not */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        begin(others[i].fault, 1);
        make_calls(engine, &calls, 1, no_schema);
        assert_string_equal(calls.answers[0].reason, others[i].reason);
        end();
    }
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
        cmocka_unit_test(test_put_together),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_good_streams),
        cmocka_unit_test(test_error_as_first_event),
        cmocka_unit_test(test_broken_streams_are_tried_again),
        cmocka_unit_test(test_loops_are_cut),
        cmocka_unit_test(test_a_loop_may_be_an_accident),
        cmocka_unit_test(test_loops_in_whole_answers),
        cmocka_unit_test(test_other_faults_of_a_stream),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
