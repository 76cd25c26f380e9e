/* Reports over a dataset, a run or a recipe, and two of them side by side. They may take minutes of
 * a thread of the request pool, so that no more than half of the threads make them at a time. */
#include "handlers/report.h"

#include "handlers/bind.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"

enum { RETRY_AFTER_S = 5 };

int report_enter(struct app *app, struct err *e)
{
    int most = app->config->request_threads / 2;
    if (atomic_fetch_add(&app->reports, 1) < (most > 1 ? most : 1))
        return 0;
    (void)atomic_fetch_sub(&app->reports, 1);
    (void)err_set(e, ERR_UNAVAILABLE, "as many reports as may be are being made already");
    e->retry_after = RETRY_AFTER_S;
    return -1;
}

void report_leave(struct app *app)
{
    (void)atomic_fetch_sub(&app->reports, 1);
}

void report_disconnect(struct db **db)
{
    db_free(*db);
}

struct db *report_connect(const struct app *app, struct err *e)
{
    struct db *db = db_new(app->config->database_url, "report", e);
    if (db)
        db_prefer_indexes(db);
    return db;
}

/* An optional id of the query, checked. */
static int query_id(struct req *q, const char *name, struct str *out, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    uint8_t id[SEED_ID_BYTES];
    if (!v->set)
        return 0;
    if (!seed_id_parse(v->text, id)) {
        const char *pointer = arena_printf(q->arena, "?%s", name);
        return err_field(e, pointer ? pointer : "", "must be an id of 32 hexadecimal digits");
    }
    *out = arena_str(q->arena, v->text);
    return out->p ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for the request");
}

static int read_query(struct req *q, struct report_ask *ask, struct err *e)
{
    const struct query_value *view = req_query(q, "view");
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    ask->caller = op_state(q)->caller.name;
    ask->dataset = arena_str(q->arena, q->params[0]);
    if (!ask->dataset.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    if (query_id(q, "run", &ask->run, e) < 0 || query_id(q, "recipe", &ask->recipe, e) < 0)
        return -1;
    ask->picked = view->set ? view->number == VIEW_DEFAULT : !ask->run.p && !ask->recipe.p;
    return 0;
}

static bool draining(void *q)
{
    return http_draining(q);
}

static int read_report(struct report *r, struct req *q, struct db *db, const struct report_ask *ask,
                       struct err *e)
{
    const struct report_from from = {db, draining, q, "the server is ending"};
    return report_read(r, &from, ask, e);
}

static int make_report(struct req *q, const struct report_ask *ask, struct err *e)
{
    _cleanup_(report_disconnect) struct db *db = report_connect(q->app, e);
    _cleanup_(report_freep) struct report *r = db ? report_new(e) : NULL;
    if (!r || read_report(r, q, db, ask, e) < 0)
        return -1;
    res_json(q, 200);
    q->res.fresh = true;
    report_write(r, &q->res.body);
    return 0;
}

static int report_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct report_ask ask = {0};
    if (read_query(q, &ask, e) < 0 || report_enter(ctx->app, e) < 0)
        return -1;
    int rc = make_report(q, &ask, e);
    report_leave(ctx->app);
    return rc;
}

static int bad_reference(const char *pointer, struct err *e)
{
    return err_field(e, pointer, "must be a dataset, <dataset>@run:<id> or <dataset>@recipe:<id>");
}

/* "streets", "streets@run:<32 digits>" or "streets@recipe:<32 digits>". */
static int read_reference(struct req *q, struct str text, const char *pointer,
                          struct report_ask *ask, struct err *e)
{
    const char *at = memchr(text.p, '@', text.n);
    struct str name = {text.p, at ? (size_t)(at - text.p) : text.n};
    struct str rest = str_from(text, name.n + 1), *id = NULL;
    uint8_t bytes[SEED_ID_BYTES];
    if (at && str_starts(rest, STR("run:")))
        id = &ask->run;
    else if (at && str_starts(rest, STR("recipe:")))
        id = &ask->recipe;
    if (id)
        rest = str_from(rest, id == &ask->run ? 4 : 7);
    if (!dataset_name_is_valid(name) || (at && (!id || !seed_id_parse(rest, bytes))))
        return bad_reference(pointer, e);
    ask->caller = op_state(q)->caller.name;
    ask->picked = !id;
    ask->dataset = arena_str(q->arena, name);
    if (id)
        *id = arena_str(q->arena, rest);
    if (!ask->dataset.p || (id && !id->p))
        return err_set(e, ERR_NO_MEMORY, "no memory for the request");
    return 0;
}

static int read_references(struct req *q, struct report_ask ask[2], const char *reference[2],
                           struct err *e)
{
    static const char *const names[] = {"a", "b"}, *const pointers[] = {"?a", "?b"};
    for (int i = 0; i < 2; i++) {
        const struct query_value *v = req_query(q, names[i]);
        if (!v->set)
            (void)err_field(e, pointers[i], "is required");
        else if (read_reference(q, v->text, pointers[i], &ask[i], e) == 0)
            reference[i] = arena_dup(q->arena, v->text.p, v->text.n);
    }
    return e->code == ERR_NONE ? 0 : -1;
}

static int make_comparison(struct req *q, const struct report_ask ask[2],
                           const char *const reference[2], struct err *e)
{
    _cleanup_(report_disconnect) struct db *db = report_connect(q->app, e);
    _cleanup_(report_freep) struct report *a = db ? report_new(e) : NULL;
    _cleanup_(report_freep) struct report *b = a ? report_new(e) : NULL;
    if (!b || read_report(a, q, db, &ask[0], e) < 0 || read_report(b, q, db, &ask[1], e) < 0)
        return -1;
    res_json(q, 200);
    report_write_comparison(a, b, reference, &q->res.body);
    return 0;
}

static int compare_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct report_ask ask[2] = {{.picked = false}, {.picked = false}};
    const char *reference[2] = {NULL, NULL};
    if (read_references(q, ask, reference, e) < 0 || report_enter(ctx->app, e) < 0)
        return -1;
    int rc = make_comparison(q, ask, reference, e);
    report_leave(ctx->app);
    return rc;
}

const struct operation op_get_report = {.work = report_work};
const struct operation op_compare_reports = {.work = compare_work};
