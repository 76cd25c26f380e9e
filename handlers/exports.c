/* Exports as jobs. */
#include "handlers/bind.h"
#include "handlers/job.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "server/json/write.h"

static const struct job_kind export_job = {"export", STMT_EXPORTS_LIST, STMT_EXPORT_GET,
                                           STMT_EXPORT_RESULT, STMT_EXPORT_EVENT};

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_list_bind(q, c, &export_job, e);
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_get_bind(q, c, &export_job, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return job_get_render(q, r, &export_job, e);
}

static int result_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_result_bind(q, c, &export_job, e);
}

static int result_render(struct req *q, const struct rows *r, struct err *e)
{
    return job_result_render(q, r, &export_job, e);
}

static int events_bind(struct req *q, struct db_call *c, struct err *e)
{
    return job_events_bind(q, c, &export_job, e);
}

static int cancel_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_id(q, c, STMT_EXPORT_CANCEL, export_job.name, e);
}

/* A second one that came at the same time sees the export as it was before the first: it looks
 * again. */
static int cancel_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    if (rows_count(r) == 0)
        return no_such(export_job.name, e);
    struct str state = rows_text(r, 0, 0);
    bool changed = rows_bool(r, 0, 2);
    if (!changed && !job_is_final(state))
        return RENDER_AGAIN;
    if (!changed && !str_is(state, "cancelled"))
        return err_set(e, ERR_CONFLICT, "the export has ended: it is " STR_FMT, STR_ARG(state));
    app->wake(app->wake_arg);
    res_json(q, 202);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}

static int delete_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_id(q, c, STMT_EXPORT_DELETE, export_job.name, e);
}

static int delete_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    struct buf *b = &q->res.body;
    if (rows_count(r) == 0)
        return no_such(export_job.name, e);
    app->wake(app->wake_arg);
    res_json(q, 202);
    json_open(b, '{');
    json_key(b, "id");
    json_str(b, q->params[0]);
    json_key(b, "state");
    json_z(b, "deleting");
    json_close(b, '}');
    return 0;
}

const struct operation op_list_exports = {.bind = list_bind, .render = page_render};
const struct operation op_get_export = {.bind = get_bind, .render = get_render};
const struct operation op_get_export_result = {.bind = result_bind, .render = result_render};
const struct operation op_get_export_events = {.bind = events_bind, .render = job_events_render};
const struct operation op_cancel_export = {.bind = cancel_bind, .render = cancel_render};
const struct operation op_delete_export = {.bind = delete_bind, .render = delete_render};
