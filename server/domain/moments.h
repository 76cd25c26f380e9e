/* Moments of a set of unit vectors: count, mean and trace in float64. Sums are exact, so that they
 * depend neither on the order of the vectors nor on how they were cut into shards: what is merged
 * has the bits of what is summed at once. */
#ifndef MONOCEROS_DOMAIN_MOMENTS_H
#define MONOCEROS_DOMAIN_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a norm may be from 1. */
#define MOMENTS_NORM_SLACK 1e-3

/* Sums of vectors of n values, with all of `sums` zero at first. They stay exact for up to 2^26
 * (67 million) vectors; beyond that they are rounded as any sum is. */
struct moments_sum {
    int64_t count;
    size_t n;
    double
        *sums; /* moments_doubles(n) values, owned by the caller, stored and loaded as they are */
};

size_t moments_doubles(size_t n);
/* False for a vector that is not finite, or not of unit length: it is not counted then. */
bool moments_add(struct moments_sum *m, const float *v);
bool moments_add_doubles(struct moments_sum *m, const double *v);
void moments_merge(struct moments_sum *into, const struct moments_sum *from);
/* mean: n values; trace: mean squared distance to the mean, 0 when only rounding is left of it.
 * count must be positive. */
void moments_finish(const struct moments_sum *m, double *mean, double *trace);

#endif
