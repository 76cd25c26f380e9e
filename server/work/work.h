/* The pipeline's threads: one dispatcher that claims and renews leases, a pool of stage threads
 * that work on ranges, one ticker that starts, bars and ends runs. State is in PostgreSQL; a crash
 * costs only the calls in flight. */
#ifndef MONOCEROS_WORK_WORK_H
#define MONOCEROS_WORK_WORK_H

#include <stdatomic.h>

#include "providers/encoder.h"
#include "providers/llm.h"
#include "server/base/err.h"

struct work_settings {
    const char *conninfo;
    int threads;
    int range_size; /* seeds in a task */
    int lease_s, renew_s, flush_ms;
    const char *artefacts; /* directory of the files of exports */
    int export_threads;
    int export_days;    /* for which finished exports are kept; 0: until they are deleted */
    int audit_days;     /* for which rows of the audit log are kept */
    int quality_window; /* items over which the quality breaker looks back */
    /* Declared providers and encoders, by name; owned by the caller, which frees them after
     * work_stop. */
    int n_providers, n_encoders;
    struct llm_provider **providers;
    struct encoder **encoders;
    atomic_int *replicas; /* told how many processes there are */
};

struct work;

struct work *work_start(const struct work_settings *s, struct err *e);
/* There may be something to do: a run was created, changed or resumed. Any thread. */
void work_wake(struct work *w);
/* Stops claiming and issuing, flushes what is in flight for at most timeout_ms, releases the
 * leases, joins the threads, frees w. */
void work_stop(struct work *w, int timeout_ms);

#endif
