/* Each set of kernels that runs here against the same formulas in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/clip/kernels.h"

enum { MOST = 300 };

static const double exact = 4e-7; /* a few units in the last place */

/* Numbers from -1 to 1 that do not repeat. */
static float number(size_t i)
{
    return (float)sin((double)i * 12.9898 + 4.1);
}

static void near(double got, double expected, double scale)
{
    if (!(fabs(got - expected) <= exact * scale))
        fail_msg("%.9g where %.9g is right", got, expected);
}

static void test_quick_gelu(void **state)
{
    const struct kernels *k;
    float x[MOST], bias[MOST];

    (void)state;
    for (int set = 0; (k = kernels_get(set)); set++)
        for (int i = -2000; i <= 2000; i++) {
            size_t n = 1 + (size_t)(i + 2000) % 40;
            for (size_t at = 0; at < n; at++) {
                x[at] = (float)i / 40;
                bias[at] = number(at);
            }
            k->quick_gelu(x, bias, 1, n);
            for (size_t at = 0; at < n; at++) {
                double v = (double)((float)i / 40 + bias[at]);
                near((double)x[at], v / (1 + exp(-1.702 * v)),
                     1e-12 + fabs(v) / (1 + exp(-1.7 * v)) * 8);
            }
        }
}

static void test_gelu(void **state)
{
    const struct kernels *k;
    float x[MOST], bias[MOST] = {0};

    (void)state;
    for (int set = 0; (k = kernels_get(set)); set++)
        for (int i = -400; i <= 400; i++) {
            double v = (double)((float)i / 40);
            for (size_t at = 0; at < 21; at++)
                x[at] = (float)i / 40;
            k->gelu(x, bias, 1, 21);
            for (size_t at = 0; at < 21; at++)
                near((double)x[at], v * 0.5 * erfc(-v / sqrt(2)), 1e-12 + fabs(v));
        }
}

static void test_normalise(void **state)
{
    const struct kernels *k;
    float x[2 * MOST], y[2 * MOST], bias[MOST], scale[MOST], shift[MOST];

    (void)state;
    for (int set = 0; (k = kernels_get(set)); set++)
        for (size_t n = 1; n < MOST; n += 7) {
            for (size_t i = 0; i < 2 * n; i++)
                x[i] = 3 + number(i);
            for (size_t i = 0; i < n; i++) {
                bias[i] = number(i + 1000);
                scale[i] = number(i + 2000);
                shift[i] = number(i + 3000);
            }
            k->normalise(x, bias, scale, shift, 1e-5F, 2, n, y);
            for (size_t row = 0; row < 2; row++) {
                double mean = 0, variance = 0;
                for (size_t i = 0; i < n; i++)
                    mean += (double)x[row * n + i] / (double)n;
                for (size_t i = 0; i < n; i++)
                    variance += pow((double)x[row * n + i] - mean, 2) / (double)n;
                for (size_t i = 0; i < n; i++) {
                    near((double)x[row * n + i], 3 + (double)number(row * n + i) + (double)bias[i],
                         8);
                    near((double)y[row * n + i],
                         ((double)x[row * n + i] - mean) / sqrt(variance + 1e-5) *
                                 (double)scale[i] +
                             (double)shift[i],
                         n == 1 ? 1e4 : 30);
                }
            }
        }
}

static void test_add_bias(void **state)
{
    const struct kernels *k;
    float x[3 * MOST], bias[MOST];

    (void)state;
    for (int set = 0; (k = kernels_get(set)); set++)
        for (size_t n = 1; n < 70; n++) {
            for (size_t i = 0; i < 3 * MOST; i++)
                x[i] = number(i);
            for (size_t i = 0; i < n; i++)
                bias[i] = number(i + 500);
            k->add_bias(x, bias, 2, n, n + 3);
            for (size_t i = 0; i < 3 * MOST; i++) {
                size_t row = i / (n + 3), at = i % (n + 3);
                float more = row < 2 && at < n ? bias[at] : 0;
                assert_true(x[i] <= number(i) + more && x[i] >= number(i) + more);
            }
        }
}

enum { WIDTHS = 4, STRIDE = 128 };

static void check_row(const struct attention *a, size_t position, const float *q, const float *out)
{
    double weights[MOST], sum = 0, top = -(double)INFINITY;

    for (size_t j = 0; j <= position; j++) {
        weights[j] = 0;
        for (size_t i = 0; i < a->width; i++)
            weights[j] += (double)q[i] * (double)a->k[a->rows[j] * a->k_stride + i];
        weights[j] *= (double)a->scale;
        top = fmax(top, weights[j]);
    }
    for (size_t j = 0; j <= position; j++)
        sum += weights[j] = exp(weights[j] - top);
    for (size_t i = 0; i < a->width; i++) {
        double v = 0;
        for (size_t j = 0; j <= position; j++)
            v += weights[j] / sum * (double)a->v[a->rows[j] * a->v_stride + i];
        near((double)out[i], v, 20);
    }
}

/* Sequences whose beginnings stand elsewhere, as those that share them do. */
static void test_attend(void **state)
{
    static const size_t widths[WIDTHS] = {3, 16, 64, 80};
    static const size_t lengths[] = {1, 2, 15, 16, 17, 77, 248};
    static float q[MOST * STRIDE], k[MOST * STRIDE], v[MOST * STRIDE], out[MOST * STRIDE];
    const struct kernels *set;
    uint32_t rows[MOST];

    (void)state;
    for (size_t i = 0; i < (size_t)MOST * STRIDE; i++) {
        q[i] = 3 * number(i);
        k[i] = number(i + 7);
        v[i] = number(i + 13);
    }
    for (uint32_t i = 0; i < MOST; i++)
        rows[i] = (i * 7 + 3) % MOST;
    for (int at = 0; (set = kernels_get(at)); at++)
        for (size_t w = 0; w < WIDTHS; w++)
            for (size_t n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
                size_t len = lengths[n], first = len / 3;
                float *scratch = malloc(kernel_scratch(len, widths[w]) * sizeof(*scratch));
                struct attention a = {.q = q,
                                      .k = k,
                                      .v = v,
                                      .q_stride = STRIDE,
                                      .k_stride = STRIDE,
                                      .v_stride = STRIDE,
                                      .out_stride = STRIDE,
                                      .rows = rows,
                                      .first = first,
                                      .len = len,
                                      .width = widths[w],
                                      .scale = 0.25F,
                                      .out = out,
                                      .scratch = scratch};
                set->attend(&a);
                for (size_t i = first; i < len; i++)
                    check_row(&a, i, q + (i - first) * STRIDE, out + (i - first) * STRIDE);
                free(scratch);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_gelu), cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_normalise),  cmocka_unit_test(test_add_bias),
        cmocka_unit_test(test_attend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
