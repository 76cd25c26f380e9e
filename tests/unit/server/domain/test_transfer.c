#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/lanes.h"
#include "server/domain/moments.h"
#include "server/domain/transfer.h"
#include "server/domain/vector.h"

#include "tests/unit/server/domain/transfer_expected.h"

enum { WIDEST = 1280 };

static const struct {
    struct transfer t;
    const double *expected;
} cases[] = {
    {{.method = TRANSFER_MEAN_SHIFT}, mean_shift_expected},
    {{.method = TRANSFER_MEAN_SHIFT, .raw = true}, raw_expected},
    {{.method = TRANSFER_MEAN_SHIFT, .image_mean = image_mean}, to_image_expected},
    {{.method = TRANSFER_REALIGN, .image_mean = image_mean}, realign_expected},
    {{.method = TRANSFER_NOISE}, capdec_expected},
    {{.method = TRANSFER_NOISE, .centred = true}, c3_expected},
};
enum { CASES = sizeof(cases) / sizeof(*cases) };

static struct transfer example(size_t which)
{
    struct transfer t = cases[which].t;
    t.n = N;
    t.mean = mean;
    t.center = center;
    t.scale = scale;
    t.sigma = sigma;
    t.seed = seed;
    return t;
}

static void key_of(size_t row, uint8_t key[TRANSFER_KEY_BYTES])
{
    memset(key, 0, TRANSFER_KEY_BYTES);
    key[TRANSFER_KEY_BYTES - 1] = (uint8_t)row;
}

static float next_value(void)
{
    static uint32_t x = 2463534242U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return (float)(x >> 8) / 8388608.0F - 1;
}

static void test_as_numpy_has_it(void **state)
{
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        struct transfer t = example(c);
        for (size_t r = 0; r < ROWS; r++) {
            uint8_t key[TRANSFER_KEY_BYTES];
            float out[N], in_place[N];
            key_of(r, key);
            assert_true(transfer_apply(&t, key, rows + r * N, out));
            for (size_t i = 0; i < N; i++) {
                double want = cases[c].expected[r * N + i];
                assert_true(fabs((double)out[i] - want) <= 1.3e-7 * fabs(want));
            }
            memcpy(in_place, rows + r * N, sizeof(in_place));
            assert_true(transfer_apply(&t, key, in_place, in_place));
            assert_memory_equal(in_place, out, sizeof(out));
        }
    }
}

static void test_none_is_the_embedding(void **state)
{
    (void)state;
    const struct transfer t = {.method = TRANSFER_NONE, .n = N};
    const uint8_t key[TRANSFER_KEY_BYTES] = {0};
    float out[N];
    assert_true(transfer_apply(&t, key, rows, out));
    assert_memory_equal(out, rows, sizeof(out));
}

/* Every length, because the last lanes are done apart. */
static void test_both_ways_agree(void **state)
{
    (void)state;
    if (!lanes_wide())
        skip();
    static float u[WIDEST], out[2][WIDEST];
    static double constants[3][WIDEST];
    for (size_t n = 1; n <= WIDEST; n += n < 40 ? 1 : 155) {
        for (size_t i = 0; i < n; i++) {
            u[i] = next_value();
            for (int k = 0; k < 3; k++)
                constants[k][i] = (double)next_value() / 7;
        }
        assert_true(vector_normalise(u, n));
        for (size_t c = 0; c < CASES; c++) {
            uint8_t key[TRANSFER_KEY_BYTES];
            struct transfer t = example(c);
            t.n = n;
            t.mean = constants[0];
            t.image_mean = t.image_mean ? constants[1] : NULL;
            t.center = constants[2];
            key_of(n, key);
            assert_true(transfer_apply_portable(&t, key, u, out[0]));
            assert_true(transfer_apply_wide(&t, key, u, out[1]));
            assert_memory_equal(out[0], out[1], n * sizeof(float));
        }
    }
}

static void test_unit_length(void **state)
{
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        struct transfer t = example(c);
        uint8_t key[TRANSFER_KEY_BYTES];
        float out[N];
        double squares = 0;
        key_of(1, key);
        assert_true(transfer_apply(&t, key, rows, out));
        for (size_t i = 0; i < N; i++)
            squares += (double)out[i] * (double)out[i];
        assert_true(t.raw ? fabs(squares - 1) > 1e-3 : fabs(squares - 1) < 1e-6);
    }
}

static void test_half_of_realign(void **state)
{
    (void)state;
    struct transfer t = example(3);
    double half[N], sums[2 * N + 2] = {0}, got[N], trace;
    struct moments_sum m = {.n = N, .sums = sums};
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(transfer_realign_half(&t, rows + r * N, half));
        assert_true(moments_add_doubles(&m, half));
    }
    moments_finish(&m, got, &trace);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(got[i] - center[i]) < 1e-15);
}

