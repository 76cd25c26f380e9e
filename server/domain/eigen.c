#include "server/domain/eigen.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"

/* The tridiagonal matrix: diagonal, and off[i] between i and i + 1. */
struct tridiagonal {
    size_t n;
    double *diagonal, *off;
};

static double dot(const double *a, const double *b, size_t n)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static void add_scaled(double *to, double factor, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

/* Makes x the vector of a reflection H = I - factor x x' that takes x to (out, 0, ...). */
static double reflect(double *x, size_t n, double *out)
{
    double tail = dot(x + 1, x + 1, n - 1), norm = sqrt(x[0] * x[0] + tail);
    *out = x[0];
    if (tail < DBL_MIN / DBL_EPSILON) /* nothing to take away, or its factor would overflow */
        return 0;
    *out = x[0] > 0 ? -norm : norm;
    x[0] -= *out;
    return 2 / (x[0] * x[0] + tail);
}

/* row -= v[at] w + w[at] v, and what is left of it times x. */
static double update_row(double *row, const double *v, const double *w, size_t at, const double *x,
                         size_t n)
{
    double sum[4] = {0}, va = v[at], wa = w[at];
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            row[i + k] -= va * w[i + k] + wa * v[i + k];
            sum[k] += row[i + k] * x[i + k];
        }
    for (; i < n; i++) {
        row[i] -= va * w[i] + wa * v[i];
        sum[0] += row[i] * x[i];
    }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Row k of a keeps, behind its diagonal, the vector of reflection k, and factors[k] its factor. The
 * update that step k leaves to do is done by step k + 1 while it multiplies: the matrix goes
 * through the caches once a step. `w` has room for 2 n. */
static void reduce(double *a, struct tridiagonal *t, double *factors, double *w)
{
    size_t n = t->n;
    double *next = w + n;
    const double *v = NULL; /* of the step before, from its row k on, as w */
    for (size_t k = 0; k + 1 < n; k++) {
        double *row = a + k * n;
        if (v)
            (void)update_row(row + k, v, w, 0, row + k, n - k);
        t->diagonal[k] = row[k];
        double factor = reflect(row + k + 1, n - k - 1, &t->off[k]);
        const double *x = row + k + 1;
        size_t m = n - k - 1;
        for (size_t i = 0; i < m; i++) {
            double *r = a + (k + 1 + i) * n + k + 1;
            next[i] = factor * (v ? update_row(r, v + 1, w + 1, i, x, m) : dot(r, x, m));
        }
        add_scaled(next, -factor / 2 * dot(next, x, m), x, m);
        memcpy(w, next, m * sizeof(*w));
        factors[k] = factor;
        v = x;
    }
    t->diagonal[n - 1] = a[n * n - 1]; /* the last reflection, of one value, changes nothing */
}

/* One implicit QL step from `end` back to `at`. */
static void ql_step(double *d, double *e, size_t at, size_t end)
{
    double g = (d[at + 1] - d[at]) / (2 * e[at]), r = hypot(g, 1), s = 1, c = 1, p = 0;
    g = d[end] - d[at] + e[at] / (g + copysign(r, g));
    for (size_t i = end; i-- > at;) {
        double f = s * e[i], b = c * e[i];
        e[i + 1] = r = hypot(f, g);
        if (!(r > 0)) {
            d[i + 1] -= p;
            e[end] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
    }
    d[at] -= p;
    e[at] = g;
    e[end] = 0;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* d: the diagonal, then the values; e: the rest, destroyed, with room for n. */
static bool ql(double *d, double *e, size_t n)
{
    enum { STEPS_MAX = 60 };
    double size = 0; /* what is below its rounding error is nothing: so was the reduction's error */
    for (size_t i = 0; i < n; i++)
        size = fmax(size, fabs(d[i]) + fabs(e[i]));
    for (size_t at = 0; at < n; at++)
        for (int steps = 0;; steps++) {
            size_t end = at;
            while (end + 1 < n && fabs(e[end]) > DBL_EPSILON * size)
                end++;
            if (end == at)
                break;
            if (steps == STEPS_MAX)
                return false;
            ql_step(d, e, at, end);
        }
    qsort(d, n, sizeof(*d), descending);
    return true;
}

/* The LU factors of T - value I with row exchanges: U has two more diagonals. */
struct factored {
    double *u0, *u1, *u2, *l;
    bool *exchanged;
};

static void factor(const struct tridiagonal *t, double value, double tiny, struct factored *f)
{
    size_t n = t->n;
    double a = t->diagonal[0] - value, b = n > 1 ? t->off[0] : 0;
    for (size_t i = 0; i + 1 < n; i++) {
        double below = t->off[i], c = t->diagonal[i + 1] - value;
        double right = i + 2 < n ? t->off[i + 1] : 0;
        f->exchanged[i] = fabs(below) > fabs(a);
        if (f->exchanged[i]) {
            f->l[i] = a / below;
            f->u0[i] = below;
            f->u1[i] = c;
            f->u2[i] = right;
            a = b - f->l[i] * c;
            b = -f->l[i] * right;
        } else {
            f->u0[i] = fabs(a) > tiny ? a : tiny;
            f->l[i] = below / f->u0[i];
            f->u1[i] = b;
            f->u2[i] = 0;
            a = c - f->l[i] * b;
            b = right;
        }
    }
    f->u0[n - 1] = fabs(a) > tiny ? a : tiny;
}

static void solve(const struct factored *f, size_t n, double *x)
{
    for (size_t i = 0; i + 1 < n; i++) {
        double upper = x[i];
        if (f->exchanged[i]) {
            x[i] = x[i + 1];
            x[i + 1] = upper;
        }
        x[i + 1] -= f->l[i] * x[i];
    }
    for (size_t i = n; i-- > 0;) {
        if (i + 1 < n)
            x[i] -= f->u1[i] * x[i + 1];
        if (i + 2 < n)
            x[i] -= f->u2[i] * x[i + 2];
        x[i] /= f->u0[i];
    }
}

/* False when nothing is left of x. The largest value goes first: squares must not overflow. */
static bool normalise(double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    if (!(most > 0) || !isfinite(most))
        return false;
    for (size_t i = 0; i < n; i++)
        x[i] /= most;
    double norm = sqrt(dot(x, x, n));
    for (size_t i = 0; i < n; i++)
        x[i] /= norm;
    return true;
}

static void start(double *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t z = (seed << 32 | i) * 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 31) * 0xbf58476d1ce4e5b9U;
        x[i] = (double)(z >> 11) * 0x1p-53 - 0.5;
    }
}

/* Eigenvectors of the tridiagonal matrix, orthogonal to each other: each is freed from those before
 * it after every solution, so that equal values give a basis. */
static bool inverse_iteration(const struct tridiagonal *t, const double *values, double *vectors,
                              size_t q, struct factored *f)
{
    enum { SOLUTIONS = 4 };
    size_t n = t->n;
    double size = fmax(fabs(values[0]), fabs(values[n - 1])), apart = 2 * DBL_EPSILON * size;
    double before = (double)INFINITY;
    for (size_t k = 0; k < q; k++) {
        double *x = vectors + k * n;
        double value = fmin(values[k], before - apart);
        before = value;
        factor(t, value, fmax(apart, DBL_MIN), f);
        start(x, n, k);
        for (int s = 0; s < SOLUTIONS; s++) {
            solve(f, n, x);
            if (!normalise(x, n))
                return false;
            for (size_t i = 0; i < k; i++)
                add_scaled(x, -dot(vectors + i * n, x, n), vectors + i * n, n);
            if (!normalise(x, n))
                return false;
        }
    }
    return true;
}

/* From the tridiagonal matrix back to the one that was given. */
static void reflect_back(const double *a, size_t n, const double *factors, double *vectors,
                         size_t q)
{
    for (size_t j = 0; j < q; j++)
        for (size_t k = n - 1; k-- > 0;) {
            const double *x = a + k * n + k + 1;
            double *y = vectors + j * n + k + 1;
            add_scaled(y, -factors[k] * dot(x, y, n - k - 1), x, n - k - 1);
        }
}

static bool vectors_of(const struct tridiagonal *t, const double *a, const double *factors,
                       const double *values, double *vectors, size_t q)
{
    size_t n = t->n;
    _cleanup_(freep) double *space = calloc(4 * n, sizeof(*space));
    _cleanup_(freep) bool *exchanged = calloc(n, sizeof(*exchanged));
    if (!space || !exchanged)
        return false;
    struct factored f = {space, space + n, space + 2 * n, space + 3 * n, exchanged};
    if (!inverse_iteration(t, values, vectors, q, &f))
        return false;
    reflect_back(a, n, factors, vectors, q);
    return true;
}

bool eigen_symmetric(double *a, size_t n, double *values, double *vectors, size_t q)
{
    _cleanup_(freep) double *space = calloc(6 * n, sizeof(*space));
    if (!space || n == 0)
        return false;
    struct tridiagonal t = {n, space, space + n};
    double *factors = space + 2 * n, *e = space + 3 * n, *w = space + 4 * n;
    reduce(a, &t, factors, w);
    memcpy(values, t.diagonal, n * sizeof(*values));
    memcpy(e, t.off, n * sizeof(*e));
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]) || !isfinite(e[i]))
            return false;
    if (!ql(values, e, n))
        return false;
    return !vectors || vectors_of(&t, a, factors, values, vectors, q);
}
