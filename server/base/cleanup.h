/* Lifetime by scope: `_cleanup_(free_fn) type *x = NULL;` runs free_fn(&x) when x leaves scope. */
#ifndef MONOCEROS_BASE_CLEANUP_H
#define MONOCEROS_BASE_CLEANUP_H

#include <stdlib.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
    free(*(void **)p);
}

#endif
