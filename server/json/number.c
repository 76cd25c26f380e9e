/* Numbers as the shortest decimals that read back, whatever the locale. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/write.h"

__extension__ typedef unsigned __int128 u128;

enum {
    DIGITS_MAX = 20,
    NUMBER_TEXT_MAX = 48,
    FIXED_EXPONENT_MIN = -5, /* of the leading digit; outside, the exponent is written */
    FIXED_EXPONENT_MAX = 15,
};

/* digits x 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

#define E9 ((u128)1000000000)
static const u128 powers_of_ten[] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    E9,
    E9 * 10,
    E9 * 100,
    E9 * 1000,
    E9 * 10000,
    E9 * 100000,
    E9 * 1000000,
    E9 * 10000000,
    E9 * 100000000,
    E9 *E9,
    E9 *E9 * 10,
    E9 *E9 * 100,
    E9 *E9 * 1000,
    E9 *E9 * 10000,
    E9 *E9 * 100000,
    E9 *E9 * 1000000,
    E9 *E9 * 10000000,
    E9 *E9 * 100000000,
    E9 *E9 *E9,
    E9 *E9 *E9 * 10,
    E9 *E9 *E9 * 100,
    E9 *E9 *E9 * 1000,
};

/* Binary exponents for which shortest_float() fits in 128 bits. */
enum { FAST_EXPONENT_MIN = -73, FAST_EXPONENT_MAX = 24 };

/* The shortest decimal within [lo, hi], nearest to mid where several are as short. carry says
 * whether mid's fraction is a half or more. */
static struct decimal shorten(uint64_t lo, uint64_t mid, uint64_t hi, bool carry, int exponent)
{
    while ((lo + 9) / 10 <= hi / 10) {
        lo = (lo + 9) / 10;
        hi /= 10;
        carry = mid % 10 >= 5;
        mid /= 10;
        exponent++;
    }
    mid += carry;
    if (mid < lo)
        mid = lo;
    if (mid > hi)
        mid = hi;
    return (struct decimal){mid, exponent};
}

/* Exact: v = m x 2^q and the two midpoints to its neighbours are scaled by a power of ten to
 * integers of nine or ten digits plus a binary fraction; whatever lies between the midpoints reads
 * back as v. The midpoints themselves do when m is even. */
static struct decimal shortest_float(uint32_t bits)
{
    int exponent = (int)(bits >> 23) - 127;
    uint32_t m = (bits & 0x7fffff) | 0x800000;
    bool even = !(m & 1);
    int shift = 25 - exponent;
    int scale =
        8 - exponent * 78913 / (1 << 18) + (exponent < 0); /* 8 - floor(log10(2^exponent)) */
    u128 ten = powers_of_ten[scale];
    u128 mid = ten * (4 * (uint64_t)m);
    u128 hi = mid + 2 * ten;
    u128 lo = mid - (m == 0x800000 ? ten : 2 * ten); /* closer below a power of two */
    u128 fraction = ((u128)1 << shift) - 1;
    uint64_t first = (uint64_t)(lo >> shift) + ((lo & fraction) || !even);
    uint64_t last = (uint64_t)(hi >> shift) - (!(hi & fraction) && !even);
    bool carry = (uint64_t)(mid >> (shift - 1)) & 1;
    return shorten(first, (uint64_t)(mid >> shift), last, carry, -scale);
}

/* Writes the digits of v to the end of out; the first one's place is returned. */
static char *put_digits(char *end, uint64_t v)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return end;
}

static char *put_zeros(char *out, int n)
{
    for (int i = 0; i < n; i++)
        *out++ = '0';
    return out;
}

static char *put(char *out, const char *p, size_t n)
{
    memcpy(out, p, n);
    return out + n;
}

static char *put_scientific(char *out, const char *digits, size_t n, int lead)
{
    *out++ = digits[0];
    if (n > 1) {
        *out++ = '.';
        out = put(out, digits + 1, n - 1);
    }
    *out++ = 'e';
    if (lead < 0)
        *out++ = '-';
    char text[DIGITS_MAX];
    char *p = put_digits(text + sizeof(text), (uint64_t)abs(lead));
    return put(out, p, (size_t)(text + sizeof(text) - p));
}

static void put_decimal(struct buf *b, bool negative, struct decimal d)
{
    if (!buf_room(b, NUMBER_TEXT_MAX))
        return;
    char text[DIGITS_MAX];
    const char *digits = put_digits(text + sizeof(text), d.digits);
    size_t n = (size_t)(text + sizeof(text) - digits);
    int lead = (int)n - 1 + d.exponent;
    char *out = b->p + b->n;
    if (negative)
        *out++ = '-';
    if (lead < FIXED_EXPONENT_MIN || lead > FIXED_EXPONENT_MAX) {
        out = put_scientific(out, digits, n, lead);
    } else if (d.exponent >= 0) {
        out = put_zeros(put(out, digits, n), d.exponent);
    } else if (lead >= 0) {
        size_t whole = (size_t)lead + 1;
        out = put(out, digits, whole);
        *out++ = '.';
        out = put(out, digits + whole, n - whole);
    } else {
        out = put(out, "0.", 2);
        out = put(put_zeros(out, -lead - 1), digits, n);
    }
    b->n = (size_t)(out - b->p);
}

/* Reads what "%.*e" wrote, whose decimal point depends on the locale. */
static struct decimal read_scientific(const char *text)
{
    struct decimal d = {0, 0};
    int places = -1;
    const char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p < '0' || *p > '9')
            continue;
        d.digits = d.digits * 10 + (uint64_t)(*p - '0');
        places++;
    }
    d.exponent = (*p ? (int)strtol(p + 1, NULL, 10) : 0) - places;
    while (d.digits && d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

/* For what is outside the exact path, subnormals included: tries precision after precision. */
static struct decimal search_float(float v)
{
    char text[NUMBER_TEXT_MAX];
    for (int precision = 0; precision <= 8; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, (double)v);
        float back = strtof(text, NULL);
        if (memcmp(&back, &v, sizeof(v)) == 0)
            break;
    }
    return read_scientific(text);
}

static bool put_special(struct buf *b, double v)
{
    if (!isfinite(v))
        buf_addz(b, "null");
    else if (fpclassify(v) == FP_ZERO)
        buf_addz(b, signbit(v) ? "-0.0" : "0");
    else
        return false;
    return true;
}

/* Raw nothing: only the comma that the place asks for. */
static void comma(struct buf *b)
{
    json_raw(b, STR(""));
}

void json_float(struct buf *b, float v)
{
    comma(b);
    if (put_special(b, (double)v))
        return;
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    bool negative = bits >> 31;
    bits &= 0x7fffffff;
    int exponent = (int)(bits >> 23) - 127;
    if (exponent >= FAST_EXPONENT_MIN && exponent <= FAST_EXPONENT_MAX)
        put_decimal(b, negative, shortest_float(bits));
    else
        put_decimal(b, negative, search_float(fabsf(v)));
}

void json_double(struct buf *b, double v)
{
    comma(b);
    if (put_special(b, v))
        return;
    double size = fabs(v);
    char text[NUMBER_TEXT_MAX];
    for (int precision = 14; precision <= 16; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, size);
        double back = strtod(text, NULL);
        if (memcmp(&back, &size, sizeof(size)) == 0)
            break;
    }
    put_decimal(b, signbit(v), read_scientific(text));
}
