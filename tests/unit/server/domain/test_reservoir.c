/* The sample of rows that stream by: bounded, uniform, the same for the same rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/reservoir.h"

enum { MOST = 50, ROWS = 1000, ROUNDS = 2000 };

static void run(struct reservoir *r, uint64_t seed, uint32_t rows)
{
    reservoir_init(r, MOST, sizeof(uint32_t), seed);
    for (uint32_t i = 0; i < rows; i++) {
        uint8_t *room = NULL;
        assert_true(reservoir_next(r, &room));
        if (room)
            memcpy(room, &i, sizeof(i));
    }
    assert_int_equal(r->seen, rows);
}

static void test_few_rows_are_all_kept(void **state)
{
    (void)state;
    struct reservoir r;
    run(&r, 1, MOST);
    assert_int_equal(r.rows, MOST);
    for (uint32_t i = 0; i < MOST; i++)
        assert_memory_equal(r.bytes + i * sizeof(i), &i, sizeof(i));
    reservoir_free(&r);
    run(&r, 1, 3);
    assert_int_equal(r.rows, 3);
    reservoir_free(&r);
}

static void test_none(void **state)
{
    (void)state;
    struct reservoir r;
    run(&r, 1, 0);
    assert_int_equal(r.rows, 0);
    reservoir_free(&r);
}

static void test_seeded(void **state)
{
    (void)state;
    struct reservoir a, b, c;
    run(&a, 7, ROWS);
    run(&b, 7, ROWS);
    run(&c, 8, ROWS);
    assert_memory_equal(a.bytes, b.bytes, MOST * sizeof(uint32_t));
    assert_memory_not_equal(a.bytes, c.bytes, MOST * sizeof(uint32_t));
    reservoir_free(&a);
    reservoir_free(&b);
    reservoir_free(&c);
}

/* Every row is as likely as every other: over 2,000 seeds each of 1,000 rows is drawn 100 times on
 * average, with a deviation of 10. */
static void test_uniform_and_without_repetition(void **state)
{
    (void)state;
    static int drawn[ROWS];
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        struct reservoir r;
        bool seen[ROWS] = {false};
        run(&r, seed, ROWS);
        for (size_t i = 0; i < MOST; i++) {
            uint32_t row;
            memcpy(&row, r.bytes + i * sizeof(row), sizeof(row));
            assert_true(row < ROWS && !seen[row]);
            seen[row] = true;
            drawn[row]++;
        }
        reservoir_free(&r);
    }
    for (int i = 0; i < ROWS; i++)
        assert_true(drawn[i] > 50 && drawn[i] < 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_rows_are_all_kept),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_seeded),
        cmocka_unit_test(test_uniform_and_without_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
