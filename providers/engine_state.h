/* What engine.c (set-up, lanes, ends) and engine_loop.c (the loop) share. */
#ifndef MONOCEROS_PROVIDERS_ENGINE_STATE_H
#define MONOCEROS_PROVIDERS_ENGINE_STATE_H

#include "providers/exchange.h"

struct engine {
    CURLM *multi;
    int epoll_fd, wake_fd;
    int64_t curl_due_us; /* -1: curl has no timer */
    int64_t stall_look_due_us;
    struct lane *lanes;
    struct job_queue later;    /* waiting for their own due_us */
    struct job_queue returned; /* to be answered as returned */
    int held, delivered;
    bool woken;
};

/* Takes a job off the wire; the exchange still has its reply. */
struct exchange *engine_detach(struct engine *g, struct job *j);
/* Puts an exchange back for the next job of its lane. */
void engine_retire(struct lane *l, struct exchange *x);
/* Moves the jobs of a queue that match to g->returned; NULL matches all. */
void engine_give_up(struct engine *g, struct job_queue *q, const void *arg,
                    const struct lane *lane);
/* Frees the lanes of endpoints that nobody else holds any more. */
void engine_drop_orphans(struct engine *g);

#endif
