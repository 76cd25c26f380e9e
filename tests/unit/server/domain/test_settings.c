/* The frozen settings of a run: what is written is read, and items choose by hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/domain/settings.h"

static struct call_settings mixed(void)
{
    return (struct call_settings){
        .set = true,
        .stage = "dialogues",
        .n_providers = 2,
        .providers = {{STR("a"), STR("openai"), STR("m"), STR("m-1"), STR("e1"), 64, 0.75},
                      {STR("b"), STR("openai"), STR("n"), {NULL, 0}, {NULL, 0}, 8, 0.25}},
        .n_prompts = 2,
        .prompts = {{*prompt_find(STR("dialogues"), STR("instruct-v1")), 0.5},
                    {{.name = "mine@3",
                      .stage = "dialogues",
                      .system = "Be brief.",
                      .template = "{{task}} {{caption}}",
                      .task = {"choose", "ask", "think"}},
                     0.5}},
        .temperature = 0.7,
        .top_p = 0.95,
        .max_tokens = 2048,
        .seed = -1,
        .salt = STR("salt \"x\""),
        .variants = 1,
        .mix = {0.1, 0.2, 0},
        .turns = {3, 9},
        .reasoning_turns = {1, 2},
    };
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct call_settings s = mixed(), back;
    struct buf first, second;
    struct err e = {0};
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    call_settings_write(&s, &first);
    assert_int_equal(call_settings_read(buf_str(&first), "dialogues", arena, &back, &e), 0);
    call_settings_write(&back, &second);
    assert_string_equal(buf_z(&first), buf_z(&second));
    assert_true(str_is(back.providers[0].served, "m-1"));
    assert_null(back.providers[1].served.p);
    assert_true(str_is(back.providers[0].extra, "e1"));
    assert_int_equal(back.providers[1].extra.n, 0);
    assert_false(call_settings_resolved(&back));
    assert_int_equal(back.providers[1].window, 8);
    assert_int_equal(call_settings_turns(&back, 1)->max, 9);
    assert_int_equal(call_settings_turns(&back, 2)->min, 1);
    assert_string_equal(back.prompts[1].prompt.task[2], "think");
    buf_free(&first);
    buf_free(&second);
    arena_free(arena);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct call_settings back;
    struct err e = {0};
    assert_int_equal(call_settings_read(STR("{}"), "captions", arena, &back, &e), -1);
    arena_free(arena);
}

static void items_choose_by_share(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct call_settings s = mixed();
    int first_provider = 0, first_prompt = 0, both = 0;
    for (int i = 0; i < N; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "item-%d", i);
        int provider = call_settings_provider(&s, str_of(id));
        int prompt = call_settings_prompt(&s, str_of(id));
        assert_int_equal(provider, call_settings_provider(&s, str_of(id)));
        first_provider += provider == 0;
        first_prompt += prompt == 0;
        both += provider == 0 && prompt == 0;
    }
    /* Five standard deviations are less than 2 points. */
    assert_in_range(first_provider, N * 73 / 100, N * 77 / 100);
    assert_in_range(first_prompt, N * 48 / 100, N * 52 / 100);
    /* The choices are independent of each other. */
    assert_in_range(both, N * 355 / 1000, N * 395 / 1000);
}

static void a_share_of_nothing_is_never_chosen(void **state)
{
    (void)state;
    struct call_settings s = mixed();
    s.providers[0].share = 0;
    s.providers[1].share = 1;
    for (int i = 0; i < 1000; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "item-%d", i);
        assert_int_equal(call_settings_provider(&s, str_of(id)), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(items_choose_by_share),
        cmocka_unit_test(a_share_of_nothing_is_never_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
