/* Growable bytes with a maximum set at creation and a sticky failure flag: append freely, check
 * `failed` once. The bytes are not NUL-terminated unless buf_z() is called. */
#ifndef MONOCEROS_BASE_BUF_H
#define MONOCEROS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b); /* also of a zeroed struct; leaves it usable with the same maximum */
/* Forgets the bytes and the failure, keeps the memory. */
void buf_reset(struct buf *b);
/* Room for n more bytes at b->p + b->n; false (and failed) when over the maximum. */
bool buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_addz(struct buf *b, const char *z);
void buf_adds(struct buf *b, struct str s);
void buf_addi(struct buf *b, int64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds a NUL that is not counted in n; NULL after a failure. */
const char *buf_z(struct buf *b);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

#endif
