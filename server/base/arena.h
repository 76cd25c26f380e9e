/* Bump allocator for what lives as long as one request or one task. Not thread safe by design.
 * Allocation past the maximum given at creation answers NULL. */
#ifndef MONOCEROS_BASE_ARENA_H
#define MONOCEROS_BASE_ARENA_H

#include <stddef.h>

#include "server/base/str.h"

struct arena;

/* max_bytes bounds the sum of all live blocks. NULL when out of memory. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *a); /* accepts NULL */
/* Forgets everything and keeps the first block. */
void arena_reset(struct arena *a);
/* Zeroed, aligned to 16 bytes. */
void *arena_alloc(struct arena *a, size_t n);
/* Copies n bytes and adds a NUL. */
char *arena_dup(struct arena *a, const void *p, size_t n);
struct str arena_str(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void arena_freep(struct arena **a)
{
    arena_free(*a);
}

#endif
