#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/run_request.h"
#include "server/base/clock.h"

enum { WAIT_STEP_MS = 150 };

struct resume_body {
    struct run_budget *budget;
};

const struct field resume_fields[] = {
    {FIELD_OBJECT, "budget", .offset = offsetof(struct resume_body, budget),
     .fields = budget_fields, .size = sizeof(struct run_budget)},
    {.type = FIELD_END},
};

static int run_not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such run");
}

static bool is_final(struct str state)
{
    return str_is(state, "succeeded") || str_is(state, "failed") || str_is(state, "cancelled");
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "q", "9223372036854775807", 100, e);
    if (!p || bind_dataset(q, c, STMT_RUNS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "state", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

/* While it waits the request asks for the state alone; op_state.data says that it is over with
 * that. */
static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    if (bind_run(q, c, STMT_RUN_GET, e) < 0)
        return -1;
    call_bool(c, req_query(q, "wait")->set && !op_state(q)->data);
    return 0;
}

static bool should_wait(const struct req *q, struct str state)
{
    const struct query_value *wait = req_query(q, "wait");
    if (!wait->set || is_final(state) || str_is(state, "paused") || http_draining(q))
        return false;
    return clock_us() - q->started_us < wait->number * 1000;
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    struct op_state *s = op_state(q);
    if (rows_count(r) == 0)
        return run_not_found(e);
    if (should_wait(q, rows_text(r, 0, 0))) {
        s->again_ms = WAIT_STEP_MS;
        return RENDER_AGAIN;
    }
    if (rows_null(r, 0, 1)) {
        s->again_ms = 0;
        s->data = q;
        return get_bind(q, &s->call, e) < 0 ? -1 : RENDER_AGAIN;
    }
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}

static int result_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_run(q, c, STMT_RUN_RESULT, e);
}

static int result_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return run_not_found(e);
    if (!rows_bool(r, 0, 0))
        return err_set(e, ERR_NOT_FOUND, "the run has no result yet");
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}

static int pause_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_run(q, c, STMT_RUN_PAUSE, e);
}

static int resume_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct resume_body *b = op_body(q);
    if (bind_run(q, c, STMT_RUN_RESUME, e) < 0)
        return -1;
    if (b->budget && b->budget->deadline.p && !is_rfc3339(b->budget->deadline))
        return err_field(e, "/budget/deadline",
                         "must be a time as in RFC 3339, such as 2026-12-31T08:00:00Z");
    return bind_budget(q, c, b->budget, e);
}

static int cancel_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_run(q, c, STMT_RUN_CANCEL, e);
}

/* Answers with the run as it is after the change. `settled` is a final state in which the change is
 * what was asked for already. */
static int render_change(struct req *q, const struct rows *r, const char *settled, struct err *e)
{
    const struct app *app = q->app;
    if (rows_count(r) == 0)
        return run_not_found(e);
    struct str state = rows_text(r, 0, 0);
    if (!rows_bool(r, 0, 2) && !(settled && str_is(state, settled)))
        return err_set(e, ERR_CONFLICT, "the run has ended: it is " STR_FMT, STR_ARG(state));
    app->wake(app->wake_arg);
    res_json(q, 202);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}

static int pause_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_change(q, r, NULL, e);
}

/* Whoever resumes has seen to the cause, so that what stopped may be tried again. Another replica
 * whose workers take the run up finds out for itself. */
static int resume_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) > 0 && rows_bool(r, 0, 2))
        declared_try_again(q->app);
    return render_change(q, r, NULL, e);
}

static int cancel_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_change(q, r, "cancelled", e);
}

const struct operation op_list_runs = {.bind = list_bind, .render = page_render};
const struct operation op_get_run = {.bind = get_bind, .render = get_render};
const struct operation op_get_run_result = {.bind = result_bind, .render = result_render};
const struct operation op_pause_run = {.bind = pause_bind, .render = pause_render};
const struct operation op_resume_run = {.bind = resume_bind,
                                        .render = resume_render,
                                        .body_size = sizeof(struct resume_body),
                                        .body_optional = true};
const struct operation op_cancel_run = {.bind = cancel_bind, .render = cancel_render};
