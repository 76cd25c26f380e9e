/* Lexical diversity and self-BLEU, against figures worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/domain/lexical.h"
#include "server/domain/self_bleu.h"

static struct lexical l;

static int start(void **state)
{
    (void)state;
    return lexical_init(&l) ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    lexical_free(&l);
    lexical_free(&l);
    return 0;
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) < 1e-12))
        fail_msg("%.17g is not %.17g", a, b);
}

static void one_short_text(void **state)
{
    (void)state;
    double one[LEXICAL_MEANS];
    /* a: 2 of 4, b and c: 1 of 4 each. */
    assert_true(lexical_add(&l, STR("A b, a c."), one));
    assert_near(one[LEXICAL_TYPE_TOKEN_RATIO], 0.75);
    assert_near(one[LEXICAL_ENTROPY], 1.5);
    assert_near(one[LEXICAL_MOVING_RATIO], 0.75);
    assert_near(one[LEXICAL_NORMALISED_ENTROPY], 0.75);
    assert_near(lexical_distinct(&l, 1), 3.0 / 4);
    assert_near(lexical_distinct(&l, 2), 3.0 / 3);
    assert_near(lexical_distinct(&l, 3), 2.0 / 2);
}

static void one_word_and_none(void **state)
{
    (void)state;
    double one[LEXICAL_MEANS];
    assert_true(lexical_add(&l, STR(" ... "), one));
    assert_true(lexical_add(&l, STR(""), one));
    assert_int_equal(l.texts, 0);
    assert_true(isnan(lexical_mean(&l, LEXICAL_ENTROPY)) && isnan(lexical_distinct(&l, 1)));
    assert_true(lexical_add(&l, STR("alone"), one));
    assert_near(one[LEXICAL_TYPE_TOKEN_RATIO], 1);
    assert_near(one[LEXICAL_ENTROPY], 0);
    assert_near(one[LEXICAL_NORMALISED_ENTROPY], 1);
    assert_true(isnan(lexical_distinct(&l, 2)));
}

/* A text in which 60 words come round three times: every window of 50 has 50 types. */
static void windows_do_not_know_how_long_a_text_is(void **state)
{
    (void)state;
    double one[LEXICAL_MEANS];
    char text[4096];
    size_t n = 0;
    for (int i = 0; i < 180; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "w%d ", i % 60);
    assert_true(lexical_add(&l, (struct str){text, n}, one));
    assert_near(one[LEXICAL_TYPE_TOKEN_RATIO], 1.0 / 3);
    assert_near(one[LEXICAL_MOVING_RATIO], 1);
    assert_near(one[LEXICAL_ENTROPY], log2(60));
    assert_near(one[LEXICAL_NORMALISED_ENTROPY], log2(60) / log2(180));
}

