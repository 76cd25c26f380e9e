#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/moments.h"
#include "server/domain/vector.h"

#include "tests/unit/server/domain/transfer_expected.h"

enum { WIDTH = 37, MANY = 3000, DOUBLES = 2 * WIDTH + 2 };

static float many[2][MANY][WIDTH]; /* what float16 and float32 storage give back */

static int fill(void **state)
{
    (void)state;
    uint32_t x = 12345;
    for (int r = 0; r < MANY; r++) {
        uint8_t half[2 * WIDTH];
        float *v = many[1][r];
        for (int i = 0; i < WIDTH; i++) {
            x = x * 1664525U + 1013904223U;
            v[i] = (float)(x >> 8) / 16777216.0F - 0.3F;
        }
        v[r % WIDTH] *= 0x1p-30F; /* small values too */
        if (!vector_normalise(v, WIDTH))
            return -1;
        vector_to_f16(v, WIDTH, half);
        if (!vector_decode_unit(half, sizeof(half), many[0][r], WIDTH))
            return -1;
    }
    return 0;
}

struct result {
    double mean[WIDTH], trace;
};

static void finish(const struct moments_sum *m, struct result *r)
{
    moments_finish(m, r->mean, &r->trace);
}

static void test_as_numpy_has_it(void **state)
{
    (void)state;
    double sums[2 * N + 2] = {0}, got[N], trace;
    struct moments_sum m = {.n = N, .sums = sums};
    assert_int_equal(moments_doubles(N), 2 * N + 2);
    for (size_t r = 0; r < ROWS; r++)
        assert_true(moments_add(&m, rows + r * N));
    assert_int_equal(m.count, ROWS);
    moments_finish(&m, got, &trace);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(got[i] - mean[i]) < 1e-15);
    assert_true(fabs(trace - trace_expected) < 1e-15);
}

/* Against sums in long double of the same rows. */
static void test_mean_and_trace(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        double sums[DOUBLES] = {0};
        struct result r;
        long double direct[WIDTH] = {0}, spread = 0;
        struct moments_sum m = {.n = WIDTH, .sums = sums};
        for (int row = 0; row < MANY; row++) {
            assert_true(moments_add(&m, many[type][row]));
            for (int i = 0; i < WIDTH; i++)
                direct[i] += (long double)many[type][row][i] / MANY;
        }
        for (int row = 0; row < MANY; row++)
            for (int i = 0; i < WIDTH; i++) {
                long double d = (long double)many[type][row][i] - direct[i];
                spread += d * d / MANY;
            }
        finish(&m, &r);
        for (int i = 0; i < WIDTH; i++)
            assert_true(fabsl((long double)r.mean[i] - direct[i]) < 1e-16L);
        assert_true(fabsl((long double)r.trace - spread) < 1e-15L);
    }
}

/* However the rows are cut and in whatever order they come, the bits are the same. */
static void test_order_does_not_matter(void **state)
{
    (void)state;
    static double sums[64][DOUBLES];
    struct result whole[2];
    for (int type = 0; type < 2; type++)
        for (int shards = 1; shards <= 64; shards = shards * 3 + 1) {
            struct moments_sum m[64];
            struct result r;
            memset(sums, 0, sizeof(sums));
            for (int s = 0; s < shards; s++)
                m[s] = (struct moments_sum){.n = WIDTH, .sums = sums[s]};
            for (int row = 0; row < MANY; row++) {
                int at = row * 1009 % MANY;
                assert_true(moments_add(&m[at % shards], many[type][shards == 1 ? row : at]));
            }
            for (int s = 1; s < shards; s++)
                moments_merge(&m[0], &m[s]);
            assert_int_equal(m[0].count, MANY);
            finish(&m[0], &r);
            if (shards == 1)
                whole[type] = r;
            assert_memory_equal(&r, &whole[type], sizeof(r));
        }
    assert_memory_not_equal(&whole[0], &whole[1], sizeof(whole[0]));
}

static void test_doubles_as_floats(void **state)
{
    (void)state;
    double sums[2][DOUBLES] = {{0}}, wide[WIDTH];
    struct moments_sum a = {.n = WIDTH, .sums = sums[0]}, b = {.n = WIDTH, .sums = sums[1]};
    for (int row = 0; row < 100; row++) {
        for (int i = 0; i < WIDTH; i++)
            wide[i] = (double)many[1][row][i];
        assert_true(moments_add(&a, many[1][row]) && moments_add_doubles(&b, wide));
    }
    assert_memory_equal(sums[0], sums[1], sizeof(sums[0]));
}

static void test_equal_vectors_have_no_trace(void **state)
{
    (void)state;
    double sums[DOUBLES] = {0};
    struct result r;
    struct moments_sum m = {.n = WIDTH, .sums = sums};
    for (int i = 1; i <= 2000; i++) {
        assert_true(moments_add(&m, many[0][7]));
        finish(&m, &r);
        assert_true(r.trace >= 0 && r.trace <= 0);
        for (int k = 0; k < WIDTH; k++)
            assert_true((float)r.mean[k] >= many[0][7][k] && (float)r.mean[k] <= many[0][7][k]);
    }
}

static void refused(struct moments_sum *m, const float *v)
{
    double before[DOUBLES];
    int64_t count = m->count;
    memcpy(before, m->sums, sizeof(before));
    assert_false(moments_add(m, v));
    assert_int_equal(m->count, count);
    assert_memory_equal(m->sums, before, sizeof(before));
}

static void test_bad_vectors_leave_the_sums_alone(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1.5F, 3e38F};
    double sums[DOUBLES] = {0}, wide[WIDTH] = {0};
    float v[WIDTH] = {0};
    struct moments_sum m = {.n = WIDTH, .sums = sums};
    refused(&m, v);
    assert_true(moments_add(&m, many[1][0]));
    refused(&m, v);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        for (size_t at = 0; at < WIDTH; at++) {
            memcpy(v, many[1][1], sizeof(v));
            v[at] = bad[i];
            refused(&m, v);
        }
    for (size_t i = 0; i < WIDTH; i++)
        v[i] = many[1][1][i] * 0.998F;
    refused(&m, v);
    for (size_t i = 0; i < WIDTH; i++)
        v[i] = many[1][1][i] * 0.9995F;
    assert_true(moments_add(&m, v));
    assert_false(moments_add_doubles(&m, wide));
    wide[3] = (double)NAN;
    assert_false(moments_add_doubles(&m, wide));
    assert_int_equal(m.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_numpy_has_it),
        cmocka_unit_test(test_mean_and_trace),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_doubles_as_floats),
        cmocka_unit_test(test_equal_vectors_have_no_trace),
        cmocka_unit_test(test_bad_vectors_leave_the_sums_alone),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
