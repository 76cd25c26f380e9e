/* What the texts of a prompt must be like, and how they are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/domain/prompt_check.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct prompt captions(const char *system, const char *template)
{
    return (struct prompt){.stage = "captions", .system = system, .template = template};
}

static struct prompt dialogues(const char *system, const char *template, const char *task)
{
    return (struct prompt){.stage = "dialogues",
                           .system = system,
                           .template = template,
                           .task = {task, "Ask.", "Reason."}};
}

static struct prompt_form check(struct prompt p)
{
    struct prompt_form f;
    struct err e = {0};
    assert_int_equal(prompt_check(&p, arena, &f, &e), 0);
    assert_int_equal(e.code, ERR_NONE);
    return f;
}

static void expect_refusal(struct prompt p, const char *pointer, const char *part)
{
    struct prompt_form f;
    struct err e = {0};
    assert_int_equal(prompt_check(&p, arena, &f, &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    for (int i = 0; i < e.n_fields; i++)
        if (strcmp(e.fields[i].pointer, pointer) == 0 && strstr(e.fields[i].detail, part)) {
            assert_true(strlen(e.fields[i].detail) + 1 < sizeof(e.fields[i].detail));
            return;
        }
    fail_msg("no error at %s with \"%s\": %s", pointer, part, e.msg);
}

static void test_built_in_prompts(void **state)
{
    (void)state;
    for (const struct prompt *p = prompts; p->name; p++) {
        struct prompt_form f = check(*p);
        assert_false(prompt_is_wasteful(&f));
        assert_non_null(p->description);
    }
}

static void test_variables(void **state)
{
    (void)state;
    struct prompt_form f = check(captions("Describe.", "{{domain|any}} caption: {{seed}}"));
    assert_int_equal(prompt_variables(&f),
                     TEMPLATE_HAS(VARIABLE_SEED) | TEMPLATE_HAS(VARIABLE_DOMAIN));
    f = check(dialogues("Talk.", "{{task}} {{caption}}", "{{turns_min}} pairs"));
    assert_int_equal(prompt_variables(&f), TEMPLATE_HAS(VARIABLE_TASK) |
                                               TEMPLATE_HAS(VARIABLE_CAPTION) |
                                               TEMPLATE_HAS(VARIABLE_TURNS_MIN));
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(captions("s", "no variable"), "/template", "must have {{seed}}");
    expect_refusal(captions("s", "{{caption}} {{seed}}"), "/template", "{{caption}} is not");
    expect_refusal(captions("s", "{{seed"), "/template", "{{ without");
    expect_refusal(captions("About {{seed}}", "{{seed}}"), "/system", "differs between items");
    expect_refusal(captions("{{domain}}", "{{seed}}"), "/system", "prefix caches");
    expect_refusal(captions("{{turns_min}}", "{{seed}}"), "/system", "is not a variable here");
    expect_refusal(captions("Never say <image>.", "{{seed}}"), "/system", "<image>");
    expect_refusal(captions("s", "</s>{{seed}}"), "/template", "</s>");
    expect_refusal(dialogues("s", "{{caption}}", "t"), "/template", "must have {{task}}");
    expect_refusal(dialogues("s", "{{task}}", "t"), "/template", "must have {{caption}}");
    expect_refusal(dialogues("{{task}}", "{{task}}{{caption}}", "t"), "/system", "differs");
    expect_refusal(dialogues("{{turns_min}}", "{{task}}{{caption}}", "t"), "/system", "differs");
    expect_refusal(dialogues("s", "{{task}}{{caption}}", "{{caption}}"), "/tasks/multiple_choice",
                   "differs");
    expect_refusal(dialogues("s", "{{task}}{{caption}}", "{{task}}"), "/tasks/multiple_choice",
                   "differs");
    expect_refusal(dialogues("s", "{{task}}{{caption}}", "USER: ask"), "/tasks/multiple_choice",
                   "USER:");
    expect_refusal(dialogues("s", "{{seed}}{{task}}{{caption}}", "t"), "/template",
                   "{{seed}} is not");
}

/* A fault in the template is not followed by what it made look missing. */
static void test_one_fault_is_told_once(void **state)
{
    (void)state;
    struct prompt p = captions("s", "{{sed}}");
    struct prompt_form f;
    struct err e = {0};
    assert_int_equal(prompt_check(&p, arena, &f, &e), -1);
    assert_int_equal(e.n_fields, 1);
}

static void expect_waste(struct prompt p, bool wasteful)
{
    struct prompt_form f = check(p);
    assert_int_equal(prompt_is_wasteful(&f), wasteful);
}

static void test_waste(void **state)
{
    (void)state;
    expect_waste(captions("s", "Caption: {{seed}}"), false);
    expect_waste(captions("s", "Caption: \"{{seed}}\".\n"), false);
    expect_waste(captions("s", "{{seed}}\n{{domain}}"), false);
    expect_waste(captions("s", "{{seed}}\nBe brief."), true);
    expect_waste(dialogues("s", "{{task}} {{caption}}", "t"), false);
    expect_waste(dialogues("s", "{{caption}} {{task}}", "t"), true);
}

static void expect_message(struct prompt p, const struct prompt_values *v, const char *message)
{
    struct str text = prompt_render(&p, v, arena);
    assert_non_null(text.p);
    assert_string_equal(text.p, message);
}

static void test_messages(void **state)
{
    (void)state;
    const struct prompt_values seed = {.seed = STR("A {{domain}} dog."), .source = STR("me")};
    expect_message(captions("s", "{{domain|any}}/{{source}}: {{seed}}"), &seed,
                   "any/me: A {{domain}} dog.");
    const struct prompt_values caption = {.caption = STR("A {{task}}."),
                                          .task = STR("Write {{turns_min}} to {{turns_max}}."),
                                          .turns = {6, 8}};
    expect_message(dialogues("s", "{{task}} {{turns_max}}: {{caption}}", ""), &caption,
                   "Write 6 to 8. 8: A {{task}}.");
    const struct prompt_values none = {.seed = STR("A dog.")};
    expect_message(captions("s", "{{seed}}"), &none, "A dog.");
    /* What no check has let through is not sent. */
    const struct prompt p = captions("s", "{{ {{unknown}}{{seed}}!");
    assert_null(prompt_render(&p, &none, arena).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in_prompts),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_one_fault_is_told_once),
        cmocka_unit_test(test_waste),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
