/* Counters, gauges and histograms from one table, rendered in the Prometheus text format. Updates
 * are relaxed atomics: no locks on hot paths. */
#ifndef MONOCEROS_BASE_METRICS_H
#define MONOCEROS_BASE_METRICS_H

#include <stdint.h>

#include "server/base/buf.h"

enum metric {
    METRIC_HTTP_REQUESTS,      /* counter by label: operation id x status class */
    METRIC_HTTP_DURATION,      /* histogram, seconds */
    METRIC_HTTP_CONNECTIONS,   /* gauge */
    METRIC_ITEMS,              /* counter by stage and outcome (done, failed, dropped) */
    METRIC_FLUSHES,            /* counter by outcome (written, lost_lease, error) */
    METRIC_TASKS_CLAIMED,      /* counter by stage */
    METRIC_LEASES,             /* gauge: leases held by this process */
    METRIC_PROVIDER_CALLS,     /* counter by outcome (ok, failed, returned) */
    METRIC_PROVIDER_TOKENS,    /* counter by direction (in, out) */
    METRIC_PROVIDER_IN_FLIGHT, /* gauge */
    METRIC_DATABASE_ERRORS,    /* counter */
    METRIC_SEEDS_IMPORTED,     /* counter by outcome (new, duplicate, refused) */
    METRIC_AUDIT_ROWS,         /* counter by outcome (written, lost) */
    METRIC_COUNT
};

/* `label` is the full label text without braces, static: `stage="captions",outcome="done"`; NULL
 * for none. A metric keeps at most 256 label sets; further ones are counted under `other="true"`.
 */
void metric_add(enum metric m, const char *label, int64_t n);
void metric_set(enum metric m, const char *label, int64_t value);
void metric_observe(enum metric m, const char *label, double value);
/* The whole exposition, with build information and process figures (CPU seconds, resident memory,
 * open descriptors). */
void metrics_render(struct buf *out, const char *version);

#endif
