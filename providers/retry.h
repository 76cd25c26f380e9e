/* How long to wait: what a server asks for, in all the ways that servers ask, and what is waited
 * when it asks for nothing. Pure functions. */
#ifndef MONOCEROS_PROVIDERS_RETRY_H
#define MONOCEROS_PROVIDERS_RETRY_H

#include <stdint.h>
#include <time.h>

#include "server/base/str.h"

enum { RETRY_PAUSE_MAX_S = 120 };

/* Microseconds, at most RETRY_PAUSE_MAX_S; -1 when negative or no number. */
int64_t retry_capped_us(double seconds);
/* Microseconds asked for by a Retry-After value (seconds, fraction, HTTP date) within 0 and the
 * cap; -1 when it says nothing usable. `date` is the reply's Date header, which a date is measured
 * against so that a wrong clock on either side does no harm. */
int64_t retry_after_us(struct str value, struct str date, time_t now);
/* The same from prose such as "Please try again in 6m0.5s"; -1 when there is none. */
int64_t retry_prose_us(struct str message);
/* The pause before try number n (1, 2, …) of one row: exponential, full jitter from `random`. */
int64_t retry_backoff_us(int n, uint64_t random);
/* Seconds of a duration such as "120ms", "6m0s", "1h2m3.5s" or "20"; negative when it is none. */
double retry_duration_s(struct str value);

#endif
