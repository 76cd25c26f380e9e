/* What runs and exports have in common as jobs: labels, whoever waits for an end, results and
 * events. Their operations differ in what they are called and in their statements. */
#ifndef MONOCEROS_HANDLERS_JOB_H
#define MONOCEROS_HANDLERS_JOB_H

#include "handlers/operation.h"

enum { LABELS_MAX = 16, LABEL_VALUE_MAX = 200 };

/* All statements but the list's, which has the dataset, have the caller and the job first. */
struct job_kind {
    const char *name;    /* "run": in sentences, and of its events */
    enum stmt_id list;   /* key, state, labels, rows; rows: JSON, key */
    enum stmt_id get;    /* $3 whether the JSON may be left out; one row: state, JSON or NULL */
    enum stmt_id result; /* one row: whether there is a result, JSON */
    enum stmt_id event; /* $3 revision and $4 items told last, $5 whether progress is looked at; one
                         * row: state, revision, items, JSON or NULL when there is nothing new */
};

/* Whether a job in this state has ended for good, unless it is tried again. */
bool job_is_final(struct str state);

/* Runs the statement that makes a job, on a thread of the pool, and answers with it: 202 and where
 * it is, `/v1/<collection>/<id>`. One row: JSON, id, whether the job was there; none without the
 * dataset. A unique violation is a race, and the next attempt takes what is free then. `made`, or
 * NULL, is asked before the answer, and may refuse. */
int job_create(struct req *q, struct work_ctx *ctx, const struct db_call *c, const char *collection,
               int (*made)(struct req *q, const struct rows *r, struct err *e), struct err *e);

/* A page of a dataset's jobs, the newest first, by state and label. */
int job_list_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e);

int job_get_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e);
/* With `wait`, once the job is final or paused, or the time is over. */
int job_get_render(struct req *q, const struct rows *r, const struct job_kind *kind, struct err *e);

int job_result_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e);
int job_result_render(struct req *q, const struct rows *r, const struct job_kind *kind,
                      struct err *e);

/* Server-sent events, up to the job's end. */
int job_events_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e);
int job_events_render(struct req *q, const struct rows *r, struct err *e);

#endif
