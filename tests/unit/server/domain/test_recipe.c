#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/base/hash.h"
#include "server/domain/dialogue_schema.h"
#include "server/domain/recipe.h"
#include "server/json/decode.h"

static struct buf json;
static uint8_t id[RECIPE_ID_BYTES];

static int set_up(void **state)
{
    (void)state;
    buf_init(&json, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&json);
    return 0;
}

static void assert_id(const char *hex)
{
    char text[2 * RECIPE_ID_BYTES + 1];
    hex_encode(id, sizeof(id), text);
    assert_string_equal(text, hex);
}

static struct call_settings with_prompt(const char *stage, const char *name)
{
    struct call_settings s = {
        .set = true,
        .stage = stage,
        .n_providers = 1,
        .providers = {{.name = STR("llm"),
                       .kind = STR("openai"),
                       .model = STR("alias"),
                       .served = STR("m"),
                       .window = 256,
                       .share = 1}},
        .temperature = -1,
        .top_p = -1,
        .seed = -1,
        .salt = STR(""),
        .turns = dialogue_default_turns[0],
        .reasoning_turns = dialogue_default_turns[2],
    };
    if (name) {
        s.n_prompts = 1;
        s.prompts[0] = (struct prompt_choice){*prompt_find(str_of(stage), str_of(name)), 1};
    }
    return s;
}

static void test_canonical_form(void **state)
{
    (void)state;
    struct call_settings s = with_prompt("captions", NULL);
    s.providers[0].served = STR("org/model \"7\"");
    s.temperature = 0.7;
    s.top_p = 1;
    s.max_tokens = 512;
    s.seed = 0;
    s.salt = STR("s");
    recipe_build(&s, &json, id);
    assert_string_equal(buf_z(&json),
                        "{\"kind\":\"openai\",\"max_tokens\":512,\"model\":\"org/model \\\"7\\\"\","
                        "\"prompts\":[],\"providers\":[{\"kind\":\"openai\","
                        "\"model\":\"org/model \\\"7\\\"\",\"share\":1}],\"salt\":\"s\",\"seed\":0,"
                        "\"stage\":\"captions\",\"temperature\":0.7,\"top_p\":1}");
    s.n_prompts = 1;
    s.prompts[0] = (struct prompt_choice){
        {.name = "p", .stage = "captions", .system = "S", .template = "{{seed}}"}, 1};
    s.temperature = s.top_p = -1;
    s.seed = -1;
    s.max_tokens = 0;
    recipe_build(&s, &json, id);
    assert_non_null(strstr(buf_z(&json), "\"max_tokens\":null"));
    assert_non_null(strstr(buf_z(&json),
                           "\"prompts\":[{\"name\":\"p\",\"system\":\"S\",\"tasks\":null,"
                           "\"template\":\"{{seed}}\",\"share\":1}]"));
}

static void test_human(void **state)
{
    (void)state;
    recipe_human(1, &json, id);
    assert_string_equal(
        buf_z(&json),
        "{\"kind\":\"human\",\"model\":\"human\",\"revision\":1,\"stage\":\"captions\"}");
    assert_id("cd652e8e82f78d3e20ad8063f74cb876");
    recipe_human(12, &json, id);
    assert_id("d2ae47b97ec267c3237da9b339178ebf");
}

static void test_imported(void **state)
{
    (void)state;
    recipe_imported(STR("sharegpt4v"), &json, id);
    assert_string_equal(buf_z(&json),
                        "{\"kind\":\"imported\",\"name\":\"sharegpt4v\",\"stage\":\"captions\"}");
    assert_id("957a74aba533e28c1d4fbfafa39a1247");
}

/* A released prompt never changes: its text is part of recipes that exist. */
static void test_released_prompts_stay(void **state)
{
    (void)state;
    static const struct {
        const char *stage, *name, *recipe;
    } released[] = {
        {"captions", "dense-v1", "778b5f8321a11ff5fcaceef64d5943d8"},
        {"captions", "concise-v1", "ea24bfb793d7baa262c18f1afaa334dc"},
        {"captions", "regions-v1", "ed47dea0885b4de46dc771436c5e35b8"},
        {"dialogues", "instruct-v1", "d48c2fd4b5f3d9ac202be4f6390d6cae"},
    };
    size_t n = 0;
    for (const struct prompt *p = prompts; p->name; p++)
        n++;
    assert_int_equal(n, sizeof(released) / sizeof(released[0]));
    for (size_t i = 0; i < n; i++) {
        struct call_settings s = with_prompt(released[i].stage, released[i].name);
        recipe_build(&s, &json, id);
        struct err e = {0};
        assert_int_equal(json_scan(buf_str(&json), 1000, &e), 0);
        assert_id(released[i].recipe);
    }
}

