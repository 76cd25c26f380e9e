/* The headers of RFC 9110 that choose a part of a file, or tell by a date which copy a client has.
 */
#include <stdio.h>
#include <time.h>

#include "server/http/internal.h"

/* Saturates: what is larger than any file is just that. False without a digit. */
static bool read_number(struct str *s, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s->p[i] - '0');
        *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
    }
    *s = str_from(*s, i);
    return i > 0;
}

/* One of the set. False when its syntax is wrong; `n` is 0 when the file has nothing of it. */
static bool read_part(struct str s, uint64_t size, struct range *r)
{
    uint64_t first = 0, last = 0;
    bool has_first = read_number(&s, &first);
    if (!s.n || s.p[0] != '-')
        return false;
    s = str_from(s, 1);
    bool has_last = read_number(&s, &last);
    if (s.n || (!has_first && !has_last) || (has_first && has_last && last < first))
        return false;
    if (!has_first) { /* so many bytes at the end */
        r->n = last < size ? last : size;
        r->first = size - r->n;
        return true;
    }
    if (!has_last || last >= size)
        last = size - 1;
    r->first = first;
    r->n = first < size ? last - first + 1 : 0;
    return true;
}

enum range_verdict range_read(struct str header, uint64_t size, struct range *r)
{
    struct str set = header, unit = str_next(&set, '=');
    int parts = 0;
    if (!str_ieq(unit, STR("bytes")) || unit.n == header.n || size == 0)
        return RANGE_NONE;
    while (set.n) {
        struct str part = str_trim(str_next(&set, ','));
        if (!part.n)
            continue;
        if (!read_part(part, size, r))
            return RANGE_NONE;
        parts++;
    }
    if (parts > 1)
        return RANGE_SEVERAL;
    return parts == 0 ? RANGE_NONE : r->n ? RANGE_ONE : RANGE_BEHIND;
}

bool date_read(struct str s, int64_t *seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char text[DATE_TEXT + 10];
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(s));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && *end == '\0') {
            *seconds = timegm(&tm);
            return true;
        }
    }
    return false;
}

void date_write(int64_t seconds, char out[DATE_TEXT])
{
    struct tm tm = {0};
    time_t t = (time_t)seconds;
    if (!gmtime_r(&t, &tm) || !strftime(out, DATE_TEXT, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        out[0] = '\0';
}