/* Two words by turns, 51 of them: two windows of two types. */
static void a_window_of_few_types(void **state)
{
    (void)state;
    double one[LEXICAL_MEANS];
    char text[256];
    size_t n = 0;
    for (int i = 0; i < 51; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", i % 2 ? "on" : "off");
    assert_true(lexical_add(&l, (struct str){text, n}, one));
    assert_near(one[LEXICAL_MOVING_RATIO], 2.0 / 50);
}

static void means_are_over_texts(void **state)
{
    (void)state;
    assert_true(lexical_add(&l, STR("a b"), NULL));
    assert_true(lexical_add(&l, STR("a a a a"), NULL));
    assert_true(lexical_add(&l, STR("!"), NULL));
    assert_int_equal(l.texts, 2);
    assert_near(lexical_mean(&l, LEXICAL_TYPE_TOKEN_RATIO), (1 + 0.25) / 2);
    assert_near(lexical_mean(&l, LEXICAL_ENTROPY), 0.5);
    assert_near(lexical_mean(&l, LEXICAL_NORMALISED_ENTROPY), 0.5);
    assert_near(lexical_distinct(&l, 1), 2.0 / 6);
    assert_near(lexical_distinct(&l, 2), 2.0 / 4);
}

static void long_texts_after_short_ones(void **state)
{
    (void)state;
    double one[LEXICAL_MEANS];
    const int words = 20000;
    char *text = malloc((size_t)words * 8);
    size_t n = 0;
    assert_non_null(text);
    for (int i = 0; i < words; i++)
        n += (size_t)sprintf(text + n, "w%d ", i % 5000);
    assert_true(lexical_add(&l, STR("short"), one));
    assert_true(lexical_add(&l, (struct str){text, n}, one));
    assert_near(one[LEXICAL_TYPE_TOKEN_RATIO], 0.25);
    assert_near(one[LEXICAL_ENTROPY], log2(5000));
    free(text);
}

static void divergences(void **state)
{
    (void)state;
    const uint32_t even[] = {5, 5}, odd[] = {0, 7}, other[] = {3, 0}, none[] = {0, 0};
    const uint32_t skew[] = {1, 3};
    assert_near(jensen_shannon(even, even, 2), 0);
    assert_near(jensen_shannon(odd, other, 2), 1);
    assert_true(isnan(jensen_shannon(even, none, 2)));
    /* Of (1/2, 1/2) and (1/4, 3/4), the middle being (3/8, 5/8). */
    double expected = 0.5 * (0.5 * log2(4.0 / 3) + 0.5 * log2(0.8)) +
                      0.5 * (0.25 * log2(2.0 / 3) + 0.75 * log2(1.2));
    assert_near(jensen_shannon(even, skew, 2), expected);
    assert_near(jensen_shannon(skew, even, 2), expected);
}

static double bleu_of(const char *a, const char *b, const char *c)
{
    const struct str texts[] = {str_of(a), str_of(b), str_of(c)};
    double out = -1;
    assert_true(self_bleu4(texts, c ? 3 : 2, &out));
    return out;
}

static void self_bleu_of_equal_and_of_strange_texts(void **state)
{
    (void)state;
    assert_near(bleu_of("a dog runs on the beach", "A dog runs on the beach!", NULL), 1);
    assert_near(bleu_of("a b c d e", "v w x y z", NULL), 0);
    assert_true(isnan(bleu_of("a b c d e", "...", NULL)));
    assert_true(isnan(bleu_of("", "", "")));
}

/* Both of five words, four of which are shared: 4/5, 3/4, 2/3 and 1/2 of the runs. */
static void self_bleu_of_precisions(void **state)
{
    (void)state;
    assert_near(bleu_of("a b c d e", "a b c d f", NULL),
                pow(4.0 / 5 * 3 / 4 * 2 / 3 * 1 / 2, 0.25));
    /* Two shared words, and no longer run: 2/4, 0.1/3, 0.1/2, 0.1/1. */
    assert_near(bleu_of("a x b y", "b z a w", NULL), pow(2.0 / 4 * 0.1 / 3 * 0.1 / 2 * 0.1, 0.25));
}

/* "the" stands four times here and twice in the other, where it is clipped; the shorter text pays.
 */
static void self_bleu_clips_and_penalises(void **state)
{
    (void)state;
    double longer = pow(2.0 / 4 * 1.0 / 3 * 0.1 / 2 * 0.1 / 1, 0.25);
    double shorter = pow(2.0 / 2 * 1.0 / 1 * 0.1 / 1 * 0.1 / 1, 0.25) * exp(1 - 4.0 / 2);
    assert_near(bleu_of("the the the the", "the the", NULL), (longer + shorter) / 2);
}

/* Each of the first two is matched best by the other, the third by either. */
static void self_bleu_takes_the_best_reference(void **state)
{
    (void)state;
    assert_near(bleu_of("a b c d", "a b c d", "a b c d"), 1);
    double third = pow(2.0 / 4 * 1.0 / 3 * 0.1 / 2 * 0.1 / 1, 0.25);
    assert_near(bleu_of("a b c d", "a b c d", "a b x y"), (1 + 1 + third) / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_short_text, start, finish),
        cmocka_unit_test_setup_teardown(one_word_and_none, start, finish),
        cmocka_unit_test_setup_teardown(windows_do_not_know_how_long_a_text_is, start, finish),
        cmocka_unit_test_setup_teardown(a_window_of_few_types, start, finish),
        cmocka_unit_test_setup_teardown(means_are_over_texts, start, finish),
        cmocka_unit_test_setup_teardown(long_texts_after_short_ones, start, finish),
        cmocka_unit_test(divergences),
        cmocka_unit_test(self_bleu_of_equal_and_of_strange_texts),
        cmocka_unit_test(self_bleu_of_precisions),
        cmocka_unit_test(self_bleu_clips_and_penalises),
        cmocka_unit_test(self_bleu_takes_the_best_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
