#include "providers/retry.h"

#include <curl/curl.h>

/* Prose is read in the head of a message only: the rest may echo the prompt. */
enum { PROSE_WITHIN = 2048 };

int64_t retry_capped_us(double seconds)
{
    if (!(seconds >= 0))
        return -1;
    if (seconds > RETRY_PAUSE_MAX_S)
        seconds = RETRY_PAUSE_MAX_S;
    return (int64_t)(seconds * 1e6);
}

static time_t date_of(struct str value)
{
    char z[64];

    if (value.n < 8 || value.n >= sizeof(z) || !memchr(value.p, ':', value.n))
        return -1;
    memcpy(z, value.p, value.n);
    z[value.n] = 0;
    return curl_getdate(z, NULL);
}

int64_t retry_after_us(struct str value, struct str date, time_t now)
{
    double seconds;

    value = str_trim(value);
    if (value.n == 0)
        return -1;
    if (str_to_double(value, &seconds))
        return retry_capped_us(seconds);
    time_t until = date_of(value);
    if (until < 0)
        return -1;
    time_t base = date_of(str_trim(date));
    double wait = difftime(until, base < 0 ? now : base);
    return retry_capped_us(wait < 0 ? 0 : wait);
}

/* Seconds of one "<number><unit>" at the head of *s, which it takes off; -1 when there is none. */
static double take_duration(struct str *s)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"millis", 1e-3}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"s", 1}};
    size_t digits = 0;
    double number;

    while (digits < s->n && ((s->p[digits] >= '0' && s->p[digits] <= '9') || s->p[digits] == '.'))
        digits++;
    /* A full stop that ends the sentence belongs to no number. */
    if (digits > 0 && s->p[digits - 1] == '.')
        digits--;
    if (!str_to_double((struct str){s->p, digits}, &number))
        return -1;
    struct str rest = str_trim(str_from(*s, digits));
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        struct str unit = str_of(units[i].unit);
        if (rest.n >= unit.n && str_ieq((struct str){rest.p, unit.n}, unit)) {
            *s = str_from(rest, unit.n);
            return number * units[i].seconds;
        }
    }
    *s = rest;
    return number;
}

int64_t retry_prose_us(struct str message)
{
    static const char *const leads[] = {"try again in ", "retry after ", "retry in "};

    if (message.n > PROSE_WITHIN)
        message.n = PROSE_WITHIN;
    for (size_t i = 0; i < sizeof(leads) / sizeof(*leads); i++) {
        struct str lead = str_of(leads[i]);
        ptrdiff_t at = str_ifind(message, lead);
        if (at < 0)
            continue;
        struct str rest = str_from(message, (size_t)at + lead.n);
        double total = take_duration(&rest);
        if (total < 0)
            continue;
        double more = take_duration(&rest); /* "6m0.5s" */
        return retry_capped_us(more > 0 ? total + more : total);
    }
    return -1;
}

double retry_duration_s(struct str value)
{
    struct str rest = str_trim(value);
    double total = 0;

    if (rest.n == 0)
        return -1;
    while (rest.n > 0) {
        double part = take_duration(&rest);
        if (part < 0)
            return -1;
        total += part;
    }
    return total;
}

int64_t retry_backoff_us(int n, uint64_t random)
{
    int64_t ceiling = 250000LL << (n < 1 ? 0 : n > 6 ? 5 : n - 1);

    return ceiling / 4 + (int64_t)(random % (uint64_t)(ceiling - ceiling / 4));
}
