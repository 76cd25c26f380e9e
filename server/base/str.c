#include "server/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool fold_eq(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && fold_eq(a.p, b.p, a.n);
}

struct str str_next(struct str *rest, char separator)
{
    const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    struct str one = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    if (rest->n)
        *rest = str_from(*rest, one.n + 1);
    return one;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_ifind(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (fold_eq(s.p + i, needle.p, needle.n))
            return (ptrdiff_t)i;
    return -1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_from(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
    char z[24];
    if (s.n == 0 || s.n >= sizeof(z) || is_space(s.p[0]) || s.p[0] == '+')
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    char *end = NULL;
    errno = 0;
    long long v = strtoll(z, &end, 10);
    if (errno || end != z + s.n || v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool str_to_double(struct str s, double *out)
{
    char z[64];
    if (s.n == 0 || s.n >= sizeof(z) || is_space(s.p[0]) || s.p[0] == '+')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789.eE+-", s.p[i]))
            return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    char *end = NULL;
    double v = strtod(z, &end);
    if (end != z + s.n || !isfinite(v))
        return false;
    *out = v;
    return true;
}
