/* How long the last answers took, as a histogram that forgets. Pure. */
#ifndef MONOCEROS_PROVIDERS_LATENCIES_H
#define MONOCEROS_PROVIDERS_LATENCIES_H

#include <stdint.h>

/* Four buckets to a doubling, from a millisecond to about a day. */
enum { LATENCY_BUCKETS = 108, LATENCIES_KEPT = 512 };

struct latencies {
    uint32_t n, count[LATENCY_BUCKETS];
};

void latencies_add(struct latencies *l, int64_t us);
/* The upper end of the bucket that the share `q` of them lies below, at most a fifth too much; 0
 * when there are none. */
int64_t latencies_quantile(const struct latencies *l, double q);

#endif
