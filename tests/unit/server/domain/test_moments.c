#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/moments.h"
#include "server/domain/transfer.h"

enum { N = 5, ROWS = 300 };

static float rows[ROWS][N];

static int fill(void **state)
{
    (void)state;
    uint32_t x = 12345;
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < N; i++) {
            x = x * 1664525U + 1013904223U;
            rows[r][i] = (float)(x >> 8) / 16777216.0F + (float)i;
        }
    return 0;
}

static void test_mean_and_trace(void **state)
{
    (void)state;
    double sum[N] = {0}, mean[N], trace, expected = 0;
    struct moments_sum m = {.n = N, .sum = sum};
    for (int r = 0; r < ROWS; r++)
        moments_add(&m, rows[r]);
    assert_int_equal(m.count, ROWS);
    moments_finish(&m, mean, &trace);
    for (int i = 0; i < N; i++) {
        double direct = 0, spread = 0;
        for (int r = 0; r < ROWS; r++)
            direct += (double)rows[r][i] / ROWS;
        for (int r = 0; r < ROWS; r++)
            spread += ((double)rows[r][i] - direct) * ((double)rows[r][i] - direct) / ROWS;
        assert_true(fabs(mean[i] - direct) < 1e-12);
        expected += spread;
    }
    assert_true(fabs(trace - expected) < 1e-10);
}

static void test_merging_equals_adding(void **state)
{
    (void)state;
    double whole_sum[N] = {0}, part_sum[3][N] = {{0}}, merged_sum[N] = {0};
    struct moments_sum whole = {.n = N, .sum = whole_sum}, merged = {.n = N, .sum = merged_sum};
    struct moments_sum parts[3];
    for (int p = 0; p < 3; p++)
        parts[p] = (struct moments_sum){.n = N, .sum = part_sum[p]};
    for (int r = 0; r < ROWS; r++) {
        moments_add(&whole, rows[r]);
        moments_add(&parts[r % 3], rows[r]);
    }
    for (int p = 0; p < 3; p++)
        moments_merge(&merged, &parts[p]);
    double mean[2][N], trace[2];
    moments_finish(&whole, mean[0], &trace[0]);
    moments_finish(&merged, mean[1], &trace[1]);
    assert_int_equal(merged.count, ROWS);
    for (int i = 0; i < N; i++)
        assert_true(fabs(mean[0][i] - mean[1][i]) < 1e-12);
    assert_true(fabs(trace[0] - trace[1]) < 1e-10);
}

static void test_equal_vectors_have_no_trace(void **state)
{
    (void)state;
    double sum[N] = {0}, mean[N], trace = -1;
    struct moments_sum m = {.n = N, .sum = sum};
    for (int r = 0; r < 1000; r++)
        moments_add(&m, rows[7]);
    moments_finish(&m, mean, &trace);
    assert_true(trace >= 0 && trace < 1e-10);
}

static void test_none_is_the_embedding(void **state)
{
    (void)state;
    const struct transfer t = {.method = TRANSFER_NONE, .n = N};
    float out[N];
    assert_true(transfer_apply(&t, rows[0], out));
    assert_memory_equal(out, rows[0], sizeof(out));
}

static void test_mean_shift(void **state)
{
    (void)state;
    const double mean[] = {0.25, -0.5};
    const struct transfer t = {.method = TRANSFER_MEAN_SHIFT, .n = 2, .mean = mean};
    const float u[] = {3.25F, 3.5F};
    float out[2];
    assert_true(transfer_apply(&t, u, out));
    const float expected[] = {0.6F, 0.8F};
    assert_memory_equal(out, expected, sizeof(out));
    float in_place[] = {3.25F, 3.5F};
    assert_true(transfer_apply(&t, in_place, in_place));
    assert_memory_equal(in_place, expected, sizeof(expected));
}

static void test_no_difference_is_refused(void **state)
{
    (void)state;
    const double mean[] = {0.25, -0.5}, broken[] = {(double)NAN, 0};
    const float u[] = {0.25F, -0.5F};
    float out[2];
    struct transfer t = {.method = TRANSFER_MEAN_SHIFT, .n = 2, .mean = mean};
    assert_false(transfer_apply(&t, u, out));
    t.mean = broken;
    assert_false(transfer_apply(&t, u, out));
}

static void test_inference_rules(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    transfer_inference_json(TRANSFER_NONE, &out);
    assert_string_equal(buf_z(&out),
                        "[{\"operation\":\"l2_normalise\",\"meaning\":\"divide the image vector by "
                        "its Euclidean norm\"}]");
    buf_reset(&out);
    transfer_inference_json(TRANSFER_MEAN_SHIFT, &out);
    assert_true(
        str_find(buf_str(&out), STR("{\"operation\":\"subtract\",\"operand\":\"image_mean\"")) > 0);
    buf_free(&out);
    assert_string_equal(transfer_methods[TRANSFER_NONE], "none");
    assert_string_equal(transfer_methods[TRANSFER_MEAN_SHIFT], "mean_shift");
    assert_null(transfer_methods[TRANSFER_METHOD_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_and_trace),
        cmocka_unit_test(test_merging_equals_adding),
        cmocka_unit_test(test_equal_vectors_have_no_trace),
        cmocka_unit_test(test_none_is_the_embedding),
        cmocka_unit_test(test_mean_shift),
        cmocka_unit_test(test_no_difference_is_refused),
        cmocka_unit_test(test_inference_rules),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
