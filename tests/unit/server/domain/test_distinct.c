/* Counting different values, and spreads of numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/domain/distinct.h"
#include "server/domain/spread.h"
#include "server/domain/terms.h"

static struct hyperloglog sketch;

static void estimates_are_within_their_error(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 10, 1000, 50000, 200000, 1000000, 3000000};
    int64_t added = 0;
    sketch = (struct hyperloglog){{0}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (; added < sizes[i]; added++)
            hyperloglog_add(&sketch, hash_mix((uint64_t)added + 1));
        double estimate = hyperloglog_estimate(&sketch), exact = (double)sizes[i];
        assert_true(fabs(estimate - exact) <= 4 * HYPERLOGLOG_STANDARD_ERROR * exact + 1e-9);
    }
}

static void repetitions_add_nothing(void **state)
{
    (void)state;
    sketch = (struct hyperloglog){{0}};
    for (uint64_t i = 0; i < 20000; i++)
        hyperloglog_add(&sketch, hash_mix(i));
    double once = hyperloglog_estimate(&sketch);
    for (uint64_t i = 0; i < 60000; i++)
        hyperloglog_add(&sketch, hash_mix(i % 20000));
    assert_true(fabs(hyperloglog_estimate(&sketch) - once) < 1e-9);
}

/* Bits of all ranks: a register can be 1 to 49, and the estimate stays a number. */
static void every_rank_has_its_place(void **state)
{
    (void)state;
    sketch = (struct hyperloglog){{0}};
    hyperloglog_add(&sketch, 0);
    assert_int_equal(sketch.registers[0], 65 - HYPERLOGLOG_BITS);
    hyperloglog_add(&sketch, UINT64_MAX);
    assert_int_equal(sketch.registers[HYPERLOGLOG_REGISTERS - 1], 1);
    hyperloglog_add(&sketch, (uint64_t)1 << 63 | 1);
    assert_int_equal(sketch.registers[HYPERLOGLOG_REGISTERS / 2], 64 - HYPERLOGLOG_BITS);
    assert_true(isfinite(hyperloglog_estimate(&sketch)));
}

static void add_range(struct distinct *d, uint64_t from, uint64_t to)
{
    uint64_t hashes[37];
    size_t n = 0;
    for (uint64_t i = from; i < to; i++) {
        hashes[n++] = hash_mix(i);
        if (n == sizeof(hashes) / sizeof(hashes[0]) || i + 1 == to) {
            distinct_add(d, hashes, n);
            n = 0;
        }
    }
}

static void counts_are_exact_up_to_the_bound(void **state)
{
    (void)state;
    struct distinct *d = malloc(sizeof(*d));
    assert_non_null(d);
    distinct_init(d, 10000);
    assert_true(distinct_count(d) < 0.5);
    add_range(d, 0, 10000); /* hash_mix(0) is 0, which marks a free slot */
    add_range(d, 5000, 10000);
    assert_false(d->estimated);
    assert_true(fabs(distinct_count(d) - 10000) < 1e-9);
    assert_true(distinct_standard_error(d) <= 0);
    add_range(d, 10000, 10001);
    assert_true(d->estimated);
    assert_null(d->slots);
    add_range(d, 0, 30000);
    assert_true(fabs(distinct_count(d) - 30000) < 4 * HYPERLOGLOG_STANDARD_ERROR * 30000);
    assert_true(distinct_standard_error(d) > 0.004);
    distinct_free(d);
    free(d);
}

static void spreads_know_their_ranks(void **state)
{
    (void)state;
    struct spread s;
    assert_true(spread_init(&s, 50));
    assert_true(isnan(spread_mean(&s)));
    assert_int_equal(spread_percentile(&s, 50), 0);
    for (int64_t v = 40; v >= 1; v--)
        spread_add(&s, v);
    assert_int_equal(s.min, 1);
    assert_int_equal(s.max, 40);
    assert_true(fabs(spread_mean(&s) - 20.5) < 1e-12);
    assert_int_equal(spread_percentile(&s, 5), 2);
    assert_int_equal(spread_percentile(&s, 50), 20);
    assert_int_equal(spread_percentile(&s, 51), 21);
    assert_int_equal(spread_percentile(&s, 99), 40);
    assert_int_equal(spread_percentile(&s, 100), 40);
    assert_int_equal(spread_between(&s, 10, 20), 10);
    assert_int_equal(spread_between(&s, 0, INT64_MAX), 40);
    spread_free(&s);
    spread_free(&s);
}

static void spreads_are_bounded(void **state)
{
    (void)state;
    struct spread s;
    assert_true(spread_init(&s, 50));
    spread_add(&s, 49);
    spread_add(&s, 50);
    spread_add(&s, 1000000);
    spread_add(&s, -1);
    assert_int_equal(s.min, 0);
    assert_int_equal(s.max, 1000000);
    assert_int_equal(spread_between(&s, 20, 50), 1);
    assert_int_equal(spread_between(&s, 20, INT64_MAX), 3);
    assert_int_equal(spread_percentile(&s, 50), 49);
    assert_int_equal(spread_percentile(&s, 75), 1000000);
    spread_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_within_their_error),
        cmocka_unit_test(repetitions_add_nothing),
        cmocka_unit_test(every_rank_has_its_place),
        cmocka_unit_test(counts_are_exact_up_to_the_bound),
        cmocka_unit_test(spreads_know_their_ranks),
        cmocka_unit_test(spreads_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
