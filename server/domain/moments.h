/* Moments of a set of vectors: count, mean and trace in float64. Sums are kept per shard and merged
 * in shard order, so that the result does not depend on which worker came first. */
#ifndef MONOCEROS_DOMAIN_MOMENTS_H
#define MONOCEROS_DOMAIN_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

struct moments_sum {
    int64_t count;
    double squares; /* sum of squared norms */
    size_t n;
    double *sum; /* n values, owned by the caller */
};

void moments_add(struct moments_sum *m, const float *v);
void moments_merge(struct moments_sum *into, const struct moments_sum *from);
/* mean: n values; trace: mean squared distance to the mean. count must be positive. */
void moments_finish(const struct moments_sum *m, double *mean, double *trace);

#endif
