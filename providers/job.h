/* The inside of an engine. A job is one POST (or one piece of work in the process) that is tried
 * until a verdict about it is final; a lane is what one engine holds for one provider. All of it
 * belongs to the engine's thread. */
#ifndef MONOCEROS_PROVIDERS_JOB_H
#define MONOCEROS_PROVIDERS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/engine.h"
#include "providers/upstream.h"
#include "server/base/buf.h"

struct exchange;
struct job;
struct lane;

struct job_queue {
    struct job *head, *tail;
};

/* What became of one sending. */
struct sending {
    bool sent;  /* it reached the server */
    bool costs; /* and the server may have worked on it: whether it said for what or not */
    int64_t took_us;
};

/* What a piece of a streamed reply was. */
enum piece {
    PIECE_NOTHING,
    PIECE_TOKEN, /* the answer has begun, or goes on */
    PIECE_CUT,   /* no more is wanted: the connection is closed, and `judge` says what there is */
};

struct job_ops {
    /* Before each sending; may be NULL. */
    void (*prepare)(struct job *j, int endpoint);
    /* A piece of an event stream with status 200. NULL: none is asked for. */
    enum piece (*feed)(struct job *j, struct str piece);
    /* A reply with status 200 that came whole; fills v. An event stream has no body here. */
    void (*judge)(struct job *j, int endpoint, struct str body, struct verdict *v);
    /* May change the verdict on a reply with another status; may be NULL. */
    void (*refused)(struct job *j, int endpoint, int status, struct str body, struct verdict *v);
    /* The end of a sending, before what follows from it; may be NULL. */
    void (*ended)(struct job *j, const struct sending *s);
    /* The work itself, for a provider without a URL; fills v. */
    void (*work)(struct job *j, struct verdict *v);
    /* For work that other threads do: hands it to them, and `work` follows once one of them has
     * called job_post. NULL: `work` does it all. */
    void (*start)(struct job *j);
    /* Nobody waits for what was started; it is posted all the same, and `work` does not follow. */
    void (*stop)(struct job *j);
    /* The end: VERDICT_OK, VERDICT_ROW or VERDICT_RETURNED. The job is in no queue any more and
     * is the callee's to free. `raw` is the last reply and lives as long as the call. */
    void (*done)(struct job *j, const struct verdict *v, struct str raw);
};

/* Embedded in what the owner knows about the call; zeroed, then the first group is set. */
struct job {
    const struct job_ops *ops;
    struct lane *lane;
    struct buf body;        /* the request; freed by the owner */
    size_t reply_max;       /* bytes of a reply that is still read */
    const void *arg;        /* for engine_cancel */
    int attempts;           /* used up */
    double tokens_expected; /* of each sending */
    int paid_max;           /* sendings that may cost something, at most; 0: no limit */

    /* Of the last sending, set by `judge`: tokens of the answer, 0 when not known, and all that it
     * used, negative when not known. */
    int64_t tokens_out;
    double tokens_used;

    uint8_t trace[TRACE_BYTES]; /* of the engine at the submission, unless it is set before */
    int waits, hangs, resends, line_faults, paid;
    int last; /* endpoint that it is better not sent to again, and 1; 0: none */
    uint64_t answers_at_line;
    int64_t due_us;
    struct exchange *exchange; /* while under way */
    struct job_queue *in;
    struct job *prev, *next;

    bool stopped; /* after it was started */
    struct job *posted_next;
};

struct lane {
    struct engine *engine;
    struct upstream *upstream; /* one reference */
    struct seat seat;
    struct job_queue ready, running;
    int held;             /* submitted by the user and not answered; a batch counts once */
    int64_t again_us;     /* no start before: what upstream_take said */
    int64_t stop_seen_us; /* 0: not stopped */
    struct exchange *idle[ENDPOINTS_MAX];
    struct lane *next;
};

void job_push(struct job_queue *q, struct job *j);
void job_push_front(struct job_queue *q, struct job *j);
void job_unlink(struct job *j);

/* The lane of this engine for u, made on first use; NULL when out of memory. */
struct lane *engine_lane(struct engine *g, struct upstream *u, struct err *e);
/* Calls that the user may still submit. */
int lane_room(struct lane *l);
/* One more call of the user is held, unless there is no room; or one was answered. */
bool lane_hold(struct lane *l);
void lane_release(struct lane *l);
bool trace_is_set(const uint8_t trace[TRACE_BYTES]);
/* The trace of what is submitted now, for calls that follow later from the same request. */
void lane_trace(const struct lane *l, uint8_t out[TRACE_BYTES]);
/* What other threads had to do for a job is done: its engine goes on with it. From any thread. */
void job_post(struct job *j);
/* Hands a job over; it starts in the next engine_poll. */
void lane_submit(struct lane *l, struct job *j);

#endif
