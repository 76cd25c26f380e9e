/* Spectra of covariances: of the d x d matrix, or of the Gram matrix of the rows where that is the
 * smaller; both have the same values other than 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"
#include "server/domain/dots.h"
#include "server/domain/eigen.h"
#include "server/domain/gap.h"

/* Below this share of the first value there is only rounding error. */
#define VALUE_LEAST 1e-9

/* Vectors in float64, `stride` apart, zeros behind. */
struct table {
    size_t n, d, stride;
    double *values;
};

static bool table_init(struct table *t, size_t n, size_t d)
{
    *t = (struct table){.n = n, .d = d, .stride = dots_stride(d)};
    t->values = calloc(n * t->stride, sizeof(*t->values));
    return t->values;
}

/* The first rows of r less their mean, divided by the root of what makes their squares a
 * covariance; or that, a column of r being a vector of the table. */
static void fill(struct table *t, const struct gap_rows *r, size_t rows, bool by_column)
{
    double scale = 1 / sqrt((double)(rows - 1));
    for (size_t k = 0; k < r->d; k++) {
        double mean = 0;
        for (size_t i = 0; i < rows; i++)
            mean += (double)gap_row(r, i)[k];
        mean /= (double)rows;
        for (size_t i = 0; i < rows; i++) {
            size_t at = by_column ? k * t->stride + i : i * t->stride + k;
            t->values[at] = scale * ((double)gap_row(r, i)[k] - mean);
        }
    }
}

static size_t tile_rows(const struct table *t, size_t i)
{
    return t->n - i < DOTS_TILE ? t->n - i : DOTS_TILE;
}

/* All dot products of a table's vectors, n x n. */
static void products(const struct table *t, double *out)
{
    double tile[DOTS_TILE * DOTS_TILE];
    for (size_t i = 0; i < t->n; i += DOTS_TILE)
        for (size_t j = i; j < t->n; j += DOTS_TILE) {
            size_t ni = tile_rows(t, i), nj = tile_rows(t, j);
            dots_f64(t->values + i * t->stride, ni, t->values + j * t->stride, nj, t->stride, tile);
            for (size_t a = 0; a < ni; a++)
                for (size_t b = 0; b < nj; b++)
                    out[(i + a) * t->n + j + b] = out[(j + b) * t->n + i + a] =
                        tile[a * DOTS_TILE + b];
        }
}

/* From weights of rows to a direction: their combination, at unit length. */
static void combine(const struct table *t, const double *weights, double *out)
{
    double norm = 0;
    memset(out, 0, t->d * sizeof(*out));
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->d; k++)
            out[k] += weights[i] * t->values[i * t->stride + k];
    for (size_t k = 0; k < t->d; k++)
        norm += out[k] * out[k];
    for (size_t k = 0; k < t->d; k++)
        out[k] /= sqrt(norm);
}

static size_t above_noise(const double *values, size_t n)
{
    size_t k = 0;
    while (k < n && values[k] > 0 && values[k] > VALUE_LEAST * values[0])
        k++;
    return k;
}

static bool decompose(const struct table *t, bool by_column, struct gap_spectrum *s)
{
    size_t n = t->n;
    _cleanup_(freep) double *matrix = malloc(n * n * sizeof(*matrix));
    _cleanup_(freep) double *vectors = malloc((s->q * n + 1) * sizeof(*vectors));
    if (!matrix || !vectors)
        return false;
    products(t, matrix);
    if (!eigen_symmetric(matrix, n, s->values, s->q ? vectors : NULL, s->q))
        return false;
    size_t there = above_noise(s->values, n);
    s->q = there < s->q ? there : s->q;
    for (size_t j = 0; j < s->q; j++)
        if (by_column)
            memcpy(s->directions + j * s->d, vectors + j * n, s->d * sizeof(*vectors));
        else
            combine(t, vectors + j * n, s->directions + j * s->d);
    return true;
}

bool gap_spectrum(const struct gap_rows *r, size_t rows, size_t q, struct gap_spectrum *out)
{
    bool by_column = r->d <= rows;
    struct table t;
    size_t n = by_column ? r->d : rows;
    *out = (struct gap_spectrum){.n = n, .d = r->d, .q = q < n ? q : n};
    out->values = malloc(n * sizeof(*out->values));
    out->directions = malloc((out->q * r->d + 1) * sizeof(*out->directions));
    bool ok = table_init(&t, n, by_column ? rows : r->d);
    if (ok && out->values && out->directions) {
        fill(&t, r, rows, by_column);
        ok = decompose(&t, by_column, out);
    } else {
        ok = false;
    }
    free(t.values);
    if (!ok)
        gap_spectrum_free(out);
    return ok;
}

void gap_spectrum_free(struct gap_spectrum *s)
{
    free(s->values);
    free(s->directions);
    *s = (struct gap_spectrum){0};
}

/* Of values that are not rounding errors; the others are 0. */
static double trace(const struct gap_spectrum *s)
{
    double sum = 0;
    for (size_t i = 0; i < above_noise(s->values, s->n); i++)
        sum += s->values[i];
    return sum;
}

double gap_effective_rank(const struct gap_spectrum *s)
{
    double all = trace(s), entropy = 0;
    if (!(all > 0))
        return (double)NAN;
    for (size_t i = 0; i < above_noise(s->values, s->n); i++)
        entropy -= s->values[i] / all * log(s->values[i] / all);
    return exp(entropy);
}

double gap_effective_dimension(const struct gap_spectrum *s)
{
    double all = trace(s), squares = 0;
    for (size_t i = 0; i < above_noise(s->values, s->n); i++)
        squares += s->values[i] * s->values[i];
    return all > 0 ? all * all / squares : (double)NAN;
}

double gap_anisotropy(const struct gap_spectrum *s)
{
    double all = trace(s);
    return all > 0 ? s->values[0] * (double)s->d / all : (double)NAN;
}

double gap_spectrum_correlation(const struct gap_spectrum *a, const struct gap_spectrum *b)
{
    enum { VALUES_MIN = 3 };
    size_t na = above_noise(a->values, a->n), nb = above_noise(b->values, b->n);
    size_t n = na < nb ? na : nb;
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    if (n < VALUES_MIN)
        return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        x += log(a->values[i]) / (double)n;
        y += log(b->values[i]) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double p = log(a->values[i]) - x, r = log(b->values[i]) - y;
        xx += p * p;
        yy += r * r;
        xy += p * r;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

double gap_subspace_overlap(const struct gap_spectrum *a, const struct gap_spectrum *b)
{
    size_t q = a->q < b->q ? a->q : b->q;
    double sum = 0;
    for (size_t i = 0; i < q; i++)
        for (size_t j = 0; j < q; j++) {
            double product = 0;
            for (size_t k = 0; k < a->d; k++)
                product += a->directions[i * a->d + k] * b->directions[j * b->d + k];
            sum += product * product;
        }
    return q ? sum / (double)q : (double)NAN;
}
