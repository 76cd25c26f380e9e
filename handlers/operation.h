/* An operation is one statement: `bind` turns the request into a call, `render` its rows into the
 * answer. Both run on HTTP workers and must not block. What needs more has `work` instead, which
 * runs on a thread of the request pool. Operations with neither bind nor work need no database. */
#ifndef MONOCEROS_HANDLERS_OPERATION_H
#define MONOCEROS_HANDLERS_OPERATION_H

#include "handlers/app.h"
#include "server/domain/key.h"

/* What a thread of the request pool owns. */
struct work_ctx {
    struct app *app;
    struct db *db;
    struct engine *engine;
    struct request_pool *pool;
};

/* Of `render`: the statement is to be run again, after op_state.again_ms; or the answer has begun
 * and its own calls go on with it, up to http_complete(). */
enum { RENDER_AGAIN = 1, RENDER_BEGUN };

struct op_state;
struct signature;

struct operation {
    int (*bind)(struct req *q, struct db_call *c, struct err *e);
    int (*render)(struct req *q, const struct rows *r, struct err *e);
    int (*work)(struct req *q, struct work_ctx *ctx, struct err *e);
    /* Instead of route.fields alone, for a body that no table describes fully. */
    int (*decode)(struct req *q, struct op_state *s, struct err *e);
    size_t body_size;    /* of the struct that route.fields describe */
    size_t max_nodes;    /* of a JSON body; 0: a modest default */
    bool body_optional;  /* no body means {} */
    bool retry_conflict; /* a unique violation is a race that the same statement wins next time */
    bool while_migrating;
    bool once; /* heeds Idempotency-Key, see once.h */
};

/* Who asks. The strings live as long as the request. */
struct caller {
    const char *name; /* as bind_caller gives it to statements: an array as PostgreSQL writes it */
    const char *key;  /* id; NULL without one */
    struct key_limits limits;
};

enum { OP_ARRAYS_MAX = 6 };

struct once;

/* Of one request, in its arena; what is not from there is freed when the request is done. */
struct op_state {
    struct caller caller;
    struct key *key;                   /* as presented; NULL when none is needed */
    const struct signature *signature; /* in the place of the key, of which only the id is known */
    struct once *once;                 /* NULL: no Idempotency-Key that matters */
    struct db_call call;
    struct rows *rows;
    void *body; /* decoded; NULL for operations without a JSON body */
    void *data; /* of the operation */
    int attempts;
    int again_ms;
    int n_arrays;
    struct array arrays[OP_ARRAYS_MAX];
};

static inline struct op_state *op_state(const struct req *q)
{
    return q->state;
}
static inline void *op_body(const struct req *q)
{
    return op_state(q)->body;
}

/* An empty array that lives as long as the request. */
struct array *op_array(struct req *q, enum array_type type, size_t max_bytes);
/* Adds it to the call, unless memory was short. */
int op_call_array(struct db_call *c, struct array *a, struct err *e);

/* 0 when the schema is current; -1 with ERR_UNAVAILABLE before. */
int op_require_schema(const struct req *q, struct err *e);

/* Puts a request in the queue; false when it is full or the pool ends. */
bool request_pool_submit(struct request_pool *p, struct req *q);
/* Sleeps on a thread of the pool; false at once when the pool ends. */
bool request_pool_sleep(struct request_pool *p, int ms);

/* Runs a statement on a thread of the pool and waits a while for a database that is away. A batch
 * whose answer was lost is sent again, and its rows count as duplicates then. */
int request_pool_run(struct work_ctx *ctx, const struct db_call *c, struct rows **rows,
                     struct err *e);

/* Counts and logs a request that is over. */
void observe_request(const struct req *q, int64_t duration_us);
/* Faults that no answer tells about. */
void observe_fault(const char *event, const char *detail);

#endif
