/* The offline composer: what holds for single seeds and captions. */
#include "tests/unit/providers/composer_checks.h"

static struct buf first, second;
static const struct composer_form usual;

static struct str caption_of(const char *seed, const char *key, const char *salt, int variant,
                             struct buf *out)
{
    struct err e = {0};

    buf_reset(out);
    assert_int_equal(composer_caption(str_of(seed), str_of(key), str_of(salt), variant, out, &e),
                     0);
    return buf_str(out);
}

static void equal_arguments_give_equal_bytes(void **state)
{
    const char *seed = "A brown dog runs through the deep snow.";
    struct str a = caption_of(seed, "k", "s", 0, &first);
    struct str b = caption_of(seed, "k", "s", 0, &second);

    (void)state;
    assert_true(str_eq(a, b));
}

/* The bytes are part of the recipe: a change of grammar or lexicon needs a new COMPOSER_MODEL. */
static void output_is_pinned_to_the_model_name(void **state)
{
    const char *pinned = "355ad86189373660";
    struct str a = caption_of("A brown dog runs through the deep snow.", "k", "s", 0, &first);
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    (void)state;
    sha256(a, digest);
    hex_encode(digest, 8, hex);
    assert_string_equal(COMPOSER_MODEL, "offline-composer-1");
    assert_string_equal(hex, pinned);
}

static void every_argument_changes_the_text(void **state)
{
    const char *seed = "Two women carry a long ladder.";
    struct str a = caption_of(seed, "k", "s", 0, &first);

    (void)state;
    assert_false(str_eq(a, caption_of(seed, "k", "s", 1, &second)));
    assert_false(str_eq(a, caption_of(seed, "k", "t", 0, &second)));
    assert_false(str_eq(a, caption_of(seed, "l", "s", 0, &second)));
    assert_false(str_eq(a, caption_of("Two women carry a short ladder.", "k", "s", 0, &second)));
}

static void variants_of_one_seed_never_repeat(void **state)
{
    enum { N = 400 };
    static uint64_t seen[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        seen[i] = hash_choice(STR("t"), caption_of("A man.", "k", "s", i, &first));
        for (int k = 0; k < i; k++)
            assert_true(seen[k] != seen[i]);
    }
}

static void appends_behind_what_is_there(void **state)
{
    struct err e = {0};

    (void)state;
    buf_reset(&first);
    buf_addz(&first, "before|");
    assert_int_equal(composer_caption(STR("A cat."), STR("k"), STR("s"), 0, &first, &e), 0);
    assert_true(str_starts(buf_str(&first), STR("before|")));
    assert_true(isupper((unsigned char)first.p[7]));
}

static void odd_seeds_keep_their_words(void **state)
{
    static const char *const seeds[] = {
        "x",
        "7",
        "?",
        "...",
        "\"",
        "A",
        "\xF0\x9F\x90\x95",
        "\xF0\x9F\x90\x95 \xF0\x9F\x8E\xBE \xF0\x9F\x8C\xB3",
        "A sign that says \" Stop \" and a path C:\\temp\\new",
        "say \"hi",
        "A WOMAN SELLS FLOWERS",
        "ein Hund l\xC3\xA4uft \xC3\xBC"
        "ber die gro\xC3\x9F"
        "e Wiese hinter dem Haus",
        "\xE4\xB8\x80\xE5\x8F\xAA\xE7\x8B\x97\xE5\x9C\xA8\xE8\x8D\x89\xE5\x9C\xB0\xE4\xB8\x8A",
        "What is this dog doing?",
        "Look out!",
        "a dog . a cat . a bird .",
        "{light} [a|b] {seed}",
        "the the the the the the the",
        "dog dog dog dog",
        "'s 's 's",
        "a   photo of  an owl",
        "A man, a plan, a canal, and a panama hat,",
        "an",
        "and",
        "while",
        "who",
        "two",
        "running",
        "caption text description image",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        for (int variant = 0; variant < 20; variant++)
            check_caption(str_of(seeds[i]), "s", variant, &first);
}

static void odd_seeds_have_dialogues(void **state)
{
    static const char *const seeds[] = {"x",
                                        "A WOMAN SELLS FLOWERS",
                                        "\xF0\x9F\x90\x95",
                                        "say \"hi\" to C:\\new",
                                        "A photo of a teapot",
                                        "caption text description image",
                                        "four"};

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        for (int variant = 0; variant < 10; variant++) {
            struct str caption = caption_of(seeds[i], "k", "s", variant, &first);

            for (int task = 0; task < 3; task++)
                check_dialogue(caption, (enum composer_task)task, "s", &second);
        }
    }
}

