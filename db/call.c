#include <stdio.h>
#include <stdlib.h>

#include "db/db.h"

void call_init(struct db_call *c, enum stmt_id stmt)
{
    c->stmt = stmt;
    c->n = 0;
}

/* More parameters than the array holds is a fault of the program, found by its first test. */
static struct param *next(struct db_call *c)
{
    if (c->n >= DB_PARAMS_MAX)
        abort();
    return &c->params[c->n++];
}

void call_text(struct db_call *c, struct str s)
{
    *next(c) = (struct param){s.p, (int)s.n, false};
}

void call_z(struct db_call *c, const char *z)
{
    call_text(c, str_of(z));
}

void call_i64(struct db_call *c, int64_t v)
{
    struct param *p = next(c);
    char *text = c->numbers[p - c->params];
    int n = snprintf(text, sizeof(c->numbers[0]), "%lld", (long long)v);
    *p = (struct param){text, n, false};
}

void call_double(struct db_call *c, double v)
{
    struct param *p = next(c);
    char *text = c->numbers[p - c->params];
    int n = snprintf(text, sizeof(c->numbers[0]), "%.16e", v);
    *p = (struct param){text, n, false};
}

void call_bool(struct db_call *c, bool v)
{
    *next(c) = (struct param){v ? "t" : "f", 1, false};
}

void call_null(struct db_call *c)
{
    *next(c) = (struct param){NULL, 0, false};
}

void call_bytes(struct db_call *c, const void *p, size_t n)
{
    *next(c) = (struct param){p ? p : "", (int)n, true};
}

static void add_be32(struct buf *b, uint32_t v)
{
    const unsigned char bytes[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                                    (unsigned char)(v >> 8), (unsigned char)v};
    buf_add(b, bytes, 4);
}

/* The wire form of a one-dimensional array: dimensions, has-null flag, element type, then length
 * and lower bound of the dimension, then each element behind its length. */
enum { ARRAY_COUNT_OFFSET = 12, ARRAY_HEADER_BYTES = 20 };

void array_init(struct array *a, enum array_type type, size_t max_bytes)
{
    buf_init(&a->b, max_bytes);
    a->n = 0;
    add_be32(&a->b, 1);
    add_be32(&a->b, 1);
    add_be32(&a->b, (uint32_t)type);
    add_be32(&a->b, 0);
    add_be32(&a->b, 1);
}

void array_free(struct array *a)
{
    buf_free(&a->b);
    a->n = 0;
}

void array_reset(struct array *a)
{
    a->b.n = ARRAY_HEADER_BYTES;
    a->b.failed = false;
    a->n = 0;
}

void array_add(struct array *a, struct str s)
{
    if (!s.p) {
        array_add_null(a);
        return;
    }
    a->n++;
    add_be32(&a->b, (uint32_t)s.n);
    buf_adds(&a->b, s);
}

void array_add_null(struct array *a)
{
    a->n++;
    add_be32(&a->b, UINT32_MAX);
}

void array_add_i32(struct array *a, int32_t v)
{
    a->n++;
    add_be32(&a->b, 4);
    add_be32(&a->b, (uint32_t)v);
}

void array_add_i64(struct array *a, int64_t v)
{
    a->n++;
    add_be32(&a->b, 8);
    add_be32(&a->b, (uint32_t)((uint64_t)v >> 32));
    add_be32(&a->b, (uint32_t)(uint64_t)v);
}

void array_add_double(struct array *a, double v)
{
    int64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    array_add_i64(a, bits);
}

void call_array(struct db_call *c, struct array *a)
{
    uint32_t n = (uint32_t)a->n;
    for (int i = 0; i < 4 && a->b.n >= ARRAY_HEADER_BYTES; i++)
        a->b.p[ARRAY_COUNT_OFFSET + i] = (char)(n >> (24 - 8 * i));
    *next(c) = (struct param){a->b.p, (int)a->b.n, true};
}
