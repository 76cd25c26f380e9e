/* What a run is made of: defaults, recipes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/operations.h"
#include "handlers/run_request.h"
#include "server/base/cleanup.h"
#include "tests/unit/handlers/fake_request.h"

static const struct llm_settings offline = {.name = "offline",
                                            .kind = "offline",
                                            .model = "offline-composer-1",
                                            .max_in_flight = 1,
                                            .timeout_s = 1,
                                            .connect_timeout_s = 1,
                                            .attempts = 1,
                                            .stop_after = 1};
static const struct encoder_settings offline_encoder = {.name = "offline",
                                                        .kind = "offline",
                                                        .model = OFFLINE_ENCODER_MODEL,
                                                        .dimension = OFFLINE_ENCODER_DIMENSION,
                                                        .batch = 32,
                                                        .max_in_flight = 1,
                                                        .timeout_s = 1,
                                                        .connect_timeout_s = 1,
                                                        .attempts = 1,
                                                        .stop_after = 1};

static void declare(struct fake *f, const char *another)
{
    struct err e = {0};
    f->app.providers[f->app.n_providers++] = llm_provider_new(&offline, &e);
    f->app.encoders[f->app.n_encoders++] = encoder_new(&offline_encoder, &e);
    if (another) {
        struct llm_settings s = {.name = another,
                                 .kind = "openai",
                                 .url = "http://127.0.0.1:9/v1",
                                 .model = "m",
                                 .max_in_flight = 1,
                                 .timeout_s = 1,
                                 .connect_timeout_s = 1,
                                 .attempts = 1,
                                 .stop_after = 1,
                                 .max_tokens_field = "max_tokens"};
        f->app.providers[f->app.n_providers++] = llm_provider_new(&s, &e);
    }
    assert_int_equal(e.code, ERR_NONE);
}

static void undeclare(struct fake *f)
{
    for (int i = 0; i < f->app.n_providers; i++)
        llm_provider_free(f->app.providers[i]);
    for (int i = 0; i < f->app.n_encoders; i++)
        encoder_free(f->app.encoders[i]);
}

static int no_prompt(void *arg, const char *stage, struct str name, struct prompt *out,
                     struct err *e)
{
    (void)arg;
    (void)e;
    if (!str_is(name, "mine") || strcmp(stage, "captions") != 0)
        return 0;
    *out = (struct prompt){
        .name = "mine@2", .stage = "captions", .system = "S", .template = "{{seed}}"};
    return 1;
}

static int served(void *arg, const char *provider, const char *model, struct str *out,
                  struct err *e)
{
    (void)arg;
    (void)model;
    (void)e;
    if (strcmp(provider, "fresh") != 0)
        *out = STR("m-served");
    return 0;
}

/* 0, or -1 with e; the plan's texts live in f's arena. */
static int plan(struct fake *f, const char *body, struct run_plan *p, struct err *e)
{
    struct run_body b;
    if (json_decode(str_of(body), run_fields, 1000, f->q.arena, &b, sizeof(b), e) < 0)
        return -1;
    const struct run_sources from = {NULL, no_prompt, served};
    return run_plan_make(&f->q, &b, &from, p, e);
}

