/* The bounded buffer between a worker and a thread of the pool, in either direction. */
#include <stdlib.h>

#include "server/http/internal.h"

bool ring_open(struct ring *r)
{
    *r = (struct ring){.p = malloc(PIPE_BYTES)};
    return r->p != NULL;
}

void ring_close(struct ring *r)
{
    free(r->p);
    *r = (struct ring){NULL, 0, 0};
}

size_t ring_put(struct ring *r, const char *data, size_t n)
{
    size_t done = 0;
    while (done < n && r->used < PIPE_BYTES) {
        size_t at = (r->start + r->used) % PIPE_BYTES;
        size_t run = at >= r->start ? PIPE_BYTES - at : r->start - at;
        if (run > n - done)
            run = n - done;
        memcpy(r->p + at, data + done, run);
        r->used += run;
        done += run;
    }
    return done;
}

size_t ring_take(struct ring *r, char *out, size_t n)
{
    size_t done = 0;
    while (done < n && r->used) {
        size_t run = PIPE_BYTES - r->start;
        if (run > r->used)
            run = r->used;
        if (run > n - done)
            run = n - done;
        memcpy(out + done, r->p + r->start, run);
        r->start = (r->start + run) % PIPE_BYTES;
        r->used -= run;
        done += run;
    }
    return done;
}
