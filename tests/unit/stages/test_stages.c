/* What the stages make of a model's answer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/domain/minhash.h"
#include "stages/stage.h"

static struct run_settings settings;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(8 << 20);
    settings.captions.prompts[0].prompt = *prompt_find(STR("captions"), STR("dense-v1"));
    settings.dialogues.prompts[0].prompt = *prompt_find(STR("dialogues"), STR("instruct-v1"));
    filters_preset(PRESET_STANDARD, &settings.filters);
    settings.dialogues.turns = dialogue_default_turns[0];
    settings.dialogues.reasoning_turns = dialogue_default_turns[2];
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct llm_reply answer(struct str text)
{
    return (struct llm_reply){
        .outcome = LLM_OK, .text = text, .model = STR("m"), .finish_reason = STR("stop")};
}

static const char *drop_of(const char *text, const char *seed)
{
    struct item it = {.text = str_of(seed)};
    struct llm_reply r = answer(str_of(text));
    assert_int_equal(caption_accept(&settings, &it, &r, arena), VERDICT_TAKEN);
    return it.result.dropped ? it.result.dropped : "";
}

static void captions_are_filtered(void **state)
{
    (void)state;
    const char *good = "A brown dog runs along the wet sand while small waves roll in behind it.";
    assert_string_equal(drop_of(good, "A dog runs."), "");
    assert_string_equal(
        drop_of("I'm sorry, but I cannot help with that request at all today.", "x"), "refusal");
    assert_string_equal(drop_of("A dog.", "x"), "length");
    assert_string_equal(drop_of("A dog runs over <image> the grass in the park with a ball.", "x"),
                        "reserved_string");
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 12; i++)
        buf_addz(&b, "the dog runs over the green grass ");
    assert_string_equal(drop_of(buf_z(&b), "x"), "loop");
    buf_reset(&b);
    for (int i = 0; i < 5; i++)
        buf_addf(&b,
                 "In part %c the tall man and the two officers are near a wall of grey stone %c. ",
                 'a' + i, 'p' + i);
    assert_string_equal(drop_of(buf_z(&b), "x"), "");
    buf_reset(&b);
    for (int i = 0; i < 700; i++)
        buf_addf(&b, "the word%d ", i);
    assert_string_equal(drop_of(buf_z(&b), "x"), "length");
    buf_free(&b);
}

static void captions_are_flagged_and_named(void **state)
{
    (void)state;
    struct item it = {.text = STR("A dog with number 5.")};
    struct llm_reply r = answer(STR("A dog with number 5 and  the sign 73 stands in the yard now"));
    assert_int_equal(caption_accept(&settings, &it, &r, arena), VERDICT_TAKEN);
    assert_string_equal(it.result.flags, "short,unfinished,invented_digits");
    assert_true(
        str_is(it.result.text, "A dog with number 5 and the sign 73 stands in the yard now"));
    assert_int_equal(it.result.signature.n, MINHASH_BYTES);
    uint8_t expected[CAPTION_HASH_BYTES];
    caption_hash(settings.captions.recipe, 0, it.result.text, expected);
    assert_memory_equal(it.result.hash, expected, CAPTION_HASH_BYTES);
}

static void an_empty_caption_is_asked_again(void **state)
{
    (void)state;
    struct item it = {.text = STR("A dog.")};
    struct llm_reply r = answer(STR(" \n\t "));
    assert_int_equal(caption_accept(&settings, &it, &r, arena), VERDICT_REFUSED);
    assert_non_null(it.refusal);
}

/* A multiple-choice answer of n pairs; `spoil` replaces the question of the second pair. */
static const char *choices(int n, const char *spoil, const char *letter)
{
    static const char *const openings[] = {"What is", "Where is", "Which is", "How is"};
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_addz(&b, "{\"pairs\":[");
    for (int i = 0; i < n; i++)
        buf_addf(&b,
                 "%s{\"question\":\"%s %d?\",\"options\":{\"A\":\"right %d\",\"B\":\"wrong b%d\","
                 "\"C\":\"wrong c%d\",\"D\":\"wrong d%d\"},\"answer\":\"%s\"}",
                 i ? "," : "", i == 1 && spoil ? spoil : openings[i % 4], i, i, i, i, i, letter);
    buf_addz(&b, "]}");
    const char *out = arena_dup(arena, b.p, b.n);
    buf_free(&b);
    return out;
}

