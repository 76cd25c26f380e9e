/* A strict reader of the little JSON that safetensors needs, in place and without a tree: what a
 * text takes in memory is no more than the text. */
#ifndef MONOCEROS_TENSOR_CURSOR_H
#define MONOCEROS_TENSOR_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/str.h"

struct cursor {
    const char *what; /* the text, for sentences */
    struct str text;  /* valid UTF-8 */
    size_t i;
    struct arena *strings; /* of strings that have escapes */
};

/* Every function returns 0, or -1 with ERR_VALIDATION and where in the text. */
int cursor_fail(const struct cursor *c, struct err *e, const char *what);
/* A view of the text, or a copy in the arena. */
int cursor_string(struct cursor *c, struct str *out, struct err *e);
/* A whole number from 0 to INT64_MAX, without sign, fraction, exponent or leading zeros. */
int cursor_number(struct cursor *c, int64_t *out, struct err *e);
/* Any value, which is only checked. */
int cursor_skip(struct cursor *c, struct err *e);
/* Calls `member` with the cursor before the value, which it must read. */
int cursor_object(struct cursor *c,
                  int (*member)(struct cursor *, struct str, void *, struct err *), void *ctx,
                  struct err *e);
/* Calls `item` with the cursor before each value. */
int cursor_array(struct cursor *c, int (*item)(struct cursor *, void *, struct err *), void *ctx,
                 struct err *e);
/* The text ends here, but for spaces. */
int cursor_end(struct cursor *c, struct err *e);

#endif
