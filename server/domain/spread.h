/* How whole numbers from 0 on are spread: counted one by one below a bound, so that percentiles and
 * histograms are exact there. */
#ifndef MONOCEROS_DOMAIN_SPREAD_H
#define MONOCEROS_DOMAIN_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spread {
    int64_t n, sum, min, max;
    size_t bound;
    int64_t *counts; /* of each value below the bound, and of all others at the end */
};

bool spread_init(struct spread *s, size_t bound); /* false when there is no memory */
void spread_free(struct spread *s);               /* also of a zeroed struct */
void spread_add(struct spread *s, int64_t v);
/* NaN when there are none. */
double spread_mean(const struct spread *s);
/* The least value that at least `percent` of the values do not exceed (nearest rank); the largest
 * one when that lies beyond the bound. 0 when there are none. */
int64_t spread_percentile(const struct spread *s, int percent);
/* How many lie in [from, to); to may be INT64_MAX. The ends must not lie beyond the bound
 * otherwise.
 */
int64_t spread_between(const struct spread *s, int64_t from, int64_t to);

#endif