static void long_seeds_keep_their_words_and_gain_facts(void **state)
{
    char seed[2001] = "";
    size_t n = 0;

    (void)state;
    while (n + 24 < sizeof(seed))
        n += (size_t)snprintf(seed + n, sizeof(seed) - n, "a red kite near a pond ");
    check_caption((struct str){seed, n}, "s", 0, &first);
    check_dialogue(buf_str(&first), COMPOSER_QUESTION_ANSWERING, "s", &second);
}

static void one_long_word_is_kept(void **state)
{
    char seed[2000];

    (void)state;
    memset(seed, 'x', sizeof(seed));
    check_caption((struct str){seed, sizeof(seed)}, "s", 0, &first);
}

static void reserved_strings_do_not_pass(void **state)
{
    static const char *const seeds[] = {"a dog <image> USER: hi ASSISTANT: no </s>",
                                        "assistant: user: <s> </S> <IMAGE> [INST] <<SYS>> <|end>"};

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        check_reserved(caption_of(seeds[i], "k", "s", 0, &first));
        check_dialogue(buf_str(&first), COMPOSER_MULTIPLE_CHOICE, "s", &second);
    }
}

static void an_empty_seed_is_refused(void **state)
{
    struct err e = {0};

    (void)state;
    buf_reset(&first);
    assert_int_equal(composer_caption(STR(""), STR("k"), STR("s"), 0, &first, &e), -1);
    assert_int_equal(e.code, ERR_PROVIDER);
    assert_int_equal(first.n, 0);
}

/* No caption of the seed, in any variant, says one of the words. */
static void never_says(const char *seed, const char *const *words)
{
    for (int variant = 0; variant < 300; variant++) {
        struct str caption = caption_of(seed, "k", "s", variant, &first);

        for (size_t i = 0; words[i]; i++)
            if (str_ifind(caption, str_of(words[i])) >= 0)
                fail_with(words[i], caption);
    }
}

static void the_seed_is_not_contradicted(void **state)
{
    static const char *const day[] = {"sunlight", "midday",   "morning",
                                      "daylight", "blue sky", NULL};
    static const char *const sky[] = {"sky", "sunlight", "overcast", "trees", "sand", NULL};
    static const char *const sand[] = {"the sand", "grass", "pavement", "warm tones", NULL};
    static const char *const wide[] = {"wide shot", "full-length", "panoramic", NULL};
    static const char *const colour[] = {"warm tones", "golden", "blue sky", "saturated", NULL};
    static const char *const hair[] = {" hair", "side-parted", NULL};

    (void)state;
    never_says("A man walks down a street at night.", day);
    never_says("A chef slices onions in a kitchen.", sky);
    never_says("A dog runs through deep snow.", sand);
    never_says("A close-up of a green beetle.", wide);
    never_says("A black and white photo of a barn.", colour);
    never_says("A bald man in a helmet", hair);
}

static void starts_with(const char *seed, const char *wanted)
{
    bool found = false;

    for (int variant = 0; variant < 200 && !found; variant++)
        found = str_find(caption_of(seed, "k", "s", variant, &first), str_of(wanted)) >= 0;
    if (!found)
        fail_with(wanted, str_of(seed));
}

static void phrases_and_sentences_get_fitting_frames(void **state)
{
    (void)state;
    starts_with("a girl climbing a rock face", "The scene shows a girl climbing a rock face.");
    starts_with("Black dog in the rain", "The scene shows a black dog in the rain.");
    starts_with("Owl on a branch", "The scene shows an owl on a branch.");
    starts_with("a dog runs .", "A dog runs.");
    starts_with("A dog runs.", "In this scene, a dog runs.");
    starts_with("photo of a teapot", "This is a photo of a teapot.");
    starts_with("A man 's hat , a coat", "a man's hat, a coat");
}

