#include "server/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 8192, ALIGN = 16 };

struct block {
    struct block *next;
    size_t used, cap;
    _Alignas(ALIGN) char bytes[];
};

struct arena {
    struct block *head; /* the block that is being filled; the first block is last in the list */
    size_t total, max;
};

static struct block *block_new(size_t cap)
{
    struct block *b = malloc(sizeof(*b) + cap);
    if (b) {
        b->next = NULL;
        b->used = 0;
        b->cap = cap;
    }
    return b;
}

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->head = block_new(BLOCK_BYTES);
    if (!a->head) {
        free(a);
        return NULL;
    }
    a->total = BLOCK_BYTES;
    a->max = max_bytes > BLOCK_BYTES ? max_bytes : BLOCK_BYTES;
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->head; b;) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    while (a->head->next) {
        struct block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->head->used = 0;
    a->total = a->head->cap;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > a->max)
        return NULL;
    size_t need = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need > a->head->cap - a->head->used) {
        size_t cap = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        if (cap > a->max - a->total)
            return NULL;
        struct block *b = block_new(cap);
        if (!b)
            return NULL;
        b->next = a->head;
        a->head = b;
        a->total += cap;
    }
    void *p = a->head->bytes + a->head->used;
    a->head->used += need;
    memset(p, 0, n);
    return p;
}

char *arena_dup(struct arena *a, const void *p, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *copy = arena_dup(a, s.p, s.n);
    return (struct str){copy, copy ? s.n : 0};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *out = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (out)
        (void)vsnprintf(out, (size_t)n + 1, fmt, again);
    va_end(again);
    return out;
}
