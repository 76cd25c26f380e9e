#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/job.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/run_request.h"

struct resume_body {
    struct run_budget *budget;
};

const struct field resume_fields[] = {
    {FIELD_OBJECT, "budget", .offset = offsetof(struct resume_body, budget),
     .fields = budget_fields, .size = sizeof(struct run_budget)},
    {.type = FIELD_END},
};

static const struct job_kind run_job = {"run", STMT_RUNS_LIST, STMT_RUN_GET, STMT_RUN_RESULT,
                                        STMT_RUN_EVENT};

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_list_bind(q, c, &run_job, e);
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_get_bind(q, c, &run_job, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return job_get_render(q, r, &run_job, e);
}

static int result_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_result_bind(q, c, &run_job, e);
}

static int result_render(struct req *q, const struct rows *r, struct err *e)
{
    return job_result_render(q, r, &run_job, e);
}

static int events_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_events_bind(q, c, &run_job, e);
}

static int bind_run(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e)
{
    return bind_id(q, c, stmt, run_job.name, e);
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

static int retry_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_run(q, c, STMT_RUN_RETRY, e);
}

static void answer_run(struct req *q, const struct rows *r)
{
    const struct app *app = q->app;
    app->wake(app->wake_arg);
    res_json(q, 202);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
}

/* Answers with the run as it is after the change. `settled` is a final state in which the change is
 * what was asked for already. */
static int render_change(struct req *q, const struct rows *r, const char *settled, struct err *e)
{
    if (rows_count(r) == 0)
        return no_such(run_job.name, e);
    struct str state = rows_text(r, 0, 0);
    if (!rows_bool(r, 0, 2) && !(settled && str_is(state, settled)))
        return err_set(e, ERR_CONFLICT, "the run has ended: it is " STR_FMT, STR_ARG(state));
    answer_run(q, r);
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

static int nothing_to_retry(struct str state, struct err *e)
{
    if (str_is(state, "cancelled"))
        return err_set(e, ERR_CONFLICT, "the run was cancelled: another run makes what is missing");
    if (!job_is_final(state))
        return err_set(e, ERR_CONFLICT,
                       "the run has not ended: what fails can be put back when it has");
    return err_set(e, ERR_CONFLICT, "the run has no failed items to retry");
}

/* A second one that came at the same time sees the run as it was before the first: it looks again.
 */
static int retry_render(struct req *q, const struct rows *r, struct err *e)
{
    struct op_state *s = op_state(q);
    if (rows_count(r) == 0)
        return no_such(run_job.name, e);
    struct str state = rows_text(r, 0, 0);
    bool changed = rows_bool(r, 0, 2), under_way = !job_is_final(state) && rows_i64(r, 0, 3) > 0;
    if (!changed && job_is_final(state) && !str_is(state, "cancelled") && !s->data) {
        s->data = q;
        return RENDER_AGAIN;
    }
    if (!changed && !under_way)
        return nothing_to_retry(state, e);
    if (changed)
        declared_try_again(q->app);
    answer_run(q, r);
    return 0;
}

const struct operation op_list_runs = {.bind = list_bind, .render = page_render};
const struct operation op_get_run = {.bind = get_bind, .render = get_render};
const struct operation op_get_run_result = {.bind = result_bind, .render = result_render};
const struct operation op_pause_run = {.bind = pause_bind, .render = pause_render};
const struct operation op_resume_run = {.bind = resume_bind,
                                        .render = resume_render,
                                        .body_size = sizeof(struct resume_body),
                                        .body_optional = true};
const struct operation op_retry_run = {.bind = retry_bind, .render = retry_render};
const struct operation op_cancel_run = {.bind = cancel_bind, .render = cancel_render};
const struct operation op_get_run_events = {.bind = events_bind, .render = job_events_render};
