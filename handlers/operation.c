#include "handlers/operation.h"

#include <stdlib.h>

#include "handlers/access.h"
#include "handlers/audit.h"
#include "handlers/once.h"
#include "server/json/decode.h"

enum { NODES_DEFAULT = 8192, CONFLICT_ATTEMPTS = 4, RETRY_AFTER_S = 1 };

struct array *op_array(struct req *q, enum array_type type, size_t max_bytes)
{
    struct op_state *s = op_state(q);
    if (s->n_arrays == OP_ARRAYS_MAX)
        abort(); /* a fault of the program, found by its first test */
    struct array *a = &s->arrays[s->n_arrays++];
    array_init(a, type, max_bytes);
    return a;
}

int op_call_array(struct db_call *c, struct array *a, struct err *e)
{
    if (a->b.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for the values of this request");
    call_array(c, a);
    return 0;
}

int op_require_schema(const struct req *q, struct err *e)
{
    const struct app *app = q->app;
    if (atomic_load(&app->migrated))
        return 0;
    return err_set(e, ERR_UNAVAILABLE,
                   atomic_load(&app->lacks_rights)
                       ? "the service's database role lacks rights: run `monoceros migrate` with "
                         "service_role"
                       : "the database's schema is not current yet");
}

static int decode_body(struct req *q, struct op_state *s)
{
    const struct operation *op = q->route->operation;
    if (q->route->body == BODY_NONE || q->stream)
        return 0;
    s->body = arena_alloc(q->arena, op->body_size);
    if (!s->body)
        return err_set(&q->err, ERR_NO_MEMORY, "no memory for the body");
    if (op->decode)
        return op->decode(q, s, &q->err);
    if (op->body_optional && str_trim(q->body).n == 0)
        return 0;
    return json_decode(q->body, q->route->fields, op->max_nodes ? op->max_nodes : NODES_DEFAULT,
                       q->arena, s->body, op->body_size, &q->err);
}

/* On a database thread. */
static void on_rows(void *arg, struct rows *rows, const struct err *e)
{
    struct req *q = arg;
    op_state(q)->rows = rows;
    if (e && e->code != ERR_NONE)
        q->err = *e;
    http_complete(q);
}

static void submit(struct req *q)
{
    struct app *app = q->app;
    struct op_state *s = op_state(q);
    rows_free(s->rows);
    s->rows = NULL;
    db_async_submit(app->database, &s->call, on_rows, q);
}

static enum http_verdict start_work(struct req *q)
{
    struct app *app = q->app;
    if (request_pool_submit(app->requests, q))
        return HTTP_PENDING;
    (void)err_set(&q->err, ERR_UNAVAILABLE, "too many requests of this kind are under way");
    q->err.retry_after = RETRY_AFTER_S;
    return HTTP_REPLY;
}

static enum http_verdict execute(struct req *q)
{
    const struct operation *op = q->route->operation;
    struct op_state *s = op_state(q);
    if (op->work)
        return start_work(q);
    if (op->bind(q, &s->call, &q->err) < 0)
        return HTTP_REPLY;
    submit(q);
    return HTTP_PENDING;
}

/* An answer that an Idempotency-Key stands for is kept before it goes out. */
static enum http_verdict settle(struct req *q, enum http_verdict v)
{
    if (v == HTTP_PENDING || !once_end(q))
        return v;
    submit(q);
    return HTTP_PENDING;
}

/* For a caller who may. */
static enum http_verdict on_start(struct req *q)
{
    const struct operation *op = q->route->operation;
    struct op_state *s = op_state(q);
    if (decode_body(q, s) < 0)
        return HTTP_REPLY;
    if (!op->bind && !op->work) {
        (void)op->render(q, NULL, &q->err);
        return HTTP_REPLY;
    }
    if (!op->while_migrating && op_require_schema(q, &q->err) < 0)
        return HTTP_REPLY;
    if (op->once && once_begin(q, &q->err) < 0)
        return HTTP_REPLY;
    if (!s->once)
        return execute(q);
    submit(q);
    return HTTP_PENDING;
}

static bool make_state(struct req *q)
{
    q->state = arena_alloc(q->arena, sizeof(struct op_state));
    if (!q->state)
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
    return q->state;
}

static enum http_verdict on_admit(struct req *q)
{
    if (q->state) { /* with the rows about the key */
        (void)access_finish(q);
        return HTTP_REPLY;
    }
    if (!make_state(q) || access_begin(q) != ACCESS_UNKNOWN)
        return HTTP_REPLY;
    submit(q);
    return HTTP_PENDING;
}

static enum http_verdict on_admit_operator(struct req *q)
{
    if (make_state(q))
        access_open(q);
    return HTTP_REPLY;
}

static enum http_verdict again(struct req *q)
{
    int ms = op_state(q)->again_ms;
    if (ms > 0)
        http_after(q, ms, submit);
    else
        submit(q);
    return HTTP_PENDING;
}

/* Of the operation's own statement or work. */
static enum http_verdict executed(struct req *q)
{
    const struct operation *op = q->route->operation;
    struct op_state *s = op_state(q);
    if (op->work)
        return HTTP_REPLY;
    if (q->err.code == ERR_CONFLICT && op->retry_conflict && ++s->attempts < CONFLICT_ATTEMPTS) {
        err_clear(&q->err);
        return again(q);
    }
    int rendered = q->err.code == ERR_NONE ? op->render(q, s->rows, &q->err) : -1;
    if (rendered == RENDER_BEGUN)
        return HTTP_PENDING;
    if (rendered != RENDER_AGAIN)
        return HTTP_REPLY;
    if (s->again_ms > 0 || ++s->attempts < CONFLICT_ATTEMPTS)
        return again(q);
    (void)err_set(&q->err, ERR_UNAVAILABLE, "the same thing is being changed by others");
    return HTTP_REPLY;
}

static enum http_verdict on_finish(struct req *q)
{
    switch (once_heard(q)) {
    case ONCE_EXECUTE:
        return settle(q, execute(q));
    case ONCE_REPLY:
        return HTTP_REPLY;
    case ONCE_NOTHING:
        break;
    }
    return settle(q, executed(q));
}

static void on_done(const struct req *q, int64_t duration_us)
{
    struct op_state *s = op_state(q);
    audit_request(q);
    if (s) {
        rows_free(s->rows);
        s->rows = NULL;
        for (int i = 0; i < s->n_arrays; i++)
            array_free(&s->arrays[i]);
        s->n_arrays = 0;
    }
    observe_request(q, duration_us);
}

const struct http_ops app_http_ops = {
    .admit = on_admit,
    .start = on_start,
    .finish = on_finish,
    .done = on_done,
    .log = observe_fault,
};
const struct http_ops app_operator_http_ops = {
    .admit = on_admit_operator,
    .start = on_start,
    .finish = on_finish,
    .done = on_done,
    .log = observe_fault,
};
