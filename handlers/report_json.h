/* Members of a JSON object, one a call. */
#ifndef MONOCEROS_HANDLERS_REPORT_JSON_H
#define MONOCEROS_HANDLERS_REPORT_JSON_H

#include <math.h>

#include "server/json/write.h"

static inline void put_int(struct buf *b, const char *key, int64_t v)
{
    json_key(b, key);
    json_int(b, v);
}

/* What is not defined is left out. */
static inline void put_number(struct buf *b, const char *key, double v)
{
    if (!isfinite(v))
        return;
    json_key(b, key);
    json_double(b, v);
}

static inline void put_text(struct buf *b, const char *key, const char *z)
{
    json_key(b, key);
    json_z(b, z);
}

static inline void put_bool(struct buf *b, const char *key, bool v)
{
    json_key(b, key);
    json_bool(b, v);
}

/* An item of the list `warnings`: what somebody should look at, by a stable code. */
void put_warning(struct buf *b, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline void open_object(struct buf *b, const char *key)
{
    json_key(b, key);
    json_open(b, '{');
}

static inline void open_list(struct buf *b, const char *key)
{
    json_key(b, key);
    json_open(b, '[');
}

#endif
