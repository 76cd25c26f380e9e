/* One thread's event loop for calls to model servers: a curl multi handle driven by epoll. */
#ifndef MONOCEROS_PROVIDERS_ENGINE_H
#define MONOCEROS_PROVIDERS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/err.h"

struct engine;

/* Process-wide set-up of the HTTP client; call once, before any thread. */
int engine_global_init(struct err *e);
void engine_global_cleanup(void);

struct engine *engine_new(struct err *e);
/* Every call must have been answered or cancelled and polled before. Accepts NULL. */
void engine_free(struct engine *g);
/* Drives the calls for at most timeout_ms (0: what is ready now), delivering replies by callback.
 * Returns early after a reply or engine_wake. Returns the number of replies delivered. */
int engine_poll(struct engine *g, int timeout_ms);
/* Makes engine_poll return; the only function that another thread may call. */
void engine_wake(struct engine *g);
/* Ends calls in flight: those submitted with this `arg`, or all when arg is NULL; each is answered
 * as returned by the next engine_poll. */
void engine_cancel(struct engine *g, const void *arg);
/* Like engine_cancel, but leaves alone what is on the wire and will be answered soon: ends only the
 * calls that wait for their turn, for a pause to end or for another attempt. */
void engine_withdraw(struct engine *g, const void *arg);
/* The trace (W3C Trace Context) that the calls submitted from here on belong to. Each
 * sending is a span of its own. */
enum { TRACE_BYTES = 16 };
void engine_set_trace(struct engine *g, const uint8_t trace[TRACE_BYTES]);
int engine_in_flight(const struct engine *g);

#endif
