/* Templates of prompts: what is a variable, what is text, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/domain/template.h"

enum { EVERY = (1 << VARIABLE_COUNT) - 1 };

static struct arena *arena;
static struct buf out;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    buf_init(&out, 1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    buf_free(&out);
    return 0;
}

static void expect(const char *text, const char *rendered)
{
    static const struct str values[VARIABLE_COUNT] = {
        [VARIABLE_SEED] = {"A dog.", 6},
        [VARIABLE_CAPTION] = {"{{seed}} of a dog", 17},
        [VARIABLE_DOMAIN] = {"pets", 4},
        [VARIABLE_TURNS_MIN] = {"6", 1},
    };
    struct template t;
    struct err e = {0};
    assert_int_equal(template_parse(str_of(text), EVERY, "/t", arena, &t, &e), 0);
    buf_reset(&out);
    template_render(&t, values, &out);
    assert_string_equal(buf_z(&out), rendered);
}

static void test_render(void **state)
{
    (void)state;
    expect("", "");
    expect("no variable", "no variable");
    expect("{{seed}}", "A dog.");
    expect("Caption: {{seed}}\n", "Caption: A dog.\n");
    expect("{{seed}}{{ seed }}{{\tdomain\n}}", "A dog.A dog.pets");
    expect("from {{turns_min}} pairs", "from 6 pairs");
    expect("a value is not parsed again: {{caption}}",
           "a value is not parsed again: {{seed}} of a dog");
}

static void test_single_braces_are_text(void **state)
{
    (void)state;
    expect("{\"pairs\":[{\"q\":\"{{seed}}\"}]}", "{\"pairs\":[{\"q\":\"A dog.\"}]}");
    expect("{ {{seed}} }", "{ A dog. }");
    expect("a { b } c {seed} } {", "a { b } c {seed} } {");
    expect("{{seed}}}", "A dog.}");
}

static void test_fallbacks(void **state)
{
    (void)state;
    expect("{{domain|anything}}", "pets");
    expect("{{source|no source}}, {{label|}}{{label}}.", "no source, .");
    expect("{{ source | kept as it is }}", " kept as it is ");
    expect("{{source|a|b}}", "a|b");
}

static void expect_refusal(const char *text, unsigned known, int errors, const char *detail)
{
    struct template t;
    struct err e = {0};
    assert_int_equal(template_parse(str_of(text), known, "/t", arena, &t, &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    assert_int_equal(e.n_fields, errors);
    assert_string_equal(e.fields[0].pointer, "/t");
    assert_string_equal(e.fields[0].detail, detail);
}

static void test_refusals(void **state)
{
    (void)state;
    const unsigned seed = TEMPLATE_HAS(VARIABLE_SEED), two = seed | TEMPLATE_HAS(VARIABLE_DOMAIN);
    expect_refusal("{{sed}}", two, 1, "{{sed}} is not a variable here; there are: seed, domain");
    expect_refusal("{{caption}}", seed, 1, "{{caption}} is not a variable here; there are: seed");
    expect_refusal("{{}}", seed, 1, "{{}} is not a variable here; there are: seed");
    expect_refusal("{{a}} {{b}} {{seed}} {{c}}", seed, 3,
                   "{{a}} is not a variable here; there are: seed");
    expect_refusal("{{Seed}}", seed, 1, "{{Seed}} is not a variable here; there are: seed");
    expect_refusal("{{{seed}}}", seed, 1, "{{{seed}} is not a variable here; there are: seed");
    expect_refusal("{{seed|x}}", seed, 1, "{{seed}} always has a value and takes no fallback");
    expect_refusal("a {{seed", seed, 1,
                   "{{ without counterpart: \"{{seed\"; part braces that are text with a blank");
    expect_refusal(
        "{\"a\":{\"b\":1}} {{seed}}", seed, 1,
        "}} without counterpart: \"}} {{seed}}\"; part braces that are text with a blank");
    expect_refusal("{{seed {{seed}}", seed, 1,
                   "{{ without counterpart: \"{{seed {{seed}}\"; part braces that are text with a "
                   "blank");
    expect_refusal("{{a}} {{", seed, 2, "{{a}} is not a variable here; there are: seed");
}

static void test_uses(void **state)
{
    (void)state;
    struct template t;
    struct err e = {0};
    assert_int_equal(template_parse(STR("{{seed}} {domain}"), EVERY, "/t", arena, &t, &e), 0);
    assert_true(template_uses(&t, VARIABLE_SEED));
    assert_false(template_uses(&t, VARIABLE_DOMAIN));
}

static void test_memory(void **state)
{
    (void)state;
    struct arena *small = arena_new(1);
    struct template t;
    struct err e = {0};
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 2000; i++)
        buf_addz(&text, "{{seed}}");
    assert_int_equal(template_parse(buf_str(&text), EVERY, "/t", small, &t, &e), -1);
    assert_int_equal(e.code, ERR_NO_MEMORY);
    buf_free(&text);
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),    cmocka_unit_test(test_single_braces_are_text),
        cmocka_unit_test(test_fallbacks), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_uses),      cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
