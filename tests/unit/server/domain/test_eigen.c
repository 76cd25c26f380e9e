#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/dots.h"
#include "server/domain/eigen.h"

static double next(uint32_t *x)
{
    *x = *x * 1664525U + 1013904223U;
    return (double)(*x >> 8) / 16777216.0 - 0.5;
}

/* Q D Q' of a product of random reflections, so that the values are known. */
static double *known_matrix(const double *values, size_t n, uint32_t seed)
{
    double *a = calloc(n * n, sizeof(*a)), *v = malloc(n * sizeof(*v)), *p = malloc(n * sizeof(*p));
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = values[i];
    for (int turn = 0; turn < 4; turn++) {
        double norm = 0, vp = 0;
        for (size_t i = 0; i < n; i++) {
            v[i] = next(&seed);
            norm += v[i] * v[i];
        }
        for (size_t i = 0; i < n; i++) {
            p[i] = 0;
            for (size_t j = 0; j < n; j++)
                p[i] += 2 / norm * a[i * n + j] * v[j];
            vp += v[i] * p[i];
        }
        for (size_t i = 0; i < n; i++)
            p[i] -= vp / norm * v[i];
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                a[i * n + j] -= p[i] * v[j] + v[i] * p[j];
    }
    free(v);
    free(p);
    return a;
}

/* A v = value v, unit length and orthogonal to those before. */
static void check_vectors(const double *a, const double *values, const double *vectors, size_t n,
                          size_t q, double size)
{
    for (size_t j = 0; j < q; j++) {
        const double *v = vectors + j * n;
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += a[i * n + k] * v[k];
            assert_true(fabs(sum - values[j] * v[i]) < 1e-11 * size);
        }
        for (size_t other = 0; other <= j; other++) {
            double product = 0;
            for (size_t k = 0; k < n; k++)
                product += v[k] * vectors[other * n + k];
            assert_true(fabs(product - (other == j ? 1 : 0)) < 1e-11);
        }
    }
}

static void check(const double *expected, size_t n, size_t q)
{
    double *a = known_matrix(expected, n, (uint32_t)n), *copy = malloc(n * n * sizeof(*copy));
    double *values = malloc(n * sizeof(*values)), *vectors = malloc(q * n * sizeof(*vectors));
    double size = fmax(fabs(expected[0]), fabs(expected[n - 1]));
    memcpy(copy, a, n * n * sizeof(*copy));
    assert_true(eigen_symmetric(a, n, values, vectors, q));
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(values[i] - expected[i]) < 1e-12 * size);
    check_vectors(copy, values, vectors, n, q, size);
    free(a);
    free(copy);
    free(values);
    free(vectors);
}

static void test_known_values(void **state)
{
    (void)state;
    double values[200];
    for (size_t n = 1; n <= 200; n = n * 3 / 2 + 1) {
        for (size_t i = 0; i < n; i++)
            values[i] = 100 / (double)(i + 1) - (i > n / 2 ? 1.5 : 0);
        check(values, n, n);
    }
}

static void test_values_that_repeat(void **state)
{
    (void)state;
    double values[64];
    for (size_t i = 0; i < 64; i++)
        values[i] = i < 8 ? 3 : i < 40 ? 1 : 0;
    check(values, 64, 64);
}

static void test_values_of_all_sizes(void **state)
{
    (void)state;
    double values[60];
    for (size_t i = 0; i < 60; i++)
        values[i] = pow(10, -(double)i / 3);
    check(values, 60, 20);
}

static void test_diagonal_and_zero(void **state)
{
    (void)state;
    double diagonal[9] = {2, 0, 0, 0, 7, 0, 0, 0, -1}, values[3], vectors[9];
    assert_true(eigen_symmetric(diagonal, 3, values, vectors, 3));
    assert_true(fabs(values[0] - 7) < 1e-15 && fabs(values[2] + 1) < 1e-15);
    assert_true(fabs(fabs(vectors[1]) - 1) < 1e-15);
    double zero[9] = {0};
    assert_true(eigen_symmetric(zero, 3, values, vectors, 3));
    assert_true(fabs(values[0]) < 1e-300 && fabs(values[2]) < 1e-300);
}

static void test_what_is_not_finite(void **state)
{
    (void)state;
    double values[3];
    for (size_t at = 0; at < 3; at++) {
        double a[9] = {1, 0.5, 0.25, 0.5, 1, 0.5, 0.25, 0.5, 1};
        a[at * 3 + at] = (double)NAN;
        assert_false(eigen_symmetric(a, 3, values, NULL, 0));
    }
}

enum { ROWS = 37, D = 45 };

static void test_dots(void **state)
{
    (void)state;
    size_t stride = dots_stride(D);
    uint32_t x = 5;
    float *a = calloc(ROWS * stride, sizeof(*a)), out[2][DOTS_TILE * DOTS_TILE];
    double *b = calloc(ROWS * stride, sizeof(*b)), wide[2][DOTS_TILE * DOTS_TILE];
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < D; k++) {
            a[i * stride + k] = (float)next(&x);
            b[i * stride + k] = (double)a[i * stride + k];
        }
    for (size_t na = 1; na <= 31; na += 6)
        for (size_t nb = 1; nb <= 32; nb += 3) {
            const float *other = a + 5 * stride;
            dots_f32(a, na, other, nb, stride, out[0]);
            dots_f32_portable(a, na, other, nb, stride, out[1]);
            dots_f64(b, na, b + 5 * stride, nb, stride, wide[0]);
            dots_f64_portable(b, na, b + 5 * stride, nb, stride, wide[1]);
            for (size_t i = 0; i < na; i++)
                for (size_t j = 0; j < nb; j++) {
                    size_t at = i * DOTS_TILE + j;
                    double sum = 0;
                    for (size_t k = 0; k < D; k++)
                        sum += b[i * stride + k] * b[(5 + j) * stride + k];
                    assert_memory_equal(&out[0][at], &out[1][at], sizeof(float));
                    assert_memory_equal(&wide[0][at], &wide[1][at], sizeof(double));
                    assert_true(fabs((double)out[0][at] - sum) < 1e-5);
                    assert_true(fabs(wide[0][at] - sum) < 1e-14);
                }
        }
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),        cmocka_unit_test(test_values_that_repeat),
        cmocka_unit_test(test_values_of_all_sizes), cmocka_unit_test(test_diagonal_and_zero),
        cmocka_unit_test(test_what_is_not_finite),  cmocka_unit_test(test_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
