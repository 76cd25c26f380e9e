#include "server/domain/moments.h"

#include <endian.h>
#include <string.h>

void moments_add(struct moments_sum *m, const float *v)
{
    double squares = 0;
    for (size_t i = 0; i < m->n; i++) {
        double x = (double)v[i];
        m->sum[i] += x;
        squares += x * x;
    }
    m->squares += squares;
    m->count++;
}

void moments_merge(struct moments_sum *into, const struct moments_sum *from)
{
    for (size_t i = 0; i < into->n; i++)
        into->sum[i] += from->sum[i];
    into->squares += from->squares;
    into->count += from->count;
}

void moments_finish(const struct moments_sum *m, double *mean, double *trace)
{
    double count = (double)m->count, mean_squared = 0;
    for (size_t i = 0; i < m->n; i++) {
        mean[i] = m->sum[i] / count;
        mean_squared += mean[i] * mean[i];
    }
    double spread = m->squares / count - mean_squared;
    *trace = spread > 0 ? spread : 0; /* equal vectors can come out a rounding error below */
}
