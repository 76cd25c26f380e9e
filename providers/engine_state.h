/* What the parts of the engine share: engine.c (set-up, lanes, ends), engine_loop.c (the loop),
 * engine_settle.c (what follows from a reply), engine_look.c (deadlines). */
#ifndef MONOCEROS_PROVIDERS_ENGINE_STATE_H
#define MONOCEROS_PROVIDERS_ENGINE_STATE_H

#include <pthread.h>

#include "providers/exchange.h"

struct engine {
    int epoll_fd, wake_fd;
    struct wire **wires;
    uint32_t n_wires;
    int64_t look_due_us;
    struct lane *lanes;
    struct job_queue later;    /* waiting for their own due_us */
    int64_t later_due_us;      /* none of them is due before */
    struct job_queue returned; /* to be answered as returned */
    struct job_queue away;     /* other threads work on them */
    pthread_mutex_t post_mutex;
    struct job *posted;         /* of those away, under the mutex */
    uint8_t trace[TRACE_BYTES]; /* of what is submitted now; zeros: none */
    int held, delivered;
    bool woken;
};

/* An exchange with an endpoint of the lane, a new one if none is idle; NULL without memory. */
struct exchange *engine_exchange(struct lane *l, int endpoint);
/* Takes a job off the wire; the exchange still has its reply. */
struct exchange *engine_detach(struct job *j);
/* Puts an exchange back for the next job of its lane. */
void engine_retire(struct lane *l, struct exchange *x);
/* Takes a job off the wire without a verdict: nobody waits for its answer any more. */
void engine_abandon(struct job *j);
/* Moves the jobs of a queue that match to g->returned; NULL matches all. */
void engine_give_up(struct engine *g, struct job_queue *q, const void *arg,
                    const struct lane *lane);
/* Frees the lanes of providers that nobody else holds any more. */
void engine_drop_orphans(struct engine *g);

/* A job that was taken off the wire and judged: tried again or answered. */
void engine_settle(struct engine *g, struct exchange *x, struct verdict *v);
/* Ends the calls of a lane that are past a deadline. */
void engine_look(struct engine *g, struct lane *l, int64_t now_us);

#endif
