#include "server/base/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void clock_rfc3339_at(int64_t unix_us, char out[25])
{
    time_t seconds = unix_us / 1000000;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm)) {
        out[0] = '\0';
        return;
    }
    char text[64];
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(unix_us % 1000000 / 1000));
    (void)snprintf(out, 25, "%.24s", text);
}

int64_t clock_unix_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void clock_rfc3339(char out[25])
{
    clock_rfc3339_at(clock_unix_us(), out);
}

int clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc)
        return rc;
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!rc)
        rc = pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    return rc;
}

int clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return pthread_cond_timedwait(cond, mutex, &t);
}
