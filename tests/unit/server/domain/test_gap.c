#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/gap.h"
#include "server/domain/vector.h"
#include "tests/unit/server/domain/gap_expected.h"

/* As make() of tests/support/gap_figures.py. */
static void make(struct gap_rows *r, uint32_t seed, size_t n, size_t d, double offset)
{
    assert_true(gap_rows_init(r, n, d));
    uint32_t x = seed;
    double *row = malloc(d * sizeof(*row));
    for (size_t i = 0; i < n; i++) {
        double squares = 0;
        for (size_t k = 0; k < d; k++) {
            x = x * 1664525U + 1013904223U;
            row[k] = ((double)(x >> 8) / 16777216.0 - 0.5) * 4 / (double)(2 + k) +
                     (k % 3 == 0 ? offset : 0);
            squares += row[k] * row[k];
        }
        for (size_t k = 0; k < d; k++)
            gap_row(r, i)[k] = (float)(row[k] / sqrt(squares));
    }
    free(row);
}

static void shift(const struct gap_rows *from, struct gap_rows *to)
{
    double *mean = malloc(from->d * sizeof(*mean)), trace, norm;
    assert_true(gap_rows_init(to, from->n, from->d));
    assert_int_equal(gap_moments(from, NULL, 0, mean, &trace, &norm), from->n);
    for (size_t i = 0; i < from->n; i++) {
        for (size_t k = 0; k < from->d; k++)
            gap_row(to, i)[k] = (float)((double)gap_row(from, i)[k] - mean[k]);
        assert_true(vector_normalise(gap_row(to, i), from->d));
    }
    free(mean);
}

static void near(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 2e-6 * fmax(1, fabs(wanted))))
        fail_msg("%.12g instead of %.12g", found, wanted);
}

struct sets {
    struct gap_rows text, image, shifted, more;
};

static void check_pairs(const struct sets *s, const double *e)
{
    struct gap_pairs pairs;
    double mixing[2];
    assert_true(gap_compare_pairs(&s->text, &s->shifted, NULL, &pairs));
    near(pairs.overlap, e[0]);
    near(pairs.correlation, e[1]);
    near(pairs.cosine[0], e[2]);
    near(pairs.cosine[1], e[3]);
    near(gap_cosine(&s->text, &s->shifted, NULL, 0), e[4]);
    assert_true(gap_mixing(&s->shifted, &s->image, NULL, mixing));
    near(mixing[0], e[5]);
    near(mixing[1], e[6]);
}

static void check_spectra(const struct sets *s, size_t q, const double *e)
{
    struct gap_spectrum a, b;
    size_t rows = s->text.n < s->image.n ? s->text.n : s->image.n;
    assert_true(gap_spectrum(&s->shifted, rows, q, &a));
    assert_true(gap_spectrum(&s->image, rows, q, &b));
    near(gap_effective_rank(&a), e[7]);
    near(gap_effective_dimension(&a), e[8]);
    near(gap_anisotropy(&a), e[9]);
    near(gap_effective_rank(&b), e[10]);
    near(gap_effective_dimension(&b), e[11]);
    near(gap_anisotropy(&b), e[12]);
    near(gap_spectrum_correlation(&a, &b), e[13]);
    near(gap_subspace_overlap(&a, &b), e[14]);
    near(gap_subspace_overlap(&a, &a), 1);
    gap_spectrum_free(&a);
    gap_spectrum_free(&b);
}

static void check_means(const struct sets *s, const double *e)
{
    size_t d = s->text.d;
    double *mean = malloc(4 * d * sizeof(*mean)), trace, norm;
    struct gap_mean after = {mean, 0}, image = {mean + d, 0};
    (void)gap_moments(&s->text, NULL, 0, mean, &trace, &norm);
    near(trace, e[15]);
    near(norm, 1);
    (void)gap_moments(&s->shifted, NULL, 0, mean, &trace, &norm);
    near(trace, e[16]);
    (void)gap_moments(&s->more, NULL, 0, mean + 2 * d, &trace, &norm);
    gap_mean_by_control(&s->text, &s->shifted, mean + 2 * d, &after);
    gap_mean_by_control(&s->image, &s->image, NULL, &image);
    near(after.error, e[17]);
    near(gap_distance(&after, &image, d), e[18]);
    free(mean);
}

static void test_figures_are_those_of_numpy(void **state)
{
    (void)state;
    static const size_t shapes[][4] = {{60, 45, 100, 10}, {150, 150, 24, 8}, {40, 90, 33, 40}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const size_t *shape = shapes[i];
        struct sets s;
        make(&s.text, 1, shape[0], shape[2], 0.2);
        make(&s.image, 2, shape[1], shape[2], -0.1);
        make(&s.more, 1, 3 * shape[0], shape[2], 0.2);
        shift(&s.text, &s.shifted);
        check_pairs(&s, expected[i]);
        check_spectra(&s, shape[3], expected[i]);
        check_means(&s, expected[i]);
        gap_rows_free(&s.text);
        gap_rows_free(&s.image);
        gap_rows_free(&s.more);
        gap_rows_free(&s.shifted);
    }
}