static enum verdict judge(struct item *it, const char *text)
{
    struct llm_reply r = answer(str_of(text));
    return dialogue_accept(&settings, it, &r, arena);
}

static void a_dialogue_takes_the_trainers_form(void **state)
{
    (void)state;
    struct item it = {.task = 0};
    assert_int_equal(judge(&it, choices(7, NULL, "A")), VERDICT_TAKEN);
    struct str c = it.result.text;
    assert_int_equal(it.result.turns, 7);
    assert_true(str_starts(c, STR("[{\"from\":\"human\",\"value\":\"<image>\\nWhat is 0?\\nA: ")));
    assert_int_equal(str_find(str_from(c, 40), STR("<image>")), -1);
    assert_true(str_find(c, STR("{\"from\":\"gpt\",\"value\":\"")) > 0);
}

/* The keyed letter follows its option through the shuffle, and each block of four questions uses
 * each letter once. */
static void options_are_shuffled_with_their_key(void **state)
{
    (void)state;
    int letters[4] = {0};
    for (int k = 0; k < 50; k++) {
        struct item it = {.task = 0, .hash = {(uint8_t)k}};
        assert_int_equal(judge(&it, choices(8, NULL, "A")), VERDICT_TAKEN);
        struct str rest = it.result.text;
        for (int i = 0; i < 8; i++) {
            char right[32];
            (void)snprintf(right, sizeof(right), ": right %d", i);
            ptrdiff_t at = str_find(rest, str_of(right));
            assert_true(at > 0);
            char shown = rest.p[at - 1];
            ptrdiff_t key = str_find(str_from(rest, (size_t)at), STR("\"gpt\",\"value\":\""));
            assert_true(key > 0);
            assert_int_equal(rest.p[at + key + (ptrdiff_t)sizeof("\"gpt\",\"value\":\"") - 1],
                             shown);
            letters[shown - 'A']++;
        }
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(letters[i], 100);
}

static void words_that_name_the_source_are_whole_words(void **state)
{
    (void)state;
    static const struct {
        const char *question, *caption;
        enum verdict verdict;
    } cases[] = {
        {"How does the texture of the wall look in", "", VERDICT_TAKEN},
        {"Who is captioning films in", "", VERDICT_TAKEN},
        {"What do the captions say of", "", VERDICT_REFUSED},
        {"What does The Text, as a whole, say of", "", VERDICT_REFUSED},
        {"What does the text on the sign say to", "", VERDICT_TAKEN},
        {"Who is in the picture, according to the", "", VERDICT_REFUSED},
        {"When is it, according to the clock, in", "", VERDICT_TAKEN},
        {"Where is the end of the passage to", "", VERDICT_REFUSED},
        {"Where is the end of the passage to", "A narrow passage leads to a yard.", VERDICT_TAKEN},
        {"What is mentioned of", "A narrow passage leads to a yard.", VERDICT_REFUSED},
        {"Which colour fits the provided lawn", "", VERDICT_REFUSED},
        {"Which seats are provided for guest", "", VERDICT_TAKEN},
        {"What hangs on the man's description tag", "", VERDICT_REFUSED},
        {"What hangs on the man's description tag", "A man wears a description tag.",
         VERDICT_TAKEN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct item it = {.task = 0, .text = str_of(cases[i].caption)};
        if (judge(&it, choices(6, cases[i].question, "A")) != cases[i].verdict)
            fail_msg("%s: %s", cases[i].question, it.refusal ? it.refusal : "taken");
    }
}

/* A run may want dialogues of another length. */
static void the_wanted_length_is_the_runs(void **state)
{
    (void)state;
    struct item it = {.task = 0, .text = STR("A dog runs.")};
    struct llm_request r;
    struct err e = {0};
    settings.dialogues.turns = (struct turns){3, 3};
    assert_int_equal(dialogue_request(&settings, &it, arena, &r, &e), 0);
    assert_true(str_find(r.user, STR("Write 3 to 3 pairs.")) > 0);
    assert_true(str_find(r.schema, STR("\"minItems\":3,\"maxItems\":3,")) > 0);
    assert_int_equal(judge(&it, choices(2, NULL, "A")), VERDICT_REFUSED);
    assert_string_equal(it.refusal_code, "turns");
    assert_int_equal(judge(&it, choices(3, NULL, "A")), VERDICT_TAKEN);
    assert_true(it.schema_held);
    assert_int_equal(judge(&it, choices(4, NULL, "A")), VERDICT_TAKEN);
    assert_int_equal(it.result.turns, 3);
    assert_false(it.schema_held);
    settings.dialogues.turns = dialogue_default_turns[0];
}

/* One bad pair of seven is left out, one of six is one too few. */
static void good_pairs_stay(void **state)
{
    (void)state;
    struct item it = {.task = 0};
    assert_int_equal(judge(&it, choices(7, "Where is <image> in", "A")), VERDICT_TAKEN);
    assert_int_equal(it.result.turns, 6);
    assert_true(it.repaired && it.schema_held);
    assert_int_equal(judge(&it, choices(6, "Where is <image> in", "A")), VERDICT_REFUSED);
    assert_string_equal(it.refusal_code, "reserved_string");
    assert_string_equal(it.refusal, "pair 2 has the reserved string <image> in its question; leave "
                                    "it out; 6 to 8 pairs are wanted, 5 are good");
}

static void a_refusal_is_shown_to_the_model(void **state)
{
    (void)state;
    struct item it = {
        .task = 1, .text = STR("A dog runs."), .asked = 1, .refusal = "two questions are the same"};
    struct llm_request r;
    struct err e = {0};
    assert_int_equal(dialogue_request(&settings, &it, arena, &r, &e), 0);
    assert_true(str_find(r.user, STR("two questions are the same")) > 0);
    assert_true(str_find(r.user, STR("Write 6 to 8 pairs.")) > 0);
    assert_true(str_find(r.user, STR("{{")) < 0);
    assert_true(str_find(r.schema, STR("\"minItems\":6,\"maxItems\":8,")) > 0);
    it.refusal = NULL;
    struct str before = r.system;
    assert_int_equal(dialogue_request(&settings, &it, arena, &r, &e), 0);
    assert_true(str_eq(before, r.system));
}

static void a_vector_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct item it = {0};
    float v[4] = {0.5F, 0.5F, 0.5F, 0.5F};
    struct run_settings s = {.vector_type = VECTOR_F16};
    assert_int_equal(embed_accept(&s, &it, v, 4, arena), 0);
    assert_int_equal(it.result.vector.n, 8);
    s.vector_type = VECTOR_F32;
    assert_int_equal(embed_accept(&s, &it, v, 4, arena), 0);
    assert_int_equal(it.result.vector.n, 16);
    assert_memory_equal(it.result.vector.p, v, 16);
    v[2] = INFINITY;
    assert_int_equal(embed_accept(&s, &it, v, 4, arena), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_are_filtered),
        cmocka_unit_test(captions_are_flagged_and_named),
        cmocka_unit_test(an_empty_caption_is_asked_again),
        cmocka_unit_test(a_dialogue_takes_the_trainers_form),
        cmocka_unit_test(options_are_shuffled_with_their_key),
        cmocka_unit_test(good_pairs_stay),
        cmocka_unit_test(the_wanted_length_is_the_runs),
        cmocka_unit_test(words_that_name_the_source_are_whole_words),
        cmocka_unit_test(a_refusal_is_shown_to_the_model),
        cmocka_unit_test(a_vector_that_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
