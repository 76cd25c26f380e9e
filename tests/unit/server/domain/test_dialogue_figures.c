#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/dialogue_figures.h"
#include "server/domain/tokens.h"

static struct dialogue_figures f;

static int start(void **state)
{
    (void)state;
    return dialogue_figures_init(&f) ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    dialogue_figures_free(&f);
    dialogue_figures_free(&f);
    return 0;
}

static int64_t begins(const char *word)
{
    for (int i = 0; i < QUESTION_WORDS; i++)
        if (strcmp(question_words[i], word) == 0)
            return f.begins[i];
    fail_msg("no such word: %s", word);
    return -1;
}

static void open_questions(void **state)
{
    (void)state;
    const struct str turns[] = {STR("<image>\nWhat is there?"),
                                STR("A red box stands there."),
                                STR("WHOSE is it?"),
                                STR("Nobody's."),
                                STR("Were they tall"),
                                STR("Yes, very."),
                                STR("Tell me more."),
                                STR("No.")};
    dialogue_figures_add(&f, turns, 8);
    dialogue_figures_add(&f, turns, 2);
    assert_int_equal(f.dialogues, 2);
    assert_int_equal(f.questions, 5);
    assert_int_equal(begins("what"), 2);
    assert_int_equal(begins("who"), 1);
    assert_int_equal(begins("is"), 1);
    assert_int_equal(begins("other"), 1);
    assert_int_equal(f.turns.min, 1);
    assert_int_equal(f.turns.max, 4);
    assert_int_equal(f.answer_words.sum, 5 + 1 + 2 + 1 + 5);
    assert_int_equal(f.choices, 0);
    assert_true(isnan(letters_deviation(&f)) && isnan(letters_chi_square(&f)));
}

static void add_choice(const char *question, const char *answer)
{
    const struct str turns[] = {str_of(question), str_of(answer)};
    dialogue_figures_add(&f, turns, 2);
}

static void right_options(void **state)
{
    (void)state;
    add_choice("<image>\nWhich?\nA: red\nB: a blue one\nC: grey\nD: black", "B");
    add_choice("Which?\nA: red\nB: a blue one\nC: grey\nD: black", "C");
    /* Equally long is not longer; characters count, not bytes. */
    add_choice("Which?\nA: four\nB: five\nC: six\nD: two", "A");
    add_choice("Which?\nA: caf\xc3\xa9\nB: cafes\nC: a\nD: b", "B");
    assert_int_equal(f.choices, 4);
    assert_int_equal(f.longest, 2);
    assert_int_equal(f.letters[0], 1);
    assert_int_equal(f.letters[1], 2);
    assert_int_equal(f.letters[2], 1);
    assert_int_equal(f.answer_words.sum, 3 + 1 + 1 + 1);
    assert_true(fabs(letters_deviation(&f) - 0.25) < 1e-12);
    assert_true(fabs(letters_chi_square(&f) - 2) < 1e-12);
}

static void what_only_looks_like_options(void **state)
{
    (void)state;
    add_choice("Which?\nA: red\nB: blue\nC: grey", "A");
    add_choice("Which?\nA: red\nB: blue\nC: grey\nD: black\nE: white", "A");
    add_choice("Which?\nA: red\nB: blue\nC: grey\nD: black", "E");
    add_choice("Which?\nA: red\nB: blue\nC: grey\nD: black", "A.");
    assert_int_equal(f.choices, 0);
    assert_int_equal(f.questions, 4);
}

static void lengths_in_tokens(void **state)
{
    (void)state;
    char text[2 * SAMPLE_TOKENS_MAX];
    size_t bytes = 2 * (SAMPLE_TOKENS_MAX - SAMPLE_TOKENS_FRONT - SAMPLE_TOKENS_TURN - 1);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "a "[i % 2];
    const struct str just[] = {{text, bytes}, STR("b")};
    const struct str over[] = {{text, bytes + 2}, STR("b")};
    dialogue_figures_add(&f, just, 2);
    assert_int_equal(f.tokens.max, SAMPLE_TOKENS_MAX);
    assert_int_equal(f.over_limit, 0);
    dialogue_figures_add(&f, over, 2);
    assert_int_equal(f.over_limit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(open_questions, start, finish),
        cmocka_unit_test_setup_teardown(right_options, start, finish),
        cmocka_unit_test_setup_teardown(what_only_looks_like_options, start, finish),
        cmocka_unit_test_setup_teardown(lengths_in_tokens, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