static void expect_refusal(const char *body, const char *pointer)
{
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    bool found = false;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(plan(&f, body, &p, &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    for (int i = 0; i < e.n_fields; i++)
        found |= strcmp(e.fields[i].pointer, pointer) == 0;
    if (!found)
        print_error("%s: no %s in: %s\n", body, pointer, e.msg);
    assert_true(found);
    undeclare(&f);
    fake_end(&f);
}

static void test_defaults(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(
        plan(&f, "{\"stages\":[\"representations\",\"captions\",\"dialogues\"]}", &p, &e), 0);
    assert_int_equal(p.variants, 1);
    assert_string_equal(p.selection, "{}");
    assert_non_null(strstr(p.captions, "\"settings\":{\"provider\":\"offline\",\"providers\":[{"
                                       "\"name\":\"offline\",\"kind\":\"offline\","
                                       "\"model\":\"offline-composer-1\","
                                       "\"served\":\"offline-composer-1\",\"window\":1,"
                                       "\"share\":1}],\"prompts\":[{\"name\":\"dense-v1\","));
    assert_non_null(strstr(p.captions, "\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":1024,"
                                       "\"seed\":-1,\"salt\":\"\",\"variants\":1}"));
    assert_non_null(strstr(p.dialogues, "\"max_tokens\":2048"));
    assert_string_equal(p.encoder, "{\"name\":\"offline\",\"settings\":{\"encoder\":\"offline\","
                                   "\"transfer\":\"mean_shift\"}}");
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        assert_memory_equal(&p.dialogue_settings.mix[i], &dialogue_default_mix[i], sizeof(double));
    undeclare(&f);
    fake_end(&f);
}

static void test_dialogues_by_number(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(plan(&f,
                          "{\"stages\":[\"dialogues\"],\"dialogues\":{\"targets\":{"
                          "\"question_answering\":1000},\"turns\":{\"min\":3,\"max\":5}}}",
                          &p, &e),
                     0);
    assert_true(p.targeted);
    assert_int_equal(p.targets[0], 0);
    assert_int_equal(p.targets[1], 1000);
    assert_int_equal(p.top_up, 20);
    assert_int_equal(p.dialogue_settings.turns.max, 5);
    assert_int_equal(p.dialogue_settings.reasoning_turns.min, 2);
    assert_non_null(strstr(p.dialogues, "\"turns\":{\"min\":3,\"max\":5}"));
    assert_int_equal(plan(&f,
                          "{\"stages\":[\"dialogues\"],\"dialogues\":{\"targets\":{"
                          "\"question_answering\":7},\"top_up\":false}}",
                          &p, &e),
                     0);
    assert_int_equal(p.top_up, 0);
    assert_int_equal(plan(&f, "{\"stages\":[\"dialogues\"]}", &p, &e), 0);
    assert_false(p.targeted);
    assert_int_equal(p.top_up, 0);
    assert_int_equal(
        plan(&f, "{\"stages\":[\"dialogues\"],\"dialogues\":{\"top_up\":true}}", &p, &e), 0);
    assert_int_equal(p.top_up, 20);
    undeclare(&f);
    fake_end(&f);
}

static void test_stages_that_are_not_asked_for(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"]}", &p, &e), 0);
    assert_non_null(p.captions);
    assert_null(p.dialogues);
    assert_null(p.encoder);
    undeclare(&f);
    fake_end(&f);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal("{\"stages\":[\"captions\",\"captions\"]}", "/stages");
    expect_refusal("{\"stages\":[\"captions\"],\"dialogues\":{}}", "/dialogues");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{\"provider\":\"gpt\"}}",
                   "/captions/provider");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{\"prompt\":\"none\"}}",
                   "/captions/prompt");
    expect_refusal("{\"stages\":[\"dialogues\"],\"dialogues\":{\"mix\":{}}}", "/dialogues/mix");
    expect_refusal("{\"stages\":[\"dialogues\"],\"dialogues\":{\"targets\":{}}}",
                   "/dialogues/targets");
    expect_refusal("{\"stages\":[\"dialogues\"],\"dialogues\":{\"mix\":{\"multiple_choice\":1},"
                   "\"targets\":{\"multiple_choice\":1}}}",
                   "/dialogues/targets");
    expect_refusal("{\"stages\":[\"dialogues\"],\"dialogues\":{\"turns\":{\"min\":5,"
                   "\"max\":4}}}",
                   "/dialogues/turns");
    expect_refusal("{\"stages\":[\"dialogues\"],\"dialogues\":{\"reasoning_turns\":{\"min\":1,"
                   "\"max\":17}}}",
                   "/dialogues/reasoning_turns/max");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{\"top_up\":true}}",
                   "/captions/top_up");
    expect_refusal("{\"stages\":[\"representations\"],\"representations\":{\"encoder\":\"x\"}}",
                   "/representations/encoder");
    expect_refusal("{\"stages\":[\"captions\"],\"select\":{\"seed_ids\":[\"0\"]}}",
                   "/select/seed_ids/0");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{\"variants\":9}}",
                   "/captions/variants");
    expect_refusal("{\"stages\":[\"captions\"],\"limit\":0}", "/limit");
    expect_refusal("{\"stages\":[\"captions\"],\"limit\":9,\"dry_run\":{\"pilot\":5}}", "/limit");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{\"provider\":\"offline\","
                   "\"providers\":[{\"provider\":\"offline\"}]}}",
                   "/captions/providers");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{"
                   "\"prompts\":[{\"prompt\":\"dense-v1\"},{\"prompt\":\"none\"}]}}",
                   "/captions/prompts/1/prompt");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{"
                   "\"prompts\":[{\"prompt\":\"mine\"},{\"prompt\":\"mine\"}]}}",
                   "/captions/prompts");
    expect_refusal("{\"stages\":[\"captions\"],\"captions\":{"
                   "\"prompts\":[{\"prompt\":\"dense-v1\",\"weight\":0}]}}",
                   "/captions/prompts");
    expect_refusal("{\"stages\":[\"captions\"],\"budget\":{\"deadline\":\"2026-02-30T00:00:00Z\"}}",
                   "/budget/deadline");
}

