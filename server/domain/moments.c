#include "server/domain/moments.h"

#include <math.h>

/* A value is split at these units, so that sums of either part are exact. */
static const double high_unit = 0x1p28, low_unit = 0x1p58;

size_t moments_doubles(size_t n)
{
    return 2 * n + 2;
}

static void add(double *sums, double x)
{
    double high = nearbyint(x * high_unit) / high_unit;
    sums[0] += high;
    sums[1] += nearbyint((x - high) * low_unit) / low_unit;
}

static bool is_unit(double squares)
{
    return isfinite(squares) && fabs(sqrt(squares) - 1) <= MOMENTS_NORM_SLACK;
}

bool moments_add(struct moments_sum *m, const float *v)
{
    double squares = 0;
    for (size_t i = 0; i < m->n; i++)
        squares += (double)v[i] * (double)v[i];
    if (!is_unit(squares))
        return false;
    for (size_t i = 0; i < m->n; i++)
        add(m->sums + 2 * i, (double)v[i]);
    add(m->sums + 2 * m->n, squares);
    m->count++;
    return true;
}

bool moments_add_doubles(struct moments_sum *m, const double *v)
{
    double squares = 0;
    for (size_t i = 0; i < m->n; i++)
        squares += v[i] * v[i];
    if (!is_unit(squares))
        return false;
    for (size_t i = 0; i < m->n; i++)
        add(m->sums + 2 * i, v[i]);
    add(m->sums + 2 * m->n, squares);
    m->count++;
    return true;
}

void moments_merge(struct moments_sum *into, const struct moments_sum *from)
{
    for (size_t i = 0; i < moments_doubles(into->n); i++)
        into->sums[i] += from->sums[i];
    into->count += from->count;
}

void moments_finish(const struct moments_sum *m, double *mean, double *trace)
{
    double count = (double)m->count, mean_squared = 0;
    for (size_t i = 0; i < m->n; i++) {
        mean[i] = (m->sums[2 * i] + m->sums[2 * i + 1]) / count;
        mean_squared += mean[i] * mean[i];
    }
    double spread = (m->sums[2 * m->n] + m->sums[2 * m->n + 1]) / count - mean_squared;
    *trace = spread > 1e-15 ? spread : 0;
}
