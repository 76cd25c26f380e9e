/* The inside of an engine. A job is one POST (or one piece of work in the process) that is tried
 * until a verdict about it is final; a lane is what one engine holds for one endpoint. All of it
 * belongs to the engine's thread. */
#ifndef MONOCEROS_PROVIDERS_JOB_H
#define MONOCEROS_PROVIDERS_JOB_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/endpoint.h"
#include "providers/engine.h"
#include "server/base/buf.h"

struct exchange;
struct job;
struct lane;

struct job_queue {
    struct job *head, *tail;
};

struct job_ops {
    /* Before each sending; may be NULL. */
    void (*prepare)(struct job *j);
    /* A reply with status 200 that came whole; fills v. */
    void (*judge)(struct job *j, struct str body, struct verdict *v);
    /* The work itself, for an endpoint without a URL; fills v. */
    void (*work)(struct job *j, struct verdict *v);
    /* The end: VERDICT_OK, VERDICT_ROW or VERDICT_RETURNED. The job is in no queue any more and
     * is the callee's to free. `raw` is the last reply and lives as long as the call. */
    void (*done)(struct job *j, const struct verdict *v, struct str raw);
};

/* Embedded in what the owner knows about the call; zeroed, then the first group is set. */
struct job {
    const struct job_ops *ops;
    struct lane *lane;
    struct buf body;  /* the request; freed by the owner */
    size_t reply_max; /* bytes of a reply that is still read */
    const void *arg;  /* for engine_cancel */
    int attempts;     /* used up */

    int waits, line_faults;
    uint64_t answers_at_line;
    int64_t due_us;
    struct exchange *exchange; /* while under way */
    struct job_queue *in;
    struct job *prev, *next;
};

struct lane {
    struct engine *engine;
    struct endpoint *endpoint; /* one reference */
    struct job_queue ready, running;
    int n_running;
    int held;             /* submitted by the user and not answered; a batch counts once */
    int64_t again_us;     /* no start before: what endpoint_take said */
    int64_t stop_seen_us; /* 0: not stopped */
    struct exchange *idle;
    struct lane *next;
};

void job_push(struct job_queue *q, struct job *j);
void job_unlink(struct job *j);

/* The lane of this engine for ep, made on first use; NULL when out of memory. */
struct lane *engine_lane(struct engine *g, struct endpoint *ep, struct err *e);
/* Calls that the user may still submit. */
int lane_room(const struct lane *l);
/* One more call of the user is held, or one was answered. */
void lane_hold(struct lane *l);
void lane_release(struct lane *l);
/* Hands a job over; it starts in the next engine_poll. */
void lane_submit(struct lane *l, struct job *j);

#endif