/* One row, and rows that are all the same: the mean is the row itself, to the last bit. */
static void test_no_difference_is_refused(void **state)
{
    (void)state;
    const uint8_t key[TRANSFER_KEY_BYTES] = {0};
    for (int count = 1; count <= 1000; count = count * 3 + 1) {
        double sums[2 * N + 2] = {0}, same[N], trace;
        float out[N];
        struct moments_sum m = {.n = N, .sums = sums};
        for (int i = 0; i < count; i++)
            assert_true(moments_add(&m, rows + N));
        moments_finish(&m, same, &trace);
        struct transfer t = {.method = TRANSFER_MEAN_SHIFT, .n = N, .mean = same};
        assert_false(transfer_apply(&t, key, rows + N, out));
        t.raw = true;
        assert_false(transfer_apply(&t, key, rows + N, out));
        assert_true(transfer_apply(&t, key, rows, out));
        t.image_mean = image_mean; /* what is left is the image mean */
        assert_true(transfer_apply(&t, key, rows + N, out));
        t = (struct transfer){.method = TRANSFER_NOISE, .n = N, .mean = same, .centred = true};
        assert_false(transfer_apply(&t, key, rows + N, out));
    }
}

static void test_two_rows_are_opposite(void **state)
{
    (void)state;
    const uint8_t key[TRANSFER_KEY_BYTES] = {0};
    double sums[2 * N + 2] = {0}, middle[N], trace;
    float out[2][N];
    struct moments_sum m = {.n = N, .sums = sums};
    assert_true(moments_add(&m, rows) && moments_add(&m, rows + N));
    moments_finish(&m, middle, &trace);
    struct transfer t = {.method = TRANSFER_MEAN_SHIFT, .n = N, .mean = middle};
    assert_true(transfer_apply(&t, key, rows, out[0]) && transfer_apply(&t, key, rows + N, out[1]));
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(out[0][i] + out[1][i]) < 1e-7F);
}

static void test_not_finite_is_refused(void **state)
{
    (void)state;
    const uint8_t key[TRANSFER_KEY_BYTES] = {0};
    double broken[N];
    float out[N], u[N];
    memcpy(u, rows, sizeof(u));
    u[N - 1] = NAN;
    memcpy(broken, mean, sizeof(broken));
    broken[2] = (double)INFINITY;
    for (size_t c = 0; c < CASES; c++) {
        struct transfer t = example(c);
        assert_false(transfer_apply(&t, key, u, out));
        t.mean = broken;
        assert_true(transfer_apply(&t, key, rows, out) ==
                    (t.method == TRANSFER_NOISE && !t.centred));
    }
    struct transfer t = example(3);
    double half[N];
    assert_false(transfer_realign_half(&t, u, half));
}

static void test_noise_has_its_cosine(void **state)
{
    (void)state;
    static const double cosines[] = {0.2, 0.5, 0.9, 0.99};
    static float u[WIDEST], out[WIDEST];
    for (size_t i = 0; i < WIDEST; i++)
        u[i] = next_value();
    assert_true(vector_normalise(u, WIDEST));
    for (size_t k = 0; k < sizeof(cosines) / sizeof(*cosines); k++) {
        struct transfer t = {.method = TRANSFER_NOISE, .n = WIDEST};
        double found = 0;
        t.sigma = transfer_sigma_of_cosine(cosines[k], WIDEST);
        for (size_t row = 0; row < 200; row++) {
            uint8_t key[TRANSFER_KEY_BYTES];
            key_of(row, key);
            assert_true(transfer_apply(&t, key, u, out));
            for (size_t i = 0; i < WIDEST; i++)
                found += (double)u[i] * (double)out[i] / 200;
        }
        assert_true(fabs(found - cosines[k]) < 0.01);
    }
    assert_true(fabs(transfer_sigma_of_cosine(1 / sqrt(2), 100) - 0.1) < 1e-15);
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
    assert_string_equal(transfer_methods[TRANSFER_NOISE], "noise");
    assert_null(transfer_methods[TRANSFER_METHOD_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_numpy_has_it),
        cmocka_unit_test(test_none_is_the_embedding),
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_unit_length),
        cmocka_unit_test(test_half_of_realign),
        cmocka_unit_test(test_no_difference_is_refused),
        cmocka_unit_test(test_two_rows_are_opposite),
        cmocka_unit_test(test_not_finite_is_refused),
        cmocka_unit_test(test_noise_has_its_cosine),
        cmocka_unit_test(test_inference_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
