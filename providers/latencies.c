#include "providers/latencies.h"

#include <math.h>

void latencies_add(struct latencies *l, int64_t us)
{
    double at = us > 1000 ? ceil(4 * log2((double)us / 1000)) : 0;

    l->count[at < LATENCY_BUCKETS - 1 ? (int)at : LATENCY_BUCKETS - 1]++;
    if (++l->n < LATENCIES_KEPT)
        return;
    l->n = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        l->count[i] /= 2;
        l->n += l->count[i];
    }
}

int64_t latencies_quantile(const struct latencies *l, double q)
{
    double below = 0, wanted = q * l->n;

    for (int i = 0; i < LATENCY_BUCKETS && l->n > 0; i++) {
        below += l->count[i];
        if (l->count[i] > 0 && below >= wanted)
            return (int64_t)(1000 * exp2(i / 4.0));
    }
    return 0;
}
