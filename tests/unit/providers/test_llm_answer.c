/* Chat requests and replies as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "providers/llm/chat.h"

static void test_strip(void **state)
{
    static const struct {
        const char *text, *left;
    } cases[] = {
        {"plain", "plain"},
        {"  spaces \n", "spaces"},
        {"<think>hm\n</think>\nanswer", "answer"},
        {"the opening tag was in the prompt</think>answer", "answer"},
        {"<think>one</think><think>two</think> answer", "answer"},
        {"<thinking>hm</thinking>answer", "answer"},
        {"<think>never ends", ""},
        {"```json\n{\"a\":1}\n```", "{\"a\":1}"},
        {"```\ntext\n```\n", "text"},
        {"<think>x</think>\n```json\n{}\n```", "{}"},
        {"```json\n{\"cut\":", "{\"cut\":"},
        {"```", "```"},
        {"say ``` in the middle", "say ``` in the middle"},
        {"\xef\xbb\xbf text", "text"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str left = chat_strip(str_of(cases[i].text));
        assert_int_equal(left.n, strlen(cases[i].left));
        assert_memory_equal(left.p, cases[i].left, left.n);
    }
}

struct answer_case {
    const char *body;
    enum verdict_kind kind;
    const char *reason, *text;
};

#define CHOICE(message, finish)                                                                    \
    "{\"model\":\"m\",\"choices\":[{\"message\":" message ",\"finish_reason\":" finish "}],"       \
    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"

static const struct answer_case answer_cases[] = {
    {CHOICE("{\"content\":\" yes \"}", "\"stop\""), VERDICT_OK, "", "yes"},
    {CHOICE("{\"content\":\"yes\"}", "null"), VERDICT_OK, "", "yes"},
    {CHOICE("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"},"
            "{\"type\":\"text\",\"text\":\"b\"}]}",
            "\"stop\""),
     VERDICT_OK, "", "ab"},
    {CHOICE("{\"content\":\"\"}", "\"stop\""), VERDICT_AGAIN, "empty", NULL},
    {CHOICE("{\"content\":null}", "\"stop\""), VERDICT_AGAIN, "empty", NULL},
    {CHOICE("{\"content\":null,\"reasoning_content\":\"hm\"}", "\"stop\""), VERDICT_AGAIN, "empty",
     NULL},
    {CHOICE("{\"content\":null,\"tool_calls\":[]}", "\"tool_calls\""), VERDICT_AGAIN, "empty",
     NULL},
    {CHOICE("{\"content\":\"half\"}", "\"length\""), VERDICT_ROW, "length", "half"},
    {CHOICE("{\"content\":\"half\"}", "\"content_filter\""), VERDICT_ROW, "content_filter", NULL},
    {CHOICE("{\"content\":\"half\"}", "\"abort\""), VERDICT_AGAIN, "aborted", NULL},
    {CHOICE("{\"content\":null,\"refusal\":\"no\"}", "\"stop\""), VERDICT_ROW, "refusal", NULL},
    {CHOICE("{\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}", "\"stop\""), VERDICT_ROW,
     "refusal", NULL},
    {CHOICE("{\"content\":\"a\\u0000b\"}", "\"stop\""), VERDICT_ROW, "invalid_utf8", NULL},
    {CHOICE("{\"content\":\"a\xff\"}", "\"stop\""), VERDICT_ROW, "invalid_utf8", NULL},
    {CHOICE("{\"content\":\"a\",\"content\":\"b\"}", "\"stop\""), VERDICT_AGAIN, "invalid_reply",
     NULL},
    {CHOICE("\"text\"", "\"stop\""), VERDICT_AGAIN, "invalid_reply", NULL},
    {"{\"choices\":[]}", VERDICT_AGAIN, "invalid_reply", NULL},
    {"[]", VERDICT_AGAIN, "invalid_reply", NULL},
    {"{\"choices\":[{\"mess", VERDICT_AGAIN, "invalid_reply", NULL},
    {"<html></html>", VERDICT_AGAIN, "invalid_reply", NULL},
    {"{\"error\":{\"message\":\"overloaded\",\"code\":503}}", VERDICT_WAIT, "http_503", NULL},
    {"{\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}", VERDICT_STOP, "http_429",
     NULL},
    {"{\"error\":{\"message\":\"x\",\"code\":401}}", VERDICT_STOP, "http_401", NULL},
    {"{\"object\":\"error\",\"message\":\"x\",\"code\":400}", VERDICT_ROW, "http_400", NULL},
    {"{\"error\":\"text\"}", VERDICT_AGAIN, "server_error", NULL},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answer_cases) / sizeof(*answer_cases); i++) {
        const struct answer_case *c = &answer_cases[i];
        struct chat_answer a;
        struct verdict v = {.pause_us = -1};
        chat_answer_read(str_of(c->body), &a, &v);
        if (v.kind != c->kind || strcmp(v.reason, c->reason) != 0)
            print_message("case %zu: %s: %s\n", i, c->body, v.detail);
        assert_int_equal(v.kind, c->kind);
        assert_string_equal(v.reason, c->reason);
        if (c->text)
            assert_true(str_is(a.text, c->text));
        chat_answer_free(&a);
    }
}

static void test_usage_is_not_believed(void **state)
{
    struct chat_answer a;
    struct verdict v = {.pause_us = -1};

    (void)state;
    chat_answer_read(STR("{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":"
                         "{\"prompt_tokens\":-9,\"completion_tokens\":4000000000000}}"),
                     &a, &v);
    assert_int_equal(v.kind, VERDICT_OK);
    assert_int_equal(a.usage.in, 0);
    assert_int_equal(a.usage.out, 10000000);
    assert_int_equal(a.model.n, 0);
    chat_answer_free(&a);
}

static void test_deep_reply_is_refused(void **state)
{
    char body[4000];
    struct chat_answer a;
    struct verdict v = {.pause_us = -1};

    (void)state;
    memset(body, '[', sizeof(body));
    chat_answer_read((struct str){body, sizeof(body)}, &a, &v);
    assert_int_equal(v.kind, VERDICT_AGAIN);
    assert_string_equal(v.reason, "invalid_reply");
    chat_answer_free(&a);
}

static json_t *written(const struct llm_settings *s, const struct llm_request *r, int64_t seed)
{
    struct chat_form f;
    struct buf out, schema;
    struct err e = {0};

    buf_init(&out, CHAT_REQUEST_MAX);
    buf_init(&schema, CHAT_REQUEST_MAX);
    assert_int_equal(chat_form_init(&f, s, &e), 0);
    assert_int_equal(chat_request_open(&f, r, &out, &e), 0);
    if (r->schema.n > 0)
        chat_request_schema(r, &schema);
    size_t head = out.n;
    chat_request_close(&f, buf_str(&schema), seed, &out);
    assert_true(out.n - head <= chat_request_tail(&f, buf_str(&schema)));
    json_t *root = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    buf_free(&out);
    buf_free(&schema);
    chat_form_free(&f);
    assert_non_null(root);
    return root;
}

static void test_request_with_everything(void **state)
{
    struct llm_settings s = {.model = "m", .max_tokens_field = "max_completion_tokens"};
    struct llm_request r = {
        .system = STR("Be \"exact\"."),
        .user = STR("A dog\nruns."),
        .schema_name = STR("dialogue"),
        .schema = STR("{\"type\":\"object\"}"),
        .temperature = 0.5,
        .top_p = 0.25,
        .max_tokens = 99,
    };
    const char *system, *user, *type, *name, *schema_type;
    double temperature, top_p;
    int tokens, strict;
    json_int_t seed;

    (void)state;
    json_t *root = written(&s, &r, 7);
    assert_int_equal(
        json_unpack(root, "{s:[{s:s},{s:s}], s:f, s:f, s:i, s:I, s:{s:s, s:{s:s, s:b, s:{s:s}}}}",
                    "messages", "content", &system, "content", &user, "temperature", &temperature,
                    "top_p", &top_p, "max_completion_tokens", &tokens, "seed", &seed,
                    "response_format", "type", &type, "json_schema", "name", &name, "strict",
                    &strict, "schema", "type", &schema_type),
        0);
    assert_string_equal(system, "Be \"exact\".");
    assert_string_equal(user, "A dog\nruns.");
    assert_string_equal(type, "json_schema");
    assert_string_equal(name, "dialogue");
    assert_string_equal(schema_type, "object");
    assert_true(strict);
    assert_int_equal(tokens, 99);
    assert_int_equal(seed, 7);
    json_decref(root);
}

static void test_request_with_little(void **state)
{
    struct llm_settings s = {.model = "m"};
    struct llm_request r = {.user = STR("hi"), .temperature = -1, .top_p = -1};

    (void)state;
    json_t *root = written(&s, &r, -1);
    assert_int_equal(json_object_size(root), 2);
    assert_int_equal(json_array_size(json_object_get(root, "messages")), 1);
    json_decref(root);
}

static void test_extra_members_end_the_request(void **state)
{
    struct llm_settings s = {
        .model = "m",
        .stream = true,
        .extra_body = " {\"top_k\": 20, \"temperature\": 0.5,\n\"chat_template_kwargs\":"
                      " {\"enable_thinking\": false}, \"seed\": 1} ",
    };
    struct llm_request r = {
        .user = STR("hi"), .schema = STR("{}"), .temperature = 1, .top_p = 0.5, .max_tokens = 9};
    int top_k, thinking, tokens, stream, usage;
    json_int_t seed;
    double temperature, top_p;

    (void)state;
    json_t *root = written(&s, &r, 7);
    assert_int_equal(json_unpack(root, "{s:i, s:{s:b}, s:I, s:f, s:f, s:i, s:b, s:{s:b}}", "top_k",
                                 &top_k, "chat_template_kwargs", "enable_thinking", &thinking,
                                 "seed", &seed, "temperature", &temperature, "top_p", &top_p,
                                 "max_tokens", &tokens, "stream", &stream, "stream_options",
                                 "include_usage", &usage),
                     0);
    assert_true(top_k == 20 && !thinking && seed == 1 && tokens == 9 && stream && usage);
    assert_true(temperature < 0.6 && top_p < 0.6);
    json_decref(root);
    s.extra_body = "{}";
    json_decref(written(&s, &r, -1));
}

static void test_extra_body_is_checked(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"{}", true},
        {"{\"top_k\":1}", true},
        {"{\"messages\":[]}", false},
        {"{\"model\":\"x\"}", false},
        {"{\"stream\":true}", false},
        {"{\"stream_options\":{}}", false},
        {"{\"a\":1,\"a\":2}", false},
        {"[]", false},
        {"3", false},
        {"{\"a\":", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct llm_settings s = {.model = "m", .extra_body = cases[i].text};
        struct chat_form f;
        struct err e = {0};
        assert_int_equal(llm_extra_body_fault(str_of(cases[i].text)) == NULL, cases[i].ok);
        assert_int_equal(chat_form_init(&f, &s, &e) == 0, cases[i].ok);
        chat_form_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_usage_is_not_believed),
        cmocka_unit_test(test_deep_reply_is_refused),
        cmocka_unit_test(test_request_with_everything),
        cmocka_unit_test(test_request_with_little),
        cmocka_unit_test(test_extra_members_end_the_request),
        cmocka_unit_test(test_extra_body_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
