#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/lanes.h"
#include "server/domain/noise.h"

#include "tests/unit/server/domain/transfer_expected.h"

enum { GROUPS = 8000 };

static struct noise source_of(uint64_t number, const char *key)
{
    struct noise s;
    noise_init(&s, number, str_of(key));
    return s;
}

static void test_as_numpy_has_it(void **state)
{
    (void)state;
    const char key[24] = {[23] = 3};
    double got[NOISE_GROUP];
    struct noise s;
    noise_init(&s, seed, (struct str){key, sizeof(key)});
    for (uint32_t g = 0; g < NUMBERS / NOISE_GROUP; g++) {
        noise_group(&s, g, got);
        for (size_t i = 0; i < NOISE_GROUP; i++)
            assert_true(fabs(got[i] - noise_expected[g * NOISE_GROUP + i]) < 1e-14);
    }
}

static void test_both_ways_agree(void **state)
{
    (void)state;
    if (!lanes_wide())
        skip();
    double got[2][NOISE_GROUP];
    struct noise s = source_of(3, "both ways");
    for (uint32_t g = 0; g < GROUPS; g++) {
        noise_group_portable(&s, g, got[0]);
        noise_group_wide(&s, g, got[1]);
        assert_memory_equal(got[0], got[1], sizeof(got[0]));
    }
}

/* A million numbers: their first four moments, each within five of its standard errors, how many
 * lie beyond two and three, and that neighbours and halves of a group do not know each other. */
static void test_is_normal(void **state)
{
    (void)state;
    double x[NOISE_GROUP], sum[5] = {0}, beyond[4] = {0}, neighbours = 0, halves = 0;
    const double n = (double)GROUPS * NOISE_GROUP;
    struct noise s = source_of(1, "is normal");
    for (uint32_t g = 0; g < GROUPS; g++) {
        noise_group(&s, g, x);
        for (size_t i = 0; i < NOISE_GROUP; i++) {
            double power = 1;
            for (int k = 1; k <= 4; k++)
                sum[k] += power *= x[i];
            beyond[2] += fabs(x[i]) > 2;
            beyond[3] += fabs(x[i]) > 3;
            neighbours += i > 0 ? x[i] * x[i - 1] : 0;
            halves += i < NOISE_GROUP / 2 ? x[i] * x[i + NOISE_GROUP / 2] : 0;
            assert_true(fabs(x[i]) < 6.8);
        }
    }
    const double error = 5 / sqrt(n);
    assert_true(fabs(sum[1] / n) < error);
    assert_true(fabs(sum[2] / n - 1) < error * sqrt(2));
    assert_true(fabs(sum[3] / n) < error * sqrt(15));
    assert_true(fabs(sum[4] / n - 3) < error * sqrt(96));
    assert_true(fabs(beyond[2] / n - 0.0455003) < error * sqrt(0.0455));
    assert_true(fabs(beyond[3] / n - 0.0026998) < error * sqrt(0.0027));
    assert_true(fabs(neighbours / n) < error);
    assert_true(fabs(halves / n) < error);
}

static void test_seed_key_and_group_matter(void **state)
{
    (void)state;
    double x[5][NOISE_GROUP];
    struct noise a = source_of(1, "a"), b = source_of(2, "a"), c = source_of(1, "b");
    noise_group(&a, 0, x[0]);
    noise_group(&a, 1, x[1]);
    noise_group(&b, 0, x[2]);
    noise_group(&c, 0, x[3]);
    noise_group(&a, 0, x[4]);
    assert_memory_equal(x[0], x[4], sizeof(x[0]));
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++) {
            double together = 0;
            for (size_t j = 0; j < NOISE_GROUP; j++)
                together += x[i][j] * x[k][j];
            assert_true(fabs(together) < 5 * sqrt(NOISE_GROUP));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_numpy_has_it),
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_is_normal),
        cmocka_unit_test(test_seed_key_and_group_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
