#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/run_request.h"
#include "server/base/clock.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum { WAIT_STEP_MS = 150, RESULT_RETRY_S = 5, LABEL_JSON_MAX = 8192 };

struct resume_body {
    struct run_budget *budget;
};

const struct field resume_fields[] = {
    {FIELD_OBJECT, "budget", .offset = offsetof(struct resume_body, budget),
     .fields = budget_fields, .size = sizeof(struct run_budget)},
    {.type = FIELD_END},
};

/* "name:value" as an object that a run's labels must contain, or NULL. */
static int bind_label(struct req *q, struct db_call *c, struct err *e)
{
    const struct query_value *v = req_query(q, "label");
    if (!v->set) {
        call_null(c);
        return 0;
    }
    struct str value = v->text;
    const char *colon = memchr(value.p, ':', value.n);
    struct str name = {value.p, colon ? (size_t)(colon - value.p) : 0};
    value = str_from(value, name.n + 1);
    if (!label_name_is_valid(name) || text_length(value) > LABEL_VALUE_MAX)
        return err_field(e, "?label", "must be a label as name:value, with at most %d characters",
                         LABEL_VALUE_MAX);
    struct buf b;
    buf_init(&b, LABEL_JSON_MAX);
    json_open(&b, '{');
    json_key(&b, arena_str(q->arena, name).p);
    json_str(&b, value);
    json_close(&b, '}');
    int rc = b.failed ? err_set(e, ERR_NO_MEMORY, "no memory for the request")
                      : bind_copy(q, c, buf_str(&b), e);
    buf_free(&b);
    return rc;
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "q", "9223372036854775807", 100, e);
    if (!p || bind_dataset(q, c, STMT_RUNS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "state", e) < 0 || bind_label(q, c, e) < 0)
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
    if (!wait->set || run_is_final(state) || str_is(state, "paused") || http_draining(q))
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
    if (!rows_bool(r, 0, 0)) {
        e->retry_after = RESULT_RETRY_S;
        return err_set(e, ERR_NOT_FOUND, "the run has no result yet");
    }
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
        return run_not_found(e);
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
    if (!run_is_final(state))
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
        return run_not_found(e);
    struct str state = rows_text(r, 0, 0);
    bool changed = rows_bool(r, 0, 2), under_way = !run_is_final(state) && rows_i64(r, 0, 3) > 0;
    if (!changed && run_is_final(state) && !str_is(state, "cancelled") && !s->data) {
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
