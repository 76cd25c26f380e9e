#include "handlers/job.h"

#include "handlers/bind.h"
#include "handlers/once.h"
#include "handlers/page.h"
#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum { WAIT_STEP_MS = 150, RESULT_RETRY_S = 5, LABEL_JSON_MAX = 8192, CREATE_ATTEMPTS = 8 };

bool job_is_final(struct str state)
{
    return str_is(state, "succeeded") || str_is(state, "failed") || str_is(state, "cancelled");
}

static void answer_made(struct req *q, const char *collection, const struct rows *r)
{
    const struct app *app = q->app;
    app->wake(app->wake_arg);
    res_json(q, 202);
    res_header(q, "Location",
               arena_printf(q->arena, "/v1/%s/" STR_FMT, collection, STR_ARG(rows_text(r, 0, 1))));
    res_header(q, "Retry-After", "1");
    if (rows_bool(r, 0, 2))
        once_replayed(q);
    buf_adds(&q->res.body, rows_text(r, 0, 0));
}

int job_create(struct req *q, struct work_ctx *ctx, const struct db_call *c, const char *collection,
               int (*made)(struct req *q, const struct rows *r, struct err *e), struct err *e)
{
    for (int attempt = 0;; attempt++) {
        _cleanup_(rows_freep) struct rows *rows = NULL;
        struct err failed = {0};
        if (db_run(ctx->db, c, &rows, &failed) == 0) {
            if (rows_count(rows) == 0)
                return dataset_not_found(q, e);
            if (made && made(q, rows, e) < 0)
                return -1;
            answer_made(q, collection, rows);
            return 0;
        }
        if (failed.code != ERR_CONFLICT || attempt == CREATE_ATTEMPTS) {
            *e = failed;
            return -1;
        }
    }
}

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

int job_list_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e)
{
    const struct page *p = page_read(q, "q", "9223372036854775807", 100, e);
    if (!p || bind_dataset(q, c, kind->list, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "state", e) < 0 || bind_label(q, c, e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

/* While it waits the request asks for the state alone; op_state.data says that it is over with
 * that. */
int job_get_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e)
{
    if (bind_id(q, c, kind->get, kind->name, e) < 0)
        return -1;
    call_bool(c, req_query(q, "wait")->set && !op_state(q)->data);
    return 0;
}

static bool should_wait(const struct req *q, struct str state)
{
    const struct query_value *wait = req_query(q, "wait");
    if (!wait->set || job_is_final(state) || str_is(state, "paused") || http_draining(q))
        return false;
    return clock_us() - q->started_us < wait->number * 1000;
}

int job_get_render(struct req *q, const struct rows *r, const struct job_kind *kind, struct err *e)
{
    struct op_state *s = op_state(q);
    if (rows_count(r) == 0)
        return no_such(kind->name, e);
    if (should_wait(q, rows_text(r, 0, 0))) {
        s->again_ms = WAIT_STEP_MS;
        return RENDER_AGAIN;
    }
    if (rows_null(r, 0, 1)) {
        s->again_ms = 0;
        s->data = q;
        return job_get_bind(q, &s->call, kind, e) < 0 ? -1 : RENDER_AGAIN;
    }
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}

int job_result_bind(struct req *q, struct db_call *c, const struct job_kind *kind, struct err *e)
{
    return bind_id(q, c, kind->result, kind->name, e);
}

int job_result_render(struct req *q, const struct rows *r, const struct job_kind *kind,
                      struct err *e)
{
    if (rows_count(r) == 0)
        return no_such(kind->name, e);
    if (!rows_bool(r, 0, 0)) {
        e->retry_after = RESULT_RETRY_S;
        return err_set(e, ERR_NOT_FOUND, "the %s has no result yet", kind->name);
    }
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 1));
    return 0;
}
