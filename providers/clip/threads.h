/* The threads that compute vectors: one set for all CLIP encoders of the process, as many as there
 * are cores to share. They start with the first encoder and end with the last. */
#ifndef MONOCEROS_PROVIDERS_CLIP_THREADS_H
#define MONOCEROS_PROVIDERS_CLIP_THREADS_H

#include <stdbool.h>

#include "providers/clip/model.h"

struct clip_job {
    /* Called once by one of the threads, which holds a core. */
    void (*run)(struct clip_job *j, struct clip_workspace *w);
    bool brief; /* goes before those that are not */
    struct clip_job *next;
};

/* A reference to the set. */
int clip_threads_hold(struct err *e);
/* What was submitted has been run before. */
void clip_threads_release(void);
size_t clip_threads_count(void); /* while one is held */
void clip_threads_submit(struct clip_job *j);
/* Of the matrix products since the start: operations, and seconds, added up over the threads. */
void clip_threads_products(double *flop, double *s);

#endif
