#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/precondition.h"
#include "server/domain/vector.h"
#include "server/json/write.h"

struct dataset_body {
    struct opt_int shards;
    struct str description, vector_type;
};

const struct field dataset_fields[] = {
    {FIELD_INT, "shards", .offset = offsetof(struct dataset_body, shards), .min = 1, .max = 1024},
    {FIELD_STRING, "description", .offset = offsetof(struct dataset_body, description),
     .max = 1000},
    {FIELD_ENUM, "vector_type", .offset = offsetof(struct dataset_body, vector_type),
     .values = vector_types},
    {.type = FIELD_END},
};

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "t", "", 100, e);
    if (!p)
        return -1;
    call_init(c, STMT_DATASETS_LIST);
    bind_caller(q, c);
    page_bind_key(c, p);
    page_bind_size(c, p);
    return 0;
}

static int put_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct dataset_body *b = op_body(q);
    if (!dataset_name_is_valid(q->params[0]))
        return err_field(e, "/dataset", "the name must match ^[a-z0-9][a-z0-9._-]{0,62}$");
    if (bind_dataset(q, c, STMT_DATASET_PUT, e) < 0)
        return -1;
    bind_int(c, b->shards);
    if (bind_copy(q, c, b->description, e) < 0)
        return -1;
    if (bind_copy(q, c, b->vector_type, e) < 0)
        return -1;
    call_bool(c, !precondition_wants_one(q));
    return 0;
}

static int put_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct dataset_body *b = op_body(q);
    if (!rows_bool(r, 0, 0))
        return dataset_not_found(q, e);
    if (rows_null(r, 0, 1))
        return precondition_wants_one(q) ? precondition_failed(e) : RENDER_AGAIN;
    /* What is there stays as it is, so that nothing can come in between. */
    if (rows_bool(r, 0, 5) && precondition_check(q, rows_text(r, 0, 4), e) < 0)
        return -1;
    int64_t shards = rows_i64(r, 0, 1);
    if (b->shards.set && b->shards.v != shards)
        return err_set(e, ERR_CONFLICT, "the dataset exists with shards = %lld", (long long)shards);
    if (b->description.p && !str_eq(b->description, rows_text(r, 0, 2)))
        return err_set(e, ERR_CONFLICT, "the dataset exists with another description");
    if (b->vector_type.p && !str_eq(b->vector_type, rows_text(r, 0, 3)))
        return err_set(e, ERR_CONFLICT, "the dataset exists with vector_type = " STR_FMT,
                       STR_ARG(rows_text(r, 0, 3)));
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 4));
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_dataset(q, c, STMT_DATASET_GET, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_item(q, r, "row", e);
}

static int delete_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_dataset(q, c, STMT_DATASET_DELETE, e);
}

static int delete_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    if (!rows_null(r, 0, 0))
        return err_set(e, ERR_CONFLICT, "run " STR_FMT " is running or paused: cancel it first",
                       STR_ARG(rows_text(r, 0, 0)));
    if (!rows_bool(r, 0, 1))
        return dataset_not_found(q, e);
    app->wake(app->wake_arg);
    res_json(q, 202);
    struct buf *b = &q->res.body;
    json_open(b, '{');
    json_key(b, "name");
    json_str(b, q->params[0]);
    json_key(b, "state");
    json_z(b, "deleting");
    json_close(b, '}');
    return 0;
}

const struct operation op_list_datasets = {.bind = list_bind, .render = page_render_global};
const struct operation op_put_dataset = {.bind = put_bind,
                                         .render = put_render,
                                         .body_size = sizeof(struct dataset_body),
                                         .body_optional = true,
                                         .retry_conflict = true};
const struct operation op_get_dataset = {.bind = get_bind, .render = get_render};
const struct operation op_delete_dataset = {.bind = delete_bind, .render = delete_render};
