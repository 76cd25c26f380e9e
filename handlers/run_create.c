#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/operations.h"
#include "handlers/run_request.h"
#include "server/base/hash.h"

enum { SMALL_ARRAY_BYTES = 4096, RUN_NODES_MAX = 4096 };

static int bind_stages(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    struct array *stages = op_array(q, ARRAY_TEXT, SMALL_ARRAY_BYTES);
    for (int s = 0; s < STAGE_COUNT; s++)
        if (p->stages[s])
            array_add(stages, str_of(run_stages[s]));
    return op_call_array(c, stages, e);
}

/* Nine bytes of 0xff are greater than any hash of eight, which takes all. */
static int bind_mix(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    struct array *tasks = op_array(q, ARRAY_TEXT, SMALL_ARRAY_BYTES);
    struct array *bounds = op_array(q, ARRAY_BYTEA, SMALL_ARRAY_BYTES);
    for (int i = 0; p->stages[STAGE_DIALOGUES] && i < DIALOGUE_TASKS; i++) {
        uint8_t bound[9] = {[8] = 0xff};
        bool all;
        if (!(p->mix[i] > 0))
            continue;
        share_bound(p->mix[i], bound, &all);
        array_add(tasks, str_of(dialogue_tasks[i]));
        array_add(bounds, (struct str){(const char *)bound, all ? 9 : 8});
    }
    if (op_call_array(c, tasks, e) < 0)
        return -1;
    return op_call_array(c, bounds, e);
}

static int create_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct run_body *b = op_body(q);
    struct run_plan p;
    uint8_t id[SEED_ID_BYTES];
    if (bind_dataset(q, c, STMT_RUN_CREATE, e) < 0 || run_plan_make(q, b, &p, e) < 0)
        return -1;
    random_bytes(id, sizeof(id));
    const char *id_text = hex_text(q, id, sizeof(id));
    if (!id_text)
        return err_set(e, ERR_NO_MEMORY, "no memory for the run");
    op_state(q)->data = arena_printf(q->arena, "/v1/runs/%s", id_text);
    call_z(c, id_text);
    if (bind_stages(q, c, &p, e) < 0)
        return -1;
    call_z(c, p.selection);
    if (b->limit.set)
        call_i64(c, b->limit.v);
    else
        call_null(c);
    call_double(c, b->max_failed.set ? b->max_failed.v : 0.1);
    if (bind_copy(q, c, q->body, e) < 0)
        return -1;
    call_z(c, p.captions);
    call_z(c, p.dialogues);
    call_i64(c, p.variants);
    if (bind_mix(q, c, &p, e) < 0)
        return -1;
    call_z(c, p.encoder);
    return 0;
}

static int create_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    declared_try_again(app);
    app->wake(app->wake_arg);
    res_json(q, 202);
    res_header(q, "Location", op_state(q)->data);
    res_header(q, "Retry-After", "1");
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    return 0;
}

const struct operation op_create_run = {.bind = create_bind,
                                        .render = create_render,
                                        .body_size = sizeof(struct run_body),
                                        .max_nodes = RUN_NODES_MAX,
                                        .retry_conflict = true};