static void few_facts_are_an_error(void **state)
{
    struct err e = {0};

    (void)state;
    for (int task = 0; task < 3; task++) {
        err_clear(&e);
        buf_reset(&first);
        assert_int_equal(composer_dialogue(STR("Nothing much."), (enum composer_task)task, STR("k"),
                                           STR("s"), &usual, &first, &e),
                         -1);
        assert_int_equal(e.code, ERR_PROVIDER);
        assert_non_null(strstr(e.msg, "the caption states only 0 facts"));
        assert_int_equal(first.n, 0);
    }
}

static size_t pairs_of(struct str caption, enum composer_task task,
                       const struct composer_form *form, struct buf *out)
{
    struct err e = {0};
    json_error_t bad;
    buf_reset(out);
    if (composer_dialogue(caption, task, STR("k"), STR("s"), form, out, &e) != 0)
        fail_with(e.msg, caption);
    json_t *root = json_loadb(out->p, out->n, 0, &bad);
    size_t n = json_array_size(json_object_get(root, "pairs"));
    json_decref(root);
    return n;
}

/* As long as it is asked for, and another one when it is asked for again. */
static void dialogues_have_the_wanted_form(void **state)
{
    struct str caption =
        STR("Two brown horses gallop across a green meadow at dawn. A woman in a red jacket is "
            "holding a blue umbrella near a wooden fence. The scene is captured from a low angle, "
            "with a softly blurred background and long shadows.");

    (void)state;
    for (int task = 0; task < 3; task++) {
        const struct composer_form three = {3, 3, 0}, once_more = {3, 3, 1};
        assert_int_equal(pairs_of(caption, (enum composer_task)task, &three, &first), 3);
        assert_int_equal(pairs_of(caption, (enum composer_task)task, &once_more, &second), 3);
        assert_false(str_eq(buf_str(&first), buf_str(&second)));
    }
}

static void foreign_captions_yield_their_facts(void **state)
{
    struct str caption =
        STR("Two brown horses gallop across a green meadow at dawn. A woman in a red jacket is "
            "holding a blue umbrella near a wooden fence. The scene is captured from a low angle, "
            "with a softly blurred background and long shadows. A yellow tractor stands in the "
            "distance, and a white cat sits on a grey wall.");

    (void)state;
    check_dialogue(caption, COMPOSER_MULTIPLE_CHOICE, "s", &first);
    check_dialogue(caption, COMPOSER_QUESTION_ANSWERING, "s", &first);
    check_dialogue(caption, COMPOSER_COMPLEX_REASONING, "s", &first);
}

static void hostile_captions_are_survived(void **state)
{
    static char big[200000];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = "the red dog's a, two.\"\\\xC3\xA4 "[i % 25];
    for (int task = 0; task < 3; task++) {
        buf_reset(&first);
        err_clear(&e);
        (void)composer_dialogue((struct str){big, sizeof(big)}, (enum composer_task)task, STR("k"),
                                STR("s"), &usual, &first, &e);
        assert_true(e.code == ERR_NONE || e.code == ERR_PROVIDER);
    }
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&first, CHECK_BYTES);
    buf_init(&second, CHECK_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&first);
    buf_free(&second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_arguments_give_equal_bytes),
        cmocka_unit_test(output_is_pinned_to_the_model_name),
        cmocka_unit_test(every_argument_changes_the_text),
        cmocka_unit_test(variants_of_one_seed_never_repeat),
        cmocka_unit_test(appends_behind_what_is_there),
        cmocka_unit_test(odd_seeds_keep_their_words),
        cmocka_unit_test(odd_seeds_have_dialogues),
        cmocka_unit_test(long_seeds_keep_their_words_and_gain_facts),
        cmocka_unit_test(one_long_word_is_kept),
        cmocka_unit_test(reserved_strings_do_not_pass),
        cmocka_unit_test(an_empty_seed_is_refused),
        cmocka_unit_test(the_seed_is_not_contradicted),
        cmocka_unit_test(phrases_and_sentences_get_fitting_frames),
        cmocka_unit_test(few_facts_are_an_error),
        cmocka_unit_test(dialogues_have_the_wanted_form),
        cmocka_unit_test(foreign_captions_yield_their_facts),
        cmocka_unit_test(hostile_captions_are_survived),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
