#include "server/domain/moments.h"

#include <math.h>

#include "server/domain/lanes.h"

/* Each value is cut into a multiple of 2^-25 and a rest, rounded to a multiple of 2^-53; adding and
 * subtracting a number whose last bit is that unit does the rounding. Sums of either are exact as
 * long as they fit into 53 bits, and exact sums know no order. `sums` has the upper sums of the n
 * values, the lower ones, and the two of the squared norms. */
static const double upper = 0x1.8p27, lower = 0x1.8p-1;

/* Below this a trace of unit vectors is what rounding has left of nothing. */
static const double trace_least = 1e-14;

size_t moments_doubles(size_t n)
{
    return 2 * n + 2;
}

static bool unit_squares(double squares)
{
    return fabs(sqrt(squares) - 1) <= MOMENTS_NORM_SLACK; /* false for what is not finite */
}

LANES_INLINE void take(const float *floats, const double *doubles, size_t i, size_t width, f64x4 *x)
{
    if (floats)
        lanes_load_floats(floats + i, width, x);
    else
        lanes_load(doubles + i, width, x);
}

LANES_INLINE double squares_of(const float *floats, const double *doubles, size_t n)
{
    f64x4 even = {0}, odd = {0}, x;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        take(floats, doubles, i, LANES, &x);
        even += x * x;
        take(floats, doubles, i + LANES, LANES, &x);
        odd += x * x;
    }
    take(floats, doubles, i, lanes_width(i, n), &x);
    even += x * x;
    take(floats, doubles, i + LANES, lanes_width(i + LANES, n), &x);
    odd += x * x;
    return lanes_total(&even, &odd);
}

LANES_INLINE void add_lanes(const f64x4 *x, size_t width, double *uppers, double *lowers)
{
    f64x4 high, low, part = (*x + upper) - upper, rest = ((*x - part) + lower) - lower;
    lanes_load(uppers, width, &high);
    lanes_load(lowers, width, &low);
    high += part;
    low += rest;
    lanes_store(&high, width, uppers);
    lanes_store(&low, width, lowers);
}

LANES_INLINE bool add(struct moments_sum *m, const float *floats, const double *doubles)
{
    size_t n = m->n, i = 0;
    double *uppers = m->sums, *lowers = m->sums + n;
    f64x4 x, squares = {squares_of(floats, doubles, n)};
    if (!unit_squares(squares[0]))
        return false;
    for (; i + LANES <= n; i += LANES) {
        take(floats, doubles, i, LANES, &x);
        add_lanes(&x, LANES, uppers + i, lowers + i);
    }
    take(floats, doubles, i, n - i, &x);
    add_lanes(&x, n - i, uppers + i, lowers + i);
    add_lanes(&squares, 1, lowers + n, lowers + n + 1);
    m->count++;
    return true;
}

static bool add_portable(struct moments_sum *m, const float *floats, const double *doubles)
{
    return add(m, floats, doubles);
}

LANES_WIDE static bool add_wide(struct moments_sum *m, const float *floats, const double *doubles)
{
    return floats ? add(m, floats, NULL) : add(m, NULL, doubles);
}

bool moments_add(struct moments_sum *m, const float *v)
{
    return lanes_wide() ? add_wide(m, v, NULL) : add_portable(m, v, NULL);
}

bool moments_add_doubles(struct moments_sum *m, const double *v)
{
    return lanes_wide() ? add_wide(m, NULL, v) : add_portable(m, NULL, v);
}

void moments_merge(struct moments_sum *into, const struct moments_sum *from)
{
    for (size_t i = 0; i < moments_doubles(into->n); i++)
        into->sums[i] += from->sums[i];
    into->count += from->count;
}

void moments_finish(const struct moments_sum *m, double *mean, double *trace)
{
    const double *uppers = m->sums, *lowers = m->sums + m->n, *squares = lowers + m->n;
    double count = (double)m->count, mean_squared = 0;
    for (size_t i = 0; i < m->n; i++) {
        mean[i] = (uppers[i] + lowers[i]) / count;
        mean_squared += mean[i] * mean[i];
    }
    double spread = (squares[0] + squares[1]) / count - mean_squared;
    *trace = spread > trace_least ? spread : 0;
}
