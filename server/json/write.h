/* Append-only JSON writer. Commas are put by the writer: it looks at the last byte written. */
#ifndef MONOCEROS_JSON_WRITE_H
#define MONOCEROS_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

void json_open(struct buf *b, char bracket);  /* '{' or '[' */
void json_close(struct buf *b, char bracket); /* '}' or ']' */
void json_key(struct buf *b, const char *key);
/* Valid UTF-8 expected; control characters are escaped. */
void json_str(struct buf *b, struct str s);
void json_z(struct buf *b, const char *z); /* NULL is written as null */
void json_int(struct buf *b, int64_t v);
/* 15 to 17 significant digits, the fewest that read back; what is not finite is null. */
void json_double(struct buf *b, double v);
/* The fewest digits that read back as the same float32; what is not finite is null. */
void json_float(struct buf *b, float v);
void json_bool(struct buf *b, bool v);
void json_write_null(struct buf *b); /* json_null is a function of jansson */
/* Bytes that are JSON already. */
void json_raw(struct buf *b, struct str s);

#endif
