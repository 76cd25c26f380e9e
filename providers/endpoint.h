/* One model server as a provider sees it: what was learned about it, which is how many calls it
 * takes at a time and at what rate, a pause, how long it has been failing, and a stop. Pure state,
 * driven by timestamps of clock_us(); its provider's lock guards it. */
#ifndef MONOCEROS_PROVIDERS_ENDPOINT_H
#define MONOCEROS_PROVIDERS_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/governor.h"
#include "providers/latencies.h"
#include "providers/rates.h"
#include "providers/verdict.h"

enum {
    /* No success for so long while the server is out of reach, or while it answers "busy". */
    ENDPOINT_OUTAGE_S = 45,
    ENDPOINT_BUSY_S = 900,
};

/* What keeps the next call from starting. */
enum binding {
    BOUND_BY_NOTHING,
    BOUND_BY_WINDOW,
    BOUND_BY_CONCURRENCY,
    BOUND_BY_RPM,
    BOUND_BY_TPM,
    BOUND_BY_PAUSE,
    BOUND_BY_STOP,
};

struct endpoint_counts {
    uint64_t sent, ok, failed, busy, hung;
    uint64_t wasted; /* sent, and brought neither an answer nor a verdict about its row */
};

struct endpoint {
    int stop_after;
    int running;
    struct governor governor;
    struct pace pace[RATE_KINDS];
    double charged[RATE_KINDS]; /* in all */
    struct latencies latencies;
    int patience; /* times the longest of them that a call is waited for */
    struct endpoint_counts counts;
    enum binding bound; /* what last held a call back, and when */
    int64_t bound_us;

    uint64_t answers; /* calls that were answered about their row */
    uint64_t answers_at_burst;
    int bursts;             /* in a row without an answer */
    int64_t burst_us;       /* when the last one began */
    int64_t pause_until_us; /* nothing starts before */
    bool outage;            /* one call at a time tries whether it is over */
    int64_t probed_us;
    int faults;        /* in a row */
    int64_t streak_us; /* when the first of them came */
    int64_t busy_us;   /* since when nothing but refusals; 0: not */

    bool stopped;
    char cause[200]; /* of the stop */
    int64_t stopped_us;
    int stops; /* in a row without an answer: each is tried again later than the last */
    uint64_t random;
};

/* One call that has ended. */
struct outcome {
    const struct verdict *verdict;
    int64_t started_us, now_us;
    int at_once;        /* calls under way when it began, itself included */
    bool sent;          /* it reached the server */
    bool served;        /* the server worked on it until the end */
    int64_t tokens_out; /* of the answer; 0: not known */
    const struct rate_said *said;
    double charged[RATE_KINDS]; /* of the endpoint, when it began */
};

void endpoint_init(struct endpoint *ep, int stop_after);
/* Whether one more may start while the settings allow `most`: BOUND_BY_NOTHING, else *again_us says
 * when to ask again. `tokens` is what the call is expected to use. */
enum binding endpoint_bound(struct endpoint *ep, int most, double tokens, int64_t now_us,
                            int64_t *again_us);
void endpoint_start(struct endpoint *ep, double tokens, int64_t now_us);
void endpoint_end(struct endpoint *ep, const struct outcome *o);
/* Stops it for a cause found in an answer; the first cause stays. */
void endpoint_stop(struct endpoint *ep, const char *what, const char *cause, int64_t now_us);
/* A stopped one among others may be tried again after a while. */
bool endpoint_may_reopen(const struct endpoint *ep, int64_t now_us);
void endpoint_reopen(struct endpoint *ep);
/* Forgets a stop and all pauses; what is tried first after a stop is one call. */
void endpoint_reset(struct endpoint *ep);
/* A call that takes longer is not waited for; 0 while too little is known. */
int64_t endpoint_patience_us(const struct endpoint *ep);

#endif
