/* How many calls at a time one model server is given, learned from how long they take and from what
 * it refuses. Pure: it knows no clock but the timestamps it is given.
 *
 * Most servers queue without saying no, so that latency is what tells a full server: beyond its
 * capacity each further call adds to the wait of all. Answers differ in length, and a batching
 * server takes longer for each the more it has; neither is a queue. So latency is split, by a
 * regression on output tokens, into a wait that all calls share and a time per token; the wait
 * beyond the smallest seen says how many calls are parked in the server. A few are kept there so
 * that it never idles. Because the smallest wait may have been measured with a queue, it is checked
 * now and then by giving less: when the wait falls in proportion, the server was full, and when it
 * does not, it was not. Where lengths are not known or all the same, such trials, up and down, are
 * all there is.
 *
 * Refusals and hung calls cut the limit to what was taken and put a roof on it, which is lifted by
 * trial. */
#ifndef MONOCEROS_PROVIDERS_GOVERNOR_H
#define MONOCEROS_PROVIDERS_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/refusals.h"

enum governor_phase {
    GOVERNOR_RISING, /* doubling until something says stop */
    GOVERNOR_STEADY,
    GOVERNOR_EASED,    /* given less because calls seem to queue: does latency follow? */
    GOVERNOR_CHECKING, /* given less although none seem to: does latency follow? */
    GOVERNOR_TRYING,   /* given more: does latency follow? */
};

/* Sums over the calls that began and ended under one limit. Seconds, tokens. */
struct governor_sample {
    double n, at_once, latency, latency2, tokens, tokens2, product;
    int unknown; /* without tokens */
};

/* What they say. */
struct governor_reading {
    bool by_tokens; /* the wait is told from the time that tokens take */
    double at_once; /* mean */
    double latency; /* mean, for answers of the usual length */
    double wait;    /* the part of it that does not depend on the length; else all of it */
    double error;   /* of the wait, one standard deviation */
};

struct governor {
    double limit; /* calls at a time; fractions add up */
    enum governor_phase phase;
    int most; /* by the settings, as last told */

    struct governor_sample sample;
    double epoch_limit;
    int64_t changed_us;  /* calls that began before tell nothing about the limit */
    bool held_back;      /* more was asked for than the limit gives */
    double base;         /* smallest wait seen; negative: none */
    double queued;       /* calls that seemed to be parked in the server, when last looked */
    double usual_tokens; /* of an answer, smoothed; 0: not known */
    double usual_latency, longest;
    int rises; /* epochs in a row that gave more */
    int epochs_to_check, check_gap;
    bool turn_up;        /* the next trial is one of more */
    double before_limit; /* of the epoch before the limit was changed by trial */
    struct governor_reading before, last;

    struct refusals refusals;
    double roof; /* of the limit, after refusals; 0: none */
    int64_t roof_until_us, roof_for_us;
    double sure;     /* the roof before the first of its lifts */
    int lifts;       /* of the roof, in a row */
    bool was_rising; /* when a cut that is on trial was made */
};

/* One call that has ended. */
struct governor_call {
    int64_t started_us, now_us;
    int at_once;    /* calls under way when it began, itself included */
    int64_t tokens; /* of the answer; 0: not known */
};

void governor_init(struct governor *g);
/* Whether one more may start while `running` are under way and the settings allow `most`. */
bool governor_admits(struct governor *g, int running, int most);
/* Calls at a time now, at least 1. */
int governor_limit(const struct governor *g);
void governor_answered(struct governor *g, const struct governor_call *c);
/* Refused for overload, or hung. true when this begins a burst. */
bool governor_refused(struct governor *g, const struct governor_call *c);
/* Forgets the roof. */
void governor_forgive(struct governor *g);

#endif
