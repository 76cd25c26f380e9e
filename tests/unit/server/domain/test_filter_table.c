/* The table of filters, and the settings of a run between request, row and worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/filters.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void read_settings(const char *json, struct filter_settings *s)
{
    struct err e = {0};
    if (filters_read(str_of(json), arena, s, &e) < 0)
        fail_msg("%s: %s", json, e.msg);
}

static void assert_same(const struct filter_settings *a, const struct filter_settings *b)
{
    assert_int_equal(a->preset, b->preset);
    for (int i = 0; i < FILTER_COUNT; i++) {
        assert_int_equal(a->of[i].action, b->of[i].action);
        assert_memory_equal(a->of[i].param, b->of[i].param, sizeof(a->of[i].param));
    }
}

static void rows_are_complete(void **state)
{
    (void)state;
    assert_in_range(FILTER_COUNT, 1, 32); /* bits of a mask */
    size_t names = 0;
    for (int i = 0; i < FILTER_COUNT; i++) {
        const struct filter_row *row = &filter_rows[i];
        assert_non_null(row->name);
        assert_true(strlen(row->help) > 20);
        assert_int_equal(filter_by_name(str_of(row->name)), i);
        names += strlen(row->name) + 1;
        for (int k = 0; row->params[k].name; k++)
            for (int p = 0; p < PRESET_COUNT; p++) {
                assert_true(row->params[k].value[p] >= row->params[k].min);
                assert_true(row->params[k].value[p] <= row->params[k].max);
            }
    }
    assert_in_range(names, 1, FILTER_NAMES_TEXT);
    assert_int_equal(filter_by_name(STR("length ")), FILTER_COUNT);
}

static void presets_grow_stricter(void **state)
{
    (void)state;
    struct filter_settings s[PRESET_COUNT];
    for (int p = 0; p < PRESET_COUNT; p++)
        filters_preset((enum filter_preset)p, &s[p]);
    for (int i = 0; i < FILTER_COUNT; i++) {
        bool breaks = i == FILTER_RESERVED_STRING || i == FILTER_EMPTY;
        assert_int_equal(s[PRESET_PAPER].of[i].action, breaks ? FILTER_DROP : FILTER_OFF);
        assert_true(s[PRESET_STANDARD].of[i].action >= FILTER_FLAG);
        assert_true(s[PRESET_STRICT].of[i].action >= s[PRESET_STANDARD].of[i].action);
    }
}

static void what_is_given_takes_the_presets_place(void **state)
{
    (void)state;
    struct filter_settings s, standard;
    filters_preset(PRESET_STANDARD, &standard);
    read_settings("{}", &s);
    assert_same(&s, &standard);
    read_settings("{\"preset\":\"strict\",\"length\":{\"min_words\":7},"
                  "\"near_duplicate\":{\"action\":\"flag\",\"similarity\":0.7}}",
                  &s);
    assert_int_equal(s.preset, PRESET_STRICT);
    assert_int_equal(s.of[FILTER_LENGTH].action, FILTER_DROP);
    assert_true(s.of[FILTER_LENGTH].param[0] > 6.9 && s.of[FILTER_LENGTH].param[0] < 7.1);
    assert_true(s.of[FILTER_LENGTH].param[1] > 399 && s.of[FILTER_LENGTH].param[1] < 401);
    assert_int_equal(s.of[FILTER_NEAR_DUPLICATE].action, FILTER_FLAG);
    assert_true(s.of[FILTER_NEAR_DUPLICATE].param[0] < 0.71);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct filter_settings s, again;
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int p = 0; p < PRESET_COUNT; p++) {
        filters_preset((enum filter_preset)p, &s);
        s.of[FILTER_SHORT] = (struct filter_setting){FILTER_DROP, {33}};
        s.of[FILTER_SEED_KEPT].param[0] = 0.123456789;
        buf_reset(&b);
        filters_write(&s, &b);
        read_settings(buf_z(&b), &again);
        assert_same(&s, &again);
    }
    buf_free(&b);
}

static void what_does_not_fit_is_refused_by_its_pointer(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"lenght\":{}}", "/lenght"},
        {"{\"preset\":\"lax\"}", "/preset"},
        {"{\"loop\":{\"action\":\"warn\"}}", "/loop/action"},
        {"{\"loop\":{\"many\":3}}", "/loop/many"},
        {"{\"loop\":{\"times\":2.5}}", "/loop/times"},
        {"{\"loop\":{\"times\":1}}", "/loop/times"},
        {"{\"near_duplicate\":{\"similarity\":0.4}}", "/near_duplicate/similarity"},
        {"{\"length\":{\"min_words\":50,\"max_words\":40}}", "/length/max_words"},
        {"{\"length\":[]}", "/length"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filter_settings s;
        struct err e = {0};
        assert_int_equal(filters_read(str_of(cases[i][0]), arena, &s, &e), -1);
        assert_int_equal(e.code, ERR_VALIDATION);
        assert_string_equal(e.fields[0].pointer, cases[i][1]);
    }
    struct filters_given g = {0};
    struct filter_given length = {.param = {{.whole = {true, 900}}}};
    struct filter_settings s;
    struct err e = {0};
    g.of[FILTER_LENGTH] = &length;
    assert_int_equal(filters_take(&g, "/captions/filters", &s, &e), -1);
    assert_string_equal(e.fields[0].pointer, "/captions/filters/length/max_words");
}

static void names_are_listed_in_order(void **state)
{
    (void)state;
    char names[FILTER_NAMES_TEXT];
    filters_names(0, names);
    assert_string_equal(names, "");
    filters_names(1U << FILTER_LOOP | 1U << FILTER_EMPTY, names);
    assert_string_equal(names, "empty,loop");
    filters_names((1U << FILTER_COUNT) - 1, names);
    assert_true(strlen(names) < sizeof(names) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(presets_grow_stricter),
        cmocka_unit_test(what_is_given_takes_the_presets_place),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_does_not_fit_is_refused_by_its_pointer),
        cmocka_unit_test(names_are_listed_in_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
