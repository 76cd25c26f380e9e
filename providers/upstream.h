/* One declared provider as all threads see it: the window of calls, the limits per minute, and one
 * or several endpoints that calls are spread over. Thread safe.
 *
 * A call is first held (it has a place in the window and waits in its engine), then it is under way
 * at an endpoint: the least busy one that takes one more. What one endpoint cannot do, the others
 * do; the provider as a whole is stopped only when all of them are. */
#ifndef MONOCEROS_PROVIDERS_UPSTREAM_H
#define MONOCEROS_PROVIDERS_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/endpoint.h"
#include "providers/route.h"
#include "providers/waits.h"
#include "server/base/buf.h"
#include "server/base/err.h"

enum { ENDPOINTS_MAX = 16 };

/* Strings are owned by the caller and outlive the upstream. */
struct upstream_settings {
    const char *name;
    const char *urls; /* separated by commas or white space; NULL: work is done in the process */
    const char *path; /* appended to each */
    const char *api_key;
    int max_in_flight; /* of the process */
    int timeout_s, connect_timeout_s;
    int queue_timeout_s; /* until the first byte or token; 0: none */
    int attempts, stop_after;
    double rpm, tpm; /* 0: none */
};

/* Limits that replace those of the settings; 0: as configured. */
struct upstream_limits {
    int max_in_flight;
    double rpm, tpm;
};

struct upstream;
struct engine;

/* One engine's share of an upstream. Guarded by its lock. */
struct seat {
    struct engine *engine;
    int held, running;
    int64_t refused_us; /* when it was last refused a place in the window; 0: served since */
    int64_t waiting_us; /* the same for a start */
    int64_t waiting_since_us;
    struct seat *next;
};

/* The right to one call. */
struct permit {
    int endpoint, at_once;
    int64_t started_us;
    double tokens; /* as expected */
    double charged[RATE_KINDS];
};

/* One reference. */
struct upstream *upstream_new(const struct upstream_settings *s, struct err *e);
struct upstream *upstream_ref(struct upstream *u);
void upstream_unref(struct upstream *u);     /* accepts NULL */
bool upstream_is_shared(struct upstream *u); /* more than one reference */

const struct upstream_settings *upstream_get_settings(const struct upstream *u);
int upstream_endpoints(const struct upstream *u); /* 0: work is done in the process */
const struct route *upstream_route(const struct upstream *u, int endpoint);

void upstream_join(struct upstream *u, struct seat *seat, struct engine *g);
void upstream_leave(struct upstream *u, struct seat *seat);
/* Places in the window that the seat may take now: 0 while full or stopped. */
int upstream_room(struct upstream *u, struct seat *seat, int64_t now_us);
/* Takes one; false when there is none. */
bool upstream_hold(struct upstream *u, struct seat *seat, int64_t now_us);
void upstream_release(struct upstream *u, struct seat *seat);

/* Takes the right to start one call, at another endpoint than `avoid` (-1: none) if possible; false
 * when not now, and *again_us then says when to ask again. */
bool upstream_take(struct upstream *u, struct seat *seat, int avoid, double tokens, int64_t now_us,
                   struct permit *ret, int64_t *again_us);
/* Gives it back with what came of the call; `tokens` is what it used, negative when not known. */
void upstream_give(struct upstream *u, struct seat *seat, const struct permit *p, struct outcome *o,
                   double tokens);
/* The seat has nothing to start: wakes the engines that wait for what it leaves. */
void upstream_wake_others(struct upstream *u, struct seat *seat, int64_t now_us);

/* Stops all of it for a cause found in an answer; the first cause stays. */
void upstream_stop(struct upstream *u, const char *cause);
bool upstream_stopped(struct upstream *u, char reason[200]);
void upstream_reset(struct upstream *u);
void upstream_set_limits(struct upstream *u, const struct upstream_limits *l, int replicas);

/* Why calls wait; false when nothing but the settings for calls at a time holds them back. */
bool upstream_waits(struct upstream *u, struct waits *ret);

/* Calls that were answered about their row: tells an outage from a poisonous row. */
uint64_t upstream_answers(struct upstream *u, int endpoint);
/* What the calls under way at each endpoint are to be judged by. */
struct patience {
    int64_t hang_us;    /* 0: wait for ever */
    int64_t stopped_us; /* 0: not stopped */
};
void upstream_patience(struct upstream *u, struct patience *ret);

/* Members of the JSON object that is open in `out`; `more` adds its own to that of each endpoint.
 */
typedef void (*upstream_more_fn)(const void *arg, int endpoint, struct buf *out);
void upstream_describe(struct upstream *u, upstream_more_fn more, const void *arg, struct buf *out);

#endif
