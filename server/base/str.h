/* A view of bytes: pointer and length, never relying on a terminator. */
#ifndef MONOCEROS_BASE_STR_H
#define MONOCEROS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).n, (s).p

/* The view of a NUL-terminated string; NULL gives the empty, unset view {NULL, 0}. */
static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

static inline bool str_starts(struct str a, struct str prefix)
{
    return a.n >= prefix.n && memcmp(a.p, prefix.p, prefix.n) == 0;
}

static inline struct str str_from(struct str s, size_t start)
{
    return start >= s.n ? (struct str){s.p + s.n, 0} : (struct str){s.p + start, s.n - start};
}

/* ASCII case-insensitive equality, for header names and media types. */
bool str_ieq(struct str a, struct str b);
/* Offset of needle in s, or -1. ASCII case is folded by str_ifind only. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_ifind(struct str s, struct str needle);
/* What of *rest stands in front of the first separator, or all of it; *rest goes on behind that. */
struct str str_next(struct str *rest, char separator);
/* s without ASCII white space at both ends. */
struct str str_trim(struct str s);
/* The whole of s as a decimal integer within [min, max]; false, and *out untouched, otherwise. */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);
/* The whole of s as a finite decimal number (C locale). */
bool str_to_double(struct str s, double *out);

#endif
