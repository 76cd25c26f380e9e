/* Requests and tokens per minute: what the settings allow, and what a server's headers say is left.
 * Pure: driven by timestamps. */
#ifndef MONOCEROS_PROVIDERS_RATES_H
#define MONOCEROS_PROVIDERS_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"

enum rate_kind { RATE_REQUESTS, RATE_TOKENS, RATE_KINDS };

/* A limit per minute that is spent evenly: a few seconds' worth may be taken at once. */
struct bucket {
    double per_minute; /* 0: no limit */
    double level;      /* what may be taken now; negative after more was used than was taken */
    int64_t at_us;
};

/* Keeps what was taken so far. */
void bucket_set(struct bucket *b, double per_minute, int64_t now_us);
/* When `cost` may be taken: now_us or later. */
int64_t bucket_when(const struct bucket *b, double cost, int64_t now_us);
/* Takes; gives back when cost is negative. */
void bucket_take(struct bucket *b, double cost, int64_t now_us);

/* What x-ratelimit-{limit,remaining,reset}-{requests,tokens} of one reply say; negative: nothing
 * that can be used. */
struct rate_said {
    double limit, remaining, reset_s;
};

void rate_said_clear(struct rate_said said[RATE_KINDS]);
/* Takes note when the header is one of them. */
void rate_header(struct str name, struct str value, struct rate_said said[RATE_KINDS]);

/* The pace that follows: what is left, spread over the time until it is restored. That suits
 * servers that restore all at once as well as those that restore steadily. */
struct pace {
    double left, per_s; /* and what is restored a second */
    int64_t reset_us;   /* until when this holds; 0: nothing was said yet */
    int64_t next_us;    /* no start before */
    struct rate_said said;
    bool at_once;          /* all is restored at one time, not steadily */
    struct rate_said mark; /* by which that was told */
    int64_t mark_us;
};

/* `age_us` is how long ago the server may have said so, and `since` what was taken since then. */
void pace_heed(struct pace *p, const struct rate_said *said, int64_t age_us, double since,
               int64_t now_us);
int64_t pace_when(const struct pace *p, double cost, int64_t now_us);
void pace_take(struct pace *p, double cost, int64_t now_us);

#endif