static void test_a_set_beside_itself(void **state)
{
    (void)state;
    struct gap_rows r;
    struct gap_pairs pairs;
    double mixing[2];
    make(&r, 3, 70, 40, 0.1);
    assert_true(gap_compare_pairs(&r, &r, NULL, &pairs));
    near(pairs.overlap, 1);
    near(pairs.correlation, 1);
    near(gap_cosine(&r, &r, NULL, 0), 1);
    assert_true(gap_mixing(&r, &r, NULL, mixing));
    /* Each has its twin and then pairs of twins, of which the last is cut in two. */
    near(mixing[0], 0.5);
    near(mixing[1], 0.55);
    gap_rows_free(&r);
}

/* The sample's mean misses the true one; the control finds what a linear map has made of it. */
static void test_control_takes_the_sampling_out(void **state)
{
    (void)state;
    enum { D = 20 };
    struct gap_rows all, some, made;
    double known[D], mean[D], trace, norm, off = 0;
    struct gap_mean found = {mean, 0};
    make(&all, 7, 4000, D, 0.3);
    make(&some, 7, 50, D, 0.3);
    (void)gap_moments(&all, NULL, 0, known, &trace, &norm);
    assert_true(gap_rows_init(&made, 50, D));
    for (size_t i = 0; i < 50; i++)
        for (size_t k = 0; k < D; k++)
            gap_row(&made, i)[k] = (float)(2 * ((double)gap_row(&some, i)[k] - known[k]) + 1);
    gap_mean_by_control(&some, &made, NULL, &found);
    double plain = found.error;
    gap_mean_by_control(&some, &made, known, &found);
    for (size_t k = 0; k < D; k++)
        off = fmax(off, fabs(mean[k] - 1));
    assert_true(off < 1e-6);
    assert_true(found.error < 1e-10 && plain > 1e-3);
    gap_rows_free(&all);
    gap_rows_free(&some);
    gap_rows_free(&made);
}

static void test_few_and_equal_rows(void **state)
{
    (void)state;
    struct gap_rows r;
    struct gap_pairs pairs;
    struct gap_spectrum s;
    double mean[8], trace, norm;
    assert_true(gap_rows_init(&r, 5, 8));
    for (size_t i = 0; i < 5; i++)
        gap_row(&r, i)[2] = 1;
    assert_true(gap_compare_pairs(&r, &r, NULL, &pairs));
    assert_int_equal(pairs.neighbours, 4);
    assert_true(isnan(pairs.correlation) && fabs(pairs.overlap - 1) < 1e-15);
    assert_true(gap_spectrum(&r, 5, 4, &s));
    assert_int_equal(s.q, 0);
    assert_true(isnan(gap_effective_rank(&s)) && isnan(gap_effective_dimension(&s)) &&
                isnan(gap_anisotropy(&s)) && isnan(gap_spectrum_correlation(&s, &s)) &&
                isnan(gap_subspace_overlap(&s, &s)));
    gap_spectrum_free(&s);
    const int pick[] = {0, 1, 0, 2, 2};
    assert_int_equal(gap_moments(&r, pick, 1, mean, &trace, &norm), 1);
    assert_true(isnan(trace) && fabs(norm - 1) < 1e-15);
    assert_int_equal(gap_moments(&r, pick, 3, mean, &trace, &norm), 0);
    assert_true(isnan(norm) && isnan(gap_cosine(&r, &r, pick, 3)));
    gap_rows_free(&r);
}

static bool three_times(void *arg)
{
    int *left = arg;
    return (*left)-- > 0;
}

static void test_can_be_given_up(void **state)
{
    (void)state;
    struct gap_rows r;
    struct gap_pairs pairs;
    double mixing[2];
    int left = 3;
    const struct gap_go_on go_on = {three_times, &left};
    make(&r, 4, 200, 10, 0.1);
    assert_false(gap_compare_pairs(&r, &r, &go_on, &pairs));
    assert_int_equal(left, -1);
    left = 3;
    assert_false(gap_mixing(&r, &r, &go_on, mixing));
    gap_rows_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_those_of_numpy),
        cmocka_unit_test(test_a_set_beside_itself),
        cmocka_unit_test(test_control_takes_the_sampling_out),
        cmocka_unit_test(test_few_and_equal_rows),
        cmocka_unit_test(test_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
