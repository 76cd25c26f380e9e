#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/limits.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/seed_input.h"
#include "server/base/hash.h"
#include "server/json/write.h"

enum { SEEDS_MAX = 1000, COLUMN_BYTES_MAX = 16 << 20, SEEDS_NODES_MAX = 200000 };

struct seeds_body {
    struct list seeds;
};

const struct field seeds_fields[] = {
    {FIELD_OBJECTS, "seeds", .required = true, .offset = offsetof(struct seeds_body, seeds),
     .min = 1, .max = SEEDS_MAX, .fields = seed_input_fields, .size = sizeof(struct seed_input)},
    {.type = FIELD_END},
};

static int normalise_all(struct req *q, struct err *e)
{
    const struct seeds_body *b = op_body(q);
    struct seed_input *seeds = b->seeds.items;
    for (size_t i = 0; i < b->seeds.n; i++) {
        char pointer[40], detail[160];
        const char *fault = seed_input_normalise(&seeds[i], q->arena, detail);
        if (!fault)
            continue;
        if (strcmp(fault, "no_memory") == 0)
            return err_set(e, ERR_NO_MEMORY, "no memory for the seeds of this request");
        (void)snprintf(pointer, sizeof(pointer), "/seeds/%zu/text", i);
        (void)err_field(e, pointer, "%s", detail);
    }
    return e->code == ERR_NONE ? 0 : -1;
}

/* The columns belong to the request, which frees them. */
static void adopt(struct req *q, const struct seed_batch *b)
{
    struct op_state *s = op_state(q);
    s->arrays[0] = b->ids;
    s->arrays[1] = b->texts;
    s->arrays[2] = b->sources;
    s->arrays[3] = b->domains;
    s->arrays[4] = b->metadata;
    s->n_arrays = 5;
}

static int fill(struct req *q, struct db_call *c, struct err *e)
{
    const struct seeds_body *body = op_body(q);
    const struct seed_input *seeds = body->seeds.items;
    uint8_t(*ids)[SEED_ID_BYTES] = arena_alloc(q->arena, body->seeds.n * SEED_ID_BYTES);
    struct seed_batch b;
    if (!ids)
        return err_set(e, ERR_NO_MEMORY, "no memory for the seeds of this request");
    op_state(q)->data = ids;
    seed_batch_init(&b, COLUMN_BYTES_MAX);
    for (size_t i = 0; i < body->seeds.n; i++)
        seed_batch_add(&b, &seeds[i], ids[i]);
    int rc = seed_batch_call(&b, c, e);
    limits_bind_seeds(q, c);
    adopt(q, &b);
    return rc;
}

static int create_bind(struct req *q, struct db_call *c, struct err *e)
{
    if (bind_dataset(q, c, STMT_SEEDS_PUT, e) < 0 || normalise_all(q, e) < 0)
        return -1;
    return fill(q, c, e);
}

static int create_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct seeds_body *body = op_body(q);
    const uint8_t(*ids)[SEED_ID_BYTES] = op_state(q)->data;
    struct buf *b = &q->res.body;
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    int64_t received = (int64_t)body->seeds.n, created = rows_i64(r, 0, 0);
    seed_metrics(created, received - created, 0);
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "received");
    json_int(b, received);
    json_key(b, "new");
    json_int(b, created);
    json_key(b, "duplicate");
    json_int(b, received - created);
    json_key(b, "duplicate_differs");
    json_int(b, rows_i64(r, 0, 1));
    json_key(b, "refused");
    json_int(b, 0);
    json_key(b, "ids");
    json_open(b, '[');
    for (size_t i = 0; i < body->seeds.n; i++) {
        char hex[ID_TEXT];
        hex_encode(ids[i], SEED_ID_BYTES, hex);
        json_z(b, hex);
    }
    json_close(b, ']');
    json_close(b, '}');
    return 0;
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "nu", "-1|00000000000000000000000000000000", 100, e);
    if (!p || bind_dataset(q, c, STMT_SEEDS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "source", e) < 0 || bind_query(q, c, "domain", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    if (bind_dataset(q, c, STMT_SEED_GET, e) < 0)
        return -1;
    if (!seed_id_parse(q->params[1], id))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such seed");
    return bind_copy(q, c, q->params[1], e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_item(q, r, "seed", e);
}

const struct operation op_create_seeds = {.bind = create_bind,
                                          .render = create_render,
                                          .body_size = sizeof(struct seeds_body),
                                          .max_nodes = SEEDS_NODES_MAX,
                                          .once = true};
const struct operation op_list_seeds = {.bind = list_bind, .render = page_render};
const struct operation op_get_seed = {.bind = get_bind, .render = get_render};
