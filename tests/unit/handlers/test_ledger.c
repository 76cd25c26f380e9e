#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "handlers/ledger.h"

static struct ledger t;

static void add(const char *first, const char *second, int64_t rows, int64_t from, int64_t to)
{
    const struct ledger_values v = {.sum = {[SUM_ROWS] = rows}, .first_us = from, .last_us = to};
    ledger_add(&t, str_of(first), str_of(second), &v);
}

static void rows_are_summed_by_key(void **state)
{
    (void)state;
    t = (struct ledger){0};
    add("dialogues", "x", 1, 50, 60);
    add("captions", "y", 2, 30, 40);
    add("captions", "x", 3, 0, 0);
    add("dialogues", "x", 4, 20, 55);
    add("captions", NULL, 5, 1, 1);
    ledger_sort(&t);
    assert_int_equal(t.n, 4);
    assert_string_equal(t.rows[0].key[1], "");
    assert_string_equal(t.rows[1].key[1], "x");
    assert_string_equal(t.rows[3].key[0], "dialogues");
    assert_int_equal(t.rows[3].values.sum[SUM_ROWS], 5);
    assert_int_equal(t.rows[3].values.first_us, 20);
    assert_int_equal(t.rows[3].values.last_us, 60);
    assert_int_equal(t.rows[1].values.first_us, 0);
}

static void long_keys_are_cut(void **state)
{
    (void)state;
    char one[200], other[200];
    t = (struct ledger){0};
    (void)snprintf(one, sizeof(one), "%0100d-one", 7);
    (void)snprintf(other, sizeof(other), "%0100d-other", 7);
    add(one, "", 1, 0, 0);
    add(other, "", 1, 0, 0);
    assert_int_equal(t.n, 1);
    assert_int_equal(strlen(t.rows[0].key[0]), LEDGER_KEY - 1);
}

static void too_many_keys_share_the_last_row(void **state)
{
    (void)state;
    char name[16];
    t = (struct ledger){0};
    for (int i = 0; i < 3 * LEDGER_ROWS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        add("captions", name, 1, 0, 0);
    }
    ledger_sort(&t);
    assert_int_equal(t.n, LEDGER_ROWS_MAX);
    assert_string_equal(t.rows[LEDGER_ROWS_MAX - 1].key[0], "(others)");
    assert_int_equal(t.rows[LEDGER_ROWS_MAX - 1].values.sum[SUM_ROWS], 2 * LEDGER_ROWS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_summed_by_key),
        cmocka_unit_test(long_keys_are_cut),
        cmocka_unit_test(too_many_keys_share_the_last_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