static void test_every_setting_counts(void **state)
{
    (void)state;
    enum { CHANGES = 13 };
    struct call_settings base = with_prompt("captions", "dense-v1");
    struct call_settings other[CHANGES];
    for (size_t i = 0; i < CHANGES; i++)
        other[i] = base;
    other[0].stage = "dialogues";
    other[1].providers[0].kind = STR("offline");
    other[2].providers[0].served = STR("n");
    other[3] = with_prompt("captions", "concise-v1");
    other[4].temperature = 0;
    other[5].top_p = 0.5;
    other[6].max_tokens = 1;
    other[7].seed = 0;
    other[8].salt = STR("x");
    other[9].prompts[0].share = 0.5;
    other[10].providers[1] = base.providers[0];
    other[10].n_providers = 2;
    other[11].prompts[0].prompt.template = "{{seed}}";
    other[12].providers[0].extra = STR("4e1243bd22c66e76c2ba9eddc1f91394");
    uint8_t first[RECIPE_ID_BYTES];
    recipe_build(&base, &json, first);
    for (size_t i = 0; i < CHANGES; i++) {
        recipe_build(&other[i], &json, id);
        assert_memory_not_equal(id, first, sizeof(id));
    }
    recipe_build(&base, &json, id);
    assert_memory_equal(id, first, sizeof(id));
}

/* How a provider is called and reached here says nothing about the rows. */
static void test_names_and_windows_do_not_count(void **state)
{
    (void)state;
    struct call_settings base = with_prompt("captions", "dense-v1"), other = base;
    uint8_t first[RECIPE_ID_BYTES];
    other.providers[0].name = STR("another");
    other.providers[0].model = STR("another-alias");
    other.providers[0].window = 7;
    other.variants = 4;
    recipe_build(&base, &json, first);
    recipe_build(&other, &json, id);
    assert_memory_equal(id, first, sizeof(id));
}

static void test_prompts_are_complete(void **state)
{
    (void)state;
    assert_null(prompt_find(STR("captions"), STR("instruct-v1")));
    assert_null(prompt_find(STR("captions"), STR("")));
    const struct prompt *dialogue = prompt_find(STR("dialogues"), STR("instruct-v1"));
    assert_non_null(dialogue);
    for (int task = 0; task < DIALOGUE_TASKS; task++)
        assert_non_null(dialogue->task[task]);
    assert_null(prompt_find(STR("captions"), STR("dense-v1"))->task[0]);
}

static void test_schemas(void **state)
{
    (void)state;
    const struct turns range = {3, 5};
    for (int task = 0; task < DIALOGUE_TASKS; task++) {
        struct err e = {0};
        buf_reset(&json);
        dialogue_schema(task, &range, &json);
        struct str schema = buf_str(&json);
        assert_int_equal(json_scan(schema, 200, &e), 0);
        bool options = str_find(schema, STR("\"options\"")) > 0;
        assert_int_equal(options, str_eq(str_of(dialogue_tasks[task]), STR("multiple_choice")));
        assert_true(str_find(schema, STR("\"minItems\":3,\"maxItems\":5,")) > 0);
    }
    assert_null(dialogue_tasks[DIALOGUE_TASKS]);
}

/* How long a dialogue is to be stands in its schema, and so in its recipe. */
static void test_turns_count(void **state)
{
    (void)state;
    struct call_settings base = with_prompt("dialogues", "instruct-v1"), other = base;
    uint8_t first[RECIPE_ID_BYTES];
    recipe_build(&base, &json, first);
    other.turns.min = 5;
    recipe_build(&other, &json, id);
    assert_memory_not_equal(id, first, sizeof(id));
    other = base;
    other.reasoning_turns.max = 5;
    recipe_build(&other, &json, id);
    assert_memory_not_equal(id, first, sizeof(id));
}

static void test_default_mix(void **state)
{
    (void)state;
    assert_true(dialogue_default_mix[0] > 0.13757 && dialogue_default_mix[0] < 0.13758);
    assert_true(dialogue_default_mix[1] > 0.16009 && dialogue_default_mix[1] < 0.16010);
    assert_true(dialogue_default_mix[2] > 0.08045 && dialogue_default_mix[2] < 0.08046);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_form),
        cmocka_unit_test(test_human),
        cmocka_unit_test(test_imported),
        cmocka_unit_test(test_released_prompts_stay),
        cmocka_unit_test(test_every_setting_counts),
        cmocka_unit_test(test_names_and_windows_do_not_count),
        cmocka_unit_test(test_prompts_are_complete),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_turns_count),
        cmocka_unit_test(test_default_mix),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
