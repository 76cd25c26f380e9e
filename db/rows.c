#include "db/rows.h"

#include <stdlib.h>

void rows_free(struct rows *r)
{
    PQclear((PGresult *)r);
}

int rows_count(const struct rows *r)
{
    return PQntuples(rows_result(r));
}

bool rows_null(const struct rows *r, int row, int col)
{
    return PQgetisnull(rows_result(r), row, col) != 0;
}

struct str rows_text(const struct rows *r, int row, int col)
{
    if (rows_null(r, row, col))
        return (struct str){NULL, 0};
    return (struct str){PQgetvalue(rows_result(r), row, col),
                        (size_t)PQgetlength(rows_result(r), row, col)};
}

static uint64_t load_be(struct str s)
{
    uint64_t v = 0;
    for (size_t i = 0; s.p && i < s.n && i < 8; i++)
        v = v << 8 | (uint8_t)s.p[i];
    return v;
}

int64_t rows_i64(const struct rows *r, int row, int col)
{
    struct str s = rows_text(r, row, col);
    if (!s.p)
        return 0;
    if (PQfformat(rows_result(r), col) == 0)
        return strtoll(s.p, NULL, 10);
    if (s.n == 2)
        return (int16_t)load_be(s);
    if (s.n == 4)
        return (int32_t)load_be(s);
    return (int64_t)load_be(s);
}

double rows_double(const struct rows *r, int row, int col)
{
    struct str s = rows_text(r, row, col);
    double v = 0;
    if (!s.p)
        return 0;
    if (PQfformat(rows_result(r), col) == 0)
        return strtod(s.p, NULL);
    uint64_t bits = load_be(s);
    memcpy(&v, &bits, sizeof(v));
    return v;
}

bool rows_bool(const struct rows *r, int row, int col)
{
    struct str s = rows_text(r, row, col);
    return s.n > 0 && (s.p[0] == 't' || s.p[0] == 1);
}

/* Header as in call.c, then each element behind its length. */
bool rows_doubles(const struct rows *r, int row, int col, double *out, size_t n)
{
    enum { HEADER_BYTES = 20, ELEMENT_BYTES = 12 };
    struct str s = rows_text(r, row, col);
    if (s.n != HEADER_BYTES + n * ELEMENT_BYTES)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = load_be((struct str){s.p + HEADER_BYTES + i * ELEMENT_BYTES + 4, 8});
        memcpy(&out[i], &bits, sizeof(bits));
    }
    return true;
}

struct str rows_bytes(const struct rows *r, int row, int col)
{
    return rows_text(r, row, col);
}

bool rows_copy(const struct rows *r, int row, int col, void *out, size_t n)
{
    struct str s = rows_text(r, row, col);
    if (!s.p || s.n != n)
        return false;
    memcpy(out, s.p, n);
    return true;
}
