#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "providers/encoder/embeddings.h"

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

static struct str without_padding(struct str s)
{
    for (int i = 0; i < 2 && s.n > 0 && s.p[s.n - 1] == '='; i++)
        s.n--;
    return s;
}

static size_t count_escapes(struct str s)
{
    size_t n = 0;

    for (const char *p = s.n ? memchr(s.p, '\\', s.n) : NULL; p;
         p = memchr(p + 1, '\\', (size_t)(s.p + s.n - p - 1)))
        n++;
    return n;
}

static double float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return (double)f;
}

static enum vector_fault decode_base64(struct str s, size_t dimension, double *out)
{
    uint32_t group = 0, value = 0;
    int bits = 0, bytes = 0;
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '/')
            continue;
        int digit = digit_of(s.p[i]);
        if (digit < 0)
            return VECTOR_INVALID;
        group = (group << 6 | (uint32_t)digit) & 0xffffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        value |= (group >> bits & 0xff) << 8 * bytes++;
        if (bytes < 4)
            continue;
        out[n++] = float_of(value);
        value = 0;
        bytes = 0;
    }
    return n == dimension && bytes == 0 ? VECTOR_OK : VECTOR_DIMENSION;
}

enum vector_fault vector_from_base64(struct str base64, size_t dimension, double *out)
{
    struct str s = without_padding(base64);

    /* The length is checked first: it bounds what is written. */
    if ((s.n - count_escapes(s)) / 4 * 3 + (s.n - count_escapes(s)) % 4 * 3 / 4 != dimension * 4)
        return VECTOR_DIMENSION;
    return decode_base64(s, dimension, out);
}

/* Powers of ten that a double holds exactly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct decimal {
    bool negative;
    uint64_t digits;
    int exponent, n_digits;
};

static const char *read_digits(const char *p, const char *end, struct decimal *d, int shift)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (d->n_digits < 18 && (d->digits > 0 || *p != '0'))
            d->n_digits++;
        else if (d->digits > 0)
            d->n_digits = 19; /* too many for the short way */
        d->digits = d->n_digits < 19 ? d->digits * 10 + (uint64_t)(*p - '0') : d->digits;
        d->exponent += shift;
    }
    return p;
}

static const char *read_exponent(const char *p, const char *end, struct decimal *d)
{
    int sign = 1, e = 0;

    if (p == end || (*p != 'e' && *p != 'E'))
        return p;
    p++;
    if (p < end && (*p == '+' || *p == '-'))
        sign = *p++ == '-' ? -1 : 1;
    if (p == end || *p < '0' || *p > '9')
        return NULL;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        e = e < 10000 ? e * 10 + (*p - '0') : e;
    d->exponent += sign * e;
    return p;
}

/* Splits a JSON number; the end of it, or NULL when there is none. */
static const char *read_decimal(const char *p, const char *end, struct decimal *d)
{
    *d = (struct decimal){0};
    if (p < end && *p == '-') {
        d->negative = true;
        p++;
    }
    if (p == end || *p < '0' || *p > '9')
        return NULL;
    p = read_digits(p, end, d, 0);
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        p = read_digits(fraction, end, d, -1);
        if (p == fraction)
            return NULL;
    }
    return read_exponent(p, end, d);
}

/* Correctly rounded: exact while mantissa and power fit, else by the C library. */
static bool number_of(struct str text, const struct decimal *d, double *out)
{
    if (d->n_digits < 19 && d->digits <= 1ULL << 53 && d->exponent >= -22 && d->exponent <= 22) {
        double m = (double)d->digits;
        m = d->exponent < 0 ? m / powers[-d->exponent] : m * powers[d->exponent];
        *out = d->negative ? -m : m;
        return true;
    }
    return str_to_double(text, out);
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static enum vector_fault read_array(struct str value, size_t dimension, double *out)
{
    const char *p = value.p + 1, *end = value.p + value.n - 1;
    struct decimal d;

    for (size_t i = 0; i < dimension; i++) {
        p = skip_space(p, end);
        const char *after = read_decimal(p, end, &d);
        if (!after || !number_of((struct str){p, (size_t)(after - p)}, &d, &out[i]))
            return VECTOR_INFINITE;
        p = skip_space(after, end);
        if (i + 1 < dimension && (p == end || *p++ != ','))
            return VECTOR_INFINITE;
    }
    return p == end ? VECTOR_OK : VECTOR_INFINITE;
}

static bool is_string(struct str value)
{
    return value.n >= 2 && value.p[0] == '"';
}

size_t vector_dimension(struct str value)
{
    size_t commas = 0;

    if (is_string(value)) {
        struct str s = without_padding((struct str){value.p + 1, value.n - 2});
        return (s.n - count_escapes(s)) * 3 / 4 / 4;
    }
    for (size_t i = 0; i < value.n; i++)
        commas += value.p[i] == ',';
    return value.n > 2 && value.p[0] == '[' ? commas + 1 : 0;
}

static enum vector_fault to_unit(const double *v, size_t dimension, float *out)
{
    double sum = 0;

    for (size_t i = 0; i < dimension; i++) {
        if (!isfinite(v[i]))
            return VECTOR_INFINITE;
        sum += v[i] * v[i];
    }
    if (!isfinite(sum))
        return VECTOR_INFINITE;
    double norm = sqrt(sum);
    if (norm < 1e-12)
        return VECTOR_ZERO;
    for (size_t i = 0; i < dimension; i++)
        out[i] = (float)(v[i] / norm);
    return VECTOR_OK;
}

enum vector_fault vector_read(struct str value, size_t dimension, double *scratch, float *out)
{
    enum vector_fault fault;

    if (!is_string(value) && (value.n < 2 || value.p[0] != '['))
        return str_is(value, "null") ? VECTOR_INFINITE : VECTOR_INVALID;
    if (vector_dimension(value) != dimension)
        return VECTOR_DIMENSION;
    if (is_string(value))
        fault = vector_from_base64((struct str){value.p + 1, value.n - 2}, dimension, scratch);
    else
        fault = read_array(value, dimension, scratch);
    return fault == VECTOR_OK ? to_unit(scratch, dimension, out) : fault;
}
