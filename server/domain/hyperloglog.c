#include "server/domain/hyperloglog.h"

#include <math.h>
#include <stdbool.h>

enum { RANKS = 64 - HYPERLOGLOG_BITS }; /* a rank of RANKS + 1 says that all bits were zero */

/* Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", section 2: what registers
 * of rank 0 and of the last rank add to the harmonic mean. Both series converge in some dozens of
 * steps. */
static double sigma(double x)
{
    double y = 1, z = x, before;
    if (x >= 1)
        return (double)INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x <= 0 || x >= 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    } while (z < before);
    return z / 3;
}

double hyperloglog_estimate(const struct hyperloglog *h)
{
    const double m = HYPERLOGLOG_REGISTERS;
    const double alpha = 0.5 / log(2);
    int counts[RANKS + 2] = {0};
    for (int i = 0; i < HYPERLOGLOG_REGISTERS; i++)
        counts[h->registers[i]]++;
    double z = m * tau(1 - counts[RANKS + 1] / m);
    for (int k = RANKS; k >= 1; k--)
        z = (z + counts[k]) / 2;
    z += m * sigma(counts[0] / m);
    return alpha * m * m / z;
}
