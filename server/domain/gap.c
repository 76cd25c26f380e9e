#include "server/domain/gap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"
#include "server/domain/dots.h"

bool gap_rows_init(struct gap_rows *r, size_t n, size_t d)
{
    *r = (struct gap_rows){.n = n, .d = d, .stride = dots_stride(d)};
    r->values = calloc(n ? n * r->stride : 1, sizeof(*r->values));
    return r->values;
}

void gap_rows_free(struct gap_rows *r)
{
    free(r->values);
    *r = (struct gap_rows){0};
}

static double squared_norm(const float *v, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)v[i] * (double)v[i];
    return sum;
}

static double squared_distance(const float *v, const double *mean, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += ((double)v[i] - mean[i]) * ((double)v[i] - mean[i]);
    return sum;
}

static bool picked(const int *pick, int which, size_t i)
{
    return !pick || pick[i] == which;
}

size_t gap_moments(const struct gap_rows *r, const int *pick, int which, double *mean,
                   double *trace, double *norm)
{
    size_t n = 0;
    double squares = 0;
    memset(mean, 0, r->d * sizeof(*mean));
    *norm = 0;
    for (size_t i = 0; i < r->n; i++)
        if (picked(pick, which, i)) {
            for (size_t k = 0; k < r->d; k++)
                mean[k] += (double)gap_row(r, i)[k];
            *norm += sqrt(squared_norm(gap_row(r, i), r->d));
            n++;
        }
    for (size_t k = 0; n && k < r->d; k++)
        mean[k] /= (double)n;
    for (size_t i = 0; i < r->n; i++)
        if (picked(pick, which, i))
            squares += squared_distance(gap_row(r, i), mean, r->d);
    *norm = n ? *norm / (double)n : (double)NAN;
    *trace = n > 1 ? squares / (double)(n - 1) : (double)NAN;
    return n;
}

/* Sum over the rows of the products of their deviations from the two means. */
static double common(const struct gap_rows *a, const double *mean_a, const struct gap_rows *b,
                     const double *mean_b)
{
    double sum = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < a->d; k++)
            sum += ((double)gap_row(a, i)[k] - mean_a[k]) * ((double)gap_row(b, i)[k] - mean_b[k]);
    return sum;
}

void gap_mean_by_control(const struct gap_rows *from, const struct gap_rows *to,
                         const double *known, struct gap_mean *out)
{
    double trace, trace_from, norm;
    (void)gap_moments(to, NULL, 0, out->mean, &trace, &norm);
    out->error = trace / (double)to->n;
    _cleanup_(freep) double *mean = known ? malloc(from->d * sizeof(*mean)) : NULL;
    if (!mean) /* without memory the plain mean is right, too */
        return;
    (void)gap_moments(from, NULL, 0, mean, &trace_from, &norm);
    if (!(trace_from > 0))
        return;
    double factor = common(from, mean, to, out->mean) / ((double)(from->n - 1) * trace_from);
    for (size_t k = 0; k < from->d; k++)
        out->mean[k] -= factor * (mean[k] - known[k]);
    out->error = fmax(0, trace - factor * factor * trace_from) / (double)to->n;
}

double gap_distance(const struct gap_mean *a, const struct gap_mean *b, size_t d)
{
    double squares = 0;
    for (size_t k = 0; k < d; k++)
        squares += (a->mean[k] - b->mean[k]) * (a->mean[k] - b->mean[k]);
    double left = squares - a->error - b->error;
    return sqrt(left < 0 ? 0 : left);
}

double gap_cosine(const struct gap_rows *a, const struct gap_rows *b, const int *pick, int which)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (picked(pick, which, i)) {
            const float *x = gap_row(a, i), *y = gap_row(b, i);
            double product = 0;
            for (size_t k = 0; k < a->d; k++)
                product += (double)x[k] * (double)y[k];
            sum += product / sqrt(squared_norm(x, a->d) * squared_norm(y, a->d));
            n++;
        }
    return sum / (double)n;
}
