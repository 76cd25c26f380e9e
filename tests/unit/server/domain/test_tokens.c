/* The estimate of tokens beside the counts of two vocabularies, taken with their own programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/domain/tokens.h"

static void the_estimate_lies_near_real_counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t llama2, llama3;
    } cases[] = {
        {"Two children in striped jumpers crouch beside a shallow pond and point at a duck that "
         "paddles towards them, while an older woman on the bench behind keeps an eye on a "
         "pushchair.",
         46, 39},
        {"Where does the light come from?\nA: The upper left\nB: Directly overhead\nC: The lower "
         "right\nD: A lamp behind the camera",
         33, 32},
        {"Because the shadows stretch far across the pavement and the windows of the shops are lit "
         "from within, the sun must be low, so it is either early morning or late afternoon. The "
         "queue outside the bakery and the closed shutters next door suggest that the day has only "
         "begun.",
         60, 55},
        {"At 9:45 the scoreboard reads 103 to 98, and number 23 of the visiting team holds the "
         "ball.",
         33, 26},
        {"The café's façade, painted in ochre, says “Chez Zoë” — twice.", 24, 21},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t estimate = tokens_estimate(str_of(cases[i].text));
        assert_true(estimate >= cases[i].llama3);
        assert_in_range(10 * estimate, 9 * cases[i].llama2, 12 * cases[i].llama2);
    }
}

static void odd_texts_are_not_taken_for_short_ones(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate(STR("")), 0);
    assert_int_equal(tokens_estimate(STR("    ")), 0);
    assert_in_range(tokens_estimate(STR("0123456789012345678901234567890123456789")), 40, 42);
    assert_in_range(tokens_estimate(STR("........................................")), 40, 42);
    assert_true(tokens_estimate(STR("在公园里有一只狗")) >= 8);
    assert_true(tokens_estimate(STR("😀😀😀")) >= 6);
    assert_true(tokens_estimate(STR("NOPARKINGATANYTIME")) >= 8);
    /* Cut in the middle of a character. */
    assert_in_range(tokens_estimate(STR("ab\xe2\x80")), 1, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_lies_near_real_counts),
        cmocka_unit_test(odd_texts_are_not_taken_for_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
