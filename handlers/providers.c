/* The declared providers: what limits them, what binds now, and what runs have used of them. */
#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/precondition.h"
#include "server/json/write.h"

struct provider_limits_body {
    struct opt_int max_in_flight, rpm, tpm;
};

const struct field provider_limits_fields[] = {
    {FIELD_INT, "max_in_flight", .offset = offsetof(struct provider_limits_body, max_in_flight),
     .min = 1, .max = 4096},
    {FIELD_INT, "rpm", .offset = offsetof(struct provider_limits_body, rpm), .min = 1,
     .max = 100000000},
    {FIELD_INT, "tpm", .offset = offsetof(struct provider_limits_body, tpm), .min = 1,
     .max = 2000000000},
    {.type = FIELD_END},
};

static struct llm_provider *named(const struct req *q, struct err *e)
{
    const struct app *app = q->app;
    for (int i = 0; i < app->n_providers; i++)
        if (str_is(q->params[0], llm_provider_settings(app->providers[i])->name))
            return app->providers[i];
    (void)err_set(e, ERR_NOT_FOUND, "there is no provider of that name");
    return NULL;
}

static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    struct buf *b = &q->res.body;
    (void)r;
    (void)e;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int i = 0; i < app->n_providers; i++)
        llm_describe(app->providers[i], b);
    json_close(b, ']');
    json_close(b, '}');
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct llm_provider *p = named(q, e);
    if (!p)
        return -1;
    call_init(c, STMT_PROVIDER_GET);
    call_z(c, llm_provider_settings(p)->name);
    return 0;
}

static void write_prices(struct buf *b, const struct llm_settings *s)
{
    const struct {
        const char *name;
        double v;
    } members[] = {{"prompt", s->price_prompt},
                   {"cached", s->price_cached},
                   {"completion", s->price_completion},
                   {"reasoning", s->price_reasoning}};
    json_key(b, "usd_per_million_tokens");
    json_open(b, '{');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].v < 0)
            continue;
        json_key(b, members[i].name);
        json_double(b, members[i].v);
    }
    json_close(b, '}');
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    struct buf *b = &q->res.body;
    struct llm_provider *p = named(q, e);
    if (!p)
        return -1;
    res_json(q, 200);
    llm_describe(p, b);
    if (b->failed)
        return 0;
    b->n--; /* the closing brace */
    if (!rows_null(r, 0, 0)) {
        json_key(b, "operator_limits");
        json_raw(b, rows_text(r, 0, 0));
    }
    write_prices(b, llm_provider_settings(p));
    json_key(b, "usage");
    json_raw(b, rows_text(r, 0, 1));
    json_close(b, '}');
    return 0;
}

static int limits_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct provider_limits_body *b = op_body(q);
    const struct llm_provider *p = named(q, e);
    if (!p)
        return -1;
    if (strcmp(llm_provider_settings(p)->kind, "offline") == 0 && (b->rpm.set || b->tpm.set))
        return err_field(e, b->rpm.set ? "/rpm" : "/tpm", "the offline composer calls no server");
    call_init(c, STMT_PROVIDER_LIMITS_PUT);
    call_z(c, llm_provider_settings(p)->name);
    bind_int(c, b->max_in_flight);
    bind_int(c, b->rpm);
    bind_int(c, b->tpm);
    return precondition_bind(q, c, e);
}

/* In force when the dispatchers have read them: within SHARE_US. */
static int limits_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return precondition_failed(e);
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    return 0;
}

static int limits_get_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct llm_provider *p = named(q, e);
    if (!p)
        return -1;
    call_init(c, STMT_PROVIDER_LIMITS_GET);
    call_z(c, llm_provider_settings(p)->name);
    return 0;
}

const struct operation op_list_providers = {.render = list_render};
const struct operation op_get_provider = {.bind = get_bind, .render = get_render};
const struct operation op_get_provider_limits = {.bind = limits_get_bind, .render = limits_render};
const struct operation op_put_provider_limits = {
    .bind = limits_bind, .render = limits_render, .body_size = sizeof(struct provider_limits_body)};
