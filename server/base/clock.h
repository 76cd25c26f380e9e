/* Monotonic time for durations, wall time for what people and other machines read. */
#ifndef MONOCEROS_BASE_CLOCK_H
#define MONOCEROS_BASE_CLOCK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds on the monotonic clock. */
int64_t clock_us(void);
/* Microseconds of the Unix epoch. */
int64_t clock_unix_us(void);
/* RFC 3339 UTC with milliseconds, e.g. 2026-01-31T12:00:00.000Z. */
void clock_rfc3339(char out[25]);
/* The same of a time in microseconds of the Unix epoch. */
void clock_rfc3339_at(int64_t unix_us, char out[25]);
/* A condition variable whose timed waits follow the monotonic clock; 0 or an errno value. */
int clock_cond_init(pthread_cond_t *cond);
/* Waits at most timeout_ms; 0, or ETIMEDOUT. The mutex is held before and after. */
int clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ms);

#endif