/* The provider's name that the plan of a run of captions has, or NULL. */
static const char *chosen(const char *another, const char *settings, char out[40])
{
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    char body[200];
    (void)snprintf(body, sizeof(body), "{\"stages\":[\"captions\"],\"captions\":%s}", settings);
    fake_begin(&f, "create_run", "streets");
    declare(&f, another);
    bool ok = plan(&f, body, &p, &e) == 0;
    if (ok) {
        const char *name = strstr(p.captions, "\"provider\":\"") + strlen("\"provider\":\"");
        (void)snprintf(out, 40, "%.*s", (int)strcspn(name, "\""), name);
    }
    undeclare(&f);
    fake_end(&f);
    return ok ? out : NULL;
}

static void test_the_only_declared_provider_is_taken(void **state)
{
    (void)state;
    char name[40];
    assert_string_equal(chosen(NULL, "{}", name), "offline");
    assert_string_equal(chosen("llm", "{}", name), "llm");
    assert_string_equal(chosen("llm", "{\"provider\":\"offline\"}", name), "offline");
}

static void test_recipe_has_everything_but_variants(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan a, b, c;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"]}", &a, &e), 0);
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"],\"captions\":{\"variants\":3}}", &b, &e),
                     0);
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"],\"captions\":{\"salt\":\"b\"}}", &c, &e),
                     0);
    size_t n = strlen("{\"recipe\":\"") + 32;
    assert_memory_equal(a.captions, b.captions, n);
    assert_memory_not_equal(a.captions, c.captions, n);
    assert_int_equal(b.variants, 3);
    undeclare(&f);
    fake_end(&f);
}

static void test_an_operators_prompt_is_taken(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    fake_begin(&f, "create_run", "streets");
    declare(&f, NULL);
    assert_int_equal(plan(&f,
                          "{\"stages\":[\"captions\"],\"captions\":{\"prompts\":[{\"prompt\":"
                          "\"mine\",\"weight\":3},{\"prompt\":\"concise-v1\"}]}}",
                          &p, &e),
                     0);
    assert_int_equal(p.caption_settings.n_prompts, 2);
    assert_string_equal(p.caption_settings.prompts[0].prompt.name, "mine@2");
    assert_true(p.caption_settings.prompts[0].share > 0.74 &&
                p.caption_settings.prompts[0].share < 0.76);
    undeclare(&f);
    fake_end(&f);
}

static void test_a_recipe_waits_for_the_served_model(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    struct run_plan p;
    fake_begin(&f, "create_run", "streets");
    declare(&f, "llm");
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"]}", &p, &e), 0);
    assert_true(str_starts(str_of(p.captions), STR("{\"recipe\":\"")));
    assert_non_null(strstr(p.captions, "\"model\":\"m-served\""));
    undeclare(&f);
    fake_end(&f);
    fake_begin(&f, "create_run", "streets");
    declare(&f, "fresh");
    assert_int_equal(plan(&f, "{\"stages\":[\"captions\"]}", &p, &e), 0);
    assert_true(str_starts(str_of(p.captions), STR("{\"settings\":{")));
    undeclare(&f);
    fake_end(&f);
}

static void test_times(void **state)
{
    (void)state;
    static const char *const good[] = {"2026-12-31T08:00:00Z", "2024-02-29T23:59:59.123456+05:30",
                                       "2026-01-01t00:00:00z"};
    static const char *const bad[] = {"2026-12-31",           "2025-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:00:00",  "2026-01-01T00:00:00.Z",
                                      "2026-01-01 00:00:00Z", "2026-01-01T00:00:00Z "};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(is_rfc3339(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(is_rfc3339(str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_dialogues_by_number),
        cmocka_unit_test(test_stages_that_are_not_asked_for),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_the_only_declared_provider_is_taken),
        cmocka_unit_test(test_recipe_has_everything_but_variants),
        cmocka_unit_test(test_an_operators_prompt_is_taken),
        cmocka_unit_test(test_a_recipe_waits_for_the_served_model),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
