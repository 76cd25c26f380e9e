#include "handlers/bind.h"
#include "handlers/operations.h"
#include "server/base/metrics.h"

/* Generated from openapi/openapi.yaml. */
extern const char openapi_document[];
extern const size_t openapi_document_bytes;

static int healthz_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    (void)e;
    res_json(q, 200);
    buf_adds(&q->res.body, STR("{\"status\":\"ok\"}"));
    return 0;
}

static int readyz_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct app *app = q->app;
    if (http_draining(q) || atomic_load(&app->ending))
        return err_set(e, ERR_UNAVAILABLE, "the server is ending");
    call_init(c, STMT_PING);
    return 0;
}

static int readyz_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    if (op_require_schema(q, e) < 0)
        return -1;
    res_json(q, 200);
    buf_adds(&q->res.body, STR("{\"status\":\"ready\"}"));
    return 0;
}

static int metrics_render_all(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    (void)r;
    (void)e;
    q->res.status = 200;
    q->res.content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_render(&q->res.body, app->version);
    return 0;
}

static int openapi_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    (void)e;
    res_json(q, 200);
    buf_add(&q->res.body, openapi_document, openapi_document_bytes);
    return 0;
}

const struct operation op_healthz = {.render = healthz_render};
const struct operation op_readyz = {
    .bind = readyz_bind, .render = readyz_render, .while_migrating = true};
const struct operation op_metrics = {.render = metrics_render_all};
const struct operation op_openapi = {.render = openapi_render};
