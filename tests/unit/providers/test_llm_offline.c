/* The offline provider behind the interface of the others, and settings that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/llm.h"
#include "providers/offline/composer.h"

static struct llm_settings settings(const char *kind, const char *url)
{
    return (struct llm_settings){
        .name = "llm",
        .kind = kind,
        .url = url,
        .model = "some-model",
        .max_in_flight = 100,
        .timeout_s = 30,
        .connect_timeout_s = 5,
        .attempts = 3,
        .stop_after = 50,
    };
}

struct composed {
    int n, ok;
    enum llm_outcome last;
    char text[2000];
};

static void on_composed(void *arg, const struct llm_reply *r)
{
    struct composed *c = arg;

    c->n++;
    c->last = r->outcome;
    c->ok += r->outcome == LLM_OK && str_is(r->model, COMPOSER_MODEL) &&
             str_is(r->finish_reason, "stop");
    if (r->text.n > 0)
        snprintf(c->text, sizeof(c->text), STR_FMT, STR_ARG(r->text));
}

static const struct llm_request caption_request = {
    .task = LLM_CAPTION,
    .id = {"0123456789abcdef0123456789abcdef", 32},
    .salt = {"salt", 4},
    .source = {"A brown dog runs across a green field.", 38},
};

static void test_window_of_captions(void **state)
{
    struct llm_settings s = settings("offline", NULL);
    struct composed c = {0};
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct llm_provider *p = llm_provider_new(&s, &e);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(llm_submit(g, p, &caption_request, NULL, on_composed, &c, &e), 0);
    assert_int_equal(llm_room(g, p), 0);
    assert_int_equal(llm_submit(g, p, &caption_request, NULL, on_composed, &c, &e), -1);
    while (c.n < 100)
        engine_poll(g, 1000);
    assert_int_equal(c.ok, 100);
    assert_non_null(strstr(c.text, "dog"));
    assert_int_equal(llm_room(g, p), 100);
    engine_free(g);
    llm_provider_free(p);
}

static void test_cancelled_before_its_turn(void **state)
{
    struct llm_settings s = settings("offline", NULL);
    struct composed c = {0};
    struct err e = {0};
    struct engine *g = engine_new(&e);
    struct llm_provider *p = llm_provider_new(&s, &e);

    (void)state;
    assert_int_equal(llm_submit(g, p, &caption_request, NULL, on_composed, &c, &e), 0);
    engine_cancel(g, &c);
    engine_poll(g, 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.last, LLM_RETURNED);
    assert_int_equal(engine_in_flight(g), 0);
    engine_free(g);
    llm_provider_free(p);
}

static void test_bad_settings_are_refused(void **state)
{
    struct llm_settings cases[] = {
        settings("clever", "http://localhost/v1"),
        settings("openai", "gopher://localhost/v1"),
        settings("openai", NULL),
        settings("openai", "http://localhost/v1"),
    };

    (void)state;
    cases[3].max_in_flight = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = {0};
        assert_null(llm_provider_new(&cases[i], &e));
        assert_int_equal(e.code, ERR_VALIDATION);
        assert_true(e.msg[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_of_captions),
        cmocka_unit_test(test_cancelled_before_its_turn),
        cmocka_unit_test(test_bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
