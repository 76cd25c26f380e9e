/* What calls use and cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "providers/llm/chat.h"

static const struct llm_settings free_of_charge = {
    .price_prompt = -1, .price_cached = -1, .price_completion = -1, .price_reasoning = -1};

static void test_usage_as_servers_say_it(void **state)
{
    static const struct {
        const char *body;
        struct chat_usage u;
    } cases[] = {
        {"{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,"
         "\"prompt_tokens_details\":{\"cached_tokens\":64},"
         "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}",
         {true, 100, 64, 50, 20}},
        {"{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,\"prompt_tokens_details\":"
         "null,"
         "\"reasoning_tokens\":20}}",
         {true, 100, 0, 50, 20}},
        {"{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,\"prompt_cache_hit_tokens\":"
         "80}}",
         {true, 100, 80, 50, 0}},
        {"{\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":5},\"timings\":{\"cache_n\":31}}",
         {true, 32, 31, 5, 0}},
        {"{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
         "\"prompt_tokens_details\":{\"cached_tokens\":99},\"reasoning_tokens\":99}}",
         {true, 10, 10, 5, 5}},
        {"{\"usage\":{\"prompt_tokens\":-10,\"completion_tokens\":4000000000000,"
         "\"prompt_tokens_details\":{\"cached_tokens\":-1}}}",
         {true, 0, 0, 10000000, 0}},
        {"{\"usage\":{\"prompt_tokens\":\"10\",\"completion_tokens\":1.5}}", {false, 0, 0, 0, 0}},
        {"{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}", {false, 0, 0, 0, 0}},
        {"{\"usage\":null}", {false, 0, 0, 0, 0}},
        {"{\"usage\":[1]}", {false, 0, 0, 0, 0}},
        {"{}", {false, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *root = json_loads(cases[i].body, 0, NULL);
        struct chat_usage u = {0};
        chat_usage_read(root, &u);
        assert_int_equal(u.known, cases[i].u.known);
        assert_int_equal(u.in, cases[i].u.in);
        assert_int_equal(u.cached, cases[i].u.cached);
        assert_int_equal(u.out, cases[i].u.out);
        assert_int_equal(u.reasoning, cases[i].u.reasoning);
        json_decref(root);
    }
}

static void test_cost(void **state)
{
    struct llm_settings s = free_of_charge;
    struct llm_usage u = {.tokens_in = 1000000,
                          .tokens_cached = 400000,
                          .tokens_out = 200000,
                          .tokens_reasoning = 50000};

    (void)state;
    assert_int_equal(llm_cost(&s, &u), 0);
    s.price_prompt = 0.5;
    s.price_completion = 2;
    assert_int_equal(llm_cost(&s, &u), 900000000); /* 50 and 40 cents */
    s.price_cached = 0.05;
    s.price_reasoning = 4;
    /* 0.6 x 0.5, 0.4 x 0.05, 0.15 x 2 and 0.05 x 4 dollars */
    assert_int_equal(llm_cost(&s, &u), 300000000 + 20000000 + 300000000 + 200000000);
    u = (struct llm_usage){.tokens_in = 1};
    s.price_prompt = 0.0001; /* a tenth of a billionth is rounded up */
    assert_int_equal(llm_cost(&s, &u), 1);
    s.price_prompt = 0;
    assert_int_equal(llm_cost(&s, &u), 0);
}

/* No call can cost more, whatever tokens its bytes make. */
static void test_bound(void **state)
{
    struct llm_settings s = free_of_charge;
    struct llm_request r = {
        .system = STR("0123456789"), .user = STR("0123456789"), .max_tokens = 100};
    int64_t tokens = 0;

    (void)state;
    assert_int_equal(llm_call_bound(&s, &r, &tokens), 0);
    assert_in_range(tokens, 120, 300);
    s.price_prompt = 1;
    s.price_completion = 10;
    struct llm_usage all = {.tokens_in = 20, .tokens_out = 100};
    assert_true(llm_call_bound(&s, &r, &tokens) >= llm_cost(&s, &all));
    s.price_reasoning = 20;
    all.tokens_reasoning = 100;
    assert_true(llm_call_bound(&s, &r, &tokens) >= llm_cost(&s, &all));
    r.max_tokens = 0;
    assert_true(llm_call_bound(&s, &r, &tokens) > 32768 * 10);
    assert_true(tokens > 32768);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_as_servers_say_it),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
