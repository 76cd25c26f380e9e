/* Token buckets: what they give, and that there is no end of ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/rate.h"

enum { SLOWLY = 1 }; /* a minute */

static const uint8_t *id_of(uint32_t n)
{
    static uint8_t id[RATE_ID_BYTES];
    memcpy(id, &n, sizeof(n));
    return id;
}

static void test_one_a_minute(void **state)
{
    (void)state;
    struct rate_table *t = rate_table_new();
    struct rate_left left;
    assert_true(rate_look(t, id_of(1), SLOWLY, &left));
    assert_int_equal(left.tokens, 1);
    assert_int_equal(left.wait_s, 0);
    assert_int_equal(left.full_s, 0);
    assert_true(rate_take(t, id_of(1), SLOWLY, &left));
    assert_int_equal(left.tokens, 0);
    assert_int_equal(left.full_s, 60);
    assert_false(rate_look(t, id_of(1), SLOWLY, &left));
    assert_false(rate_take(t, id_of(1), SLOWLY, &left));
    assert_in_range(left.wait_s, 1, 60);
    assert_true(rate_take(t, id_of(2), SLOWLY, &left));
    rate_table_free(t);
}

static void test_a_burst(void **state)
{
    (void)state;
    enum { QUOTA = 1000000 };
    struct rate_table *t = rate_table_new();
    struct rate_left left;
    for (int i = 0; i < 1000; i++)
        assert_true(rate_take(t, id_of(1), QUOTA, &left));
    assert_in_range(left.tokens, QUOTA - 1000, QUOTA);
    assert_int_equal(left.full_s, left.tokens == QUOTA ? 0 : 1);
    rate_table_free(t);
}

static void test_more_ids_than_buckets(void **state)
{
    (void)state;
    struct rate_table *t = rate_table_new();
    struct rate_left left;
    for (uint32_t i = 0; i < 100000; i++)
        assert_true(rate_take(t, id_of(i), SLOWLY, &left));
    assert_false(rate_take(t, id_of(99999), SLOWLY, &left));
    rate_table_free(t);
    rate_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_a_minute),
        cmocka_unit_test(test_a_burst),
        cmocka_unit_test(test_more_ids_than_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
