/* Prepared transfers: what is made, what it is made of, and the rule for images that goes with it.
 */
#include "handlers/transfers.h"

#include "handlers/bind.h"
#include "handlers/image_moments.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "server/domain/inference.h"
#include "server/domain/transfer_parameters.h"
#include "server/json/write.h"
#include "server/tensor/write.h"

enum { PARAMETERS_BYTES = 4096, RETRY_AFTER_S = 1 };

const char *const transfer_states[] = {"preparing", "ready", "failed", NULL};

struct transfer_body {
    struct str method, encoder, image_moments, text_moments;
    struct transfer_parameters *parameters;
};

const struct field transfer_fields[] = {
    {FIELD_ENUM, "method", .required = true, .offset = offsetof(struct transfer_body, method),
     .values = transfer_methods},
    {FIELD_OBJECT, "parameters", .offset = offsetof(struct transfer_body, parameters),
     .fields = transfer_parameter_fields, .size = sizeof(struct transfer_parameters)},
    {FIELD_STRING, "encoder", .offset = offsetof(struct transfer_body, encoder), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_STRING, "image_moments", .offset = offsetof(struct transfer_body, image_moments),
     .min = 1, .max = IMAGE_REFERENCE_MAX},
    {FIELD_STRING, "text_moments", .offset = offsetof(struct transfer_body, text_moments),
     .min = 32, .max = 32},
    {.type = FIELD_END},
};

/* Columns behind the item and its key: those of transfer_columns.sql, then others. */
enum { COL_RULE = 2 };
enum {
    COL_METHOD,
    COL_PARAMETERS,
    COL_DIMENSION,
    COL_SCALE,
    COL_STATE,
    COL_TEXT,
    COL_IMAGE,
    COL_REASON
};

static enum transfer_method method_of(struct str name)
{
    int i = 0;
    while (i < TRANSFER_METHOD_COUNT && !str_is(name, transfer_methods[i]))
        i++;
    return (enum transfer_method)i;
}

/* Of the vectors the rule only says which they are. */
static bool read_rule(const struct rows *r, int row, int first, struct transfer *t)
{
    static const double some;
    struct arena *a = arena_new(PARAMETERS_BYTES * 16);
    struct err e = {0};
    bool images = false;
    *t = (struct transfer){.method = method_of(rows_text(r, row, first + COL_METHOD)),
                           .n = (size_t)rows_i64(r, row, first + COL_DIMENSION),
                           .scale = rows_double(r, row, first + COL_SCALE)};
    bool ok = a && transfer_parameters_read(rows_text(r, row, first + COL_PARAMETERS), a, t,
                                            &images, &e) == 0;
    t->image_mean = images ? &some : NULL;
    arena_free(a);
    return ok;
}

void transfer_write_rule(struct buf *b, const struct rows *r, int row, int first)
{
    struct transfer t;
    if (b->failed || !read_rule(r, row, first, &t)) {
        b->failed = true;
        return;
    }
    b->n--; /* the closing brace */
    if (str_is(rows_text(r, row, first + COL_STATE), "ready")) {
        json_key(b, "steps");
        transfer_steps_write(&t, b);
    }
    json_key(b, "inference");
    transfer_inference_write(&t, b);
    json_key(b, "own_image_mean");
    json_bool(b, transfer_needs_own_images(&t));
    json_close(b, '}');
}

static void add_rule(struct buf *b, const struct rows *r, int row)
{
    transfer_write_rule(b, r, row, COL_RULE);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p =
        page_read(q, "qu", "9223372036854775807|ffffffffffffffffffffffffffffffff", 100, e);
    if (!p || bind_dataset(q, c, STMT_TRANSFERS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "method", e) < 0 || bind_query(q, c, "state", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    return page_render_with(q, r, add_rule, e);
}

/* The second variable of the path. */
static int bind_transfer(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    if (bind_dataset(q, c, stmt, e) < 0)
        return -1;
    if (!seed_id_parse(q->params[1], id))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such transfer");
    return bind_copy(q, c, q->params[1], e);
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_transfer(q, c, STMT_TRANSFER_GET, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    if (render_item(q, r, "transfer", e) < 0)
        return -1;
    add_rule(&q->res.body, r, 0);
    return 0;
}

static struct transfer_choice choice_of(const struct transfer_body *b)
{
    return (struct transfer_choice){.method = method_of(b->method),
                                    .parameters = b->parameters,
                                    .image_moments = b->image_moments};
}

static int bind_parameters(struct req *q, struct db_call *c, const struct transfer_choice *choice,
                           struct err *e)
{
    struct buf json;
    buf_init(&json, PARAMETERS_BYTES);
    transfer_parameters_write(choice, &json);
    const char *text = json.failed ? NULL : arena_dup(q->arena, json.p, json.n);
    buf_free(&json);
    call_z(c, text);
    return text ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for the parameters");
}

static int create_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct transfer_body *b = op_body(q);
    const struct transfer_choice choice = choice_of(b);
    uint8_t id[SEED_ID_BYTES];
    if (b->text_moments.p && !seed_id_parse(b->text_moments, id))
        (void)err_field(e, "/text_moments", "must be an id of 32 hexadecimal digits");
    if (transfer_choice_check(&choice, "", e) < 0 ||
        bind_dataset(q, c, STMT_TRANSFER_CREATE, e) < 0)
        return -1;
    call_text(c, b->method);
    if (bind_parameters(q, c, &choice, e) < 0)
        return -1;
    call_text(c, b->encoder);
    call_text(c, b->text_moments);
    if (bind_image_moments(q, c, b->image_moments, "/image_moments", e) < 0)
        return -1;
    call_bool(c, transfer_choice_needs_images(&choice));
    call_z(c, choice.method == TRANSFER_REALIGN ? "preparing" : "ready");
    return 0;
}

static int without_texts(const struct transfer_body *b, const struct rows *r, struct err *e)
{
    struct str why = rows_text(r, 0, COL_RULE + COL_REASON);
    if (b->text_moments.p)
        return err_field(e, "/text_moments", "are no moments of the texts of this dataset%s",
                         b->encoder.p ? " by this encoder" : "");
    if (why.p && str_starts(why, STR("fewer than two")))
        return err_set(e, ERR_TOO_FEW_VECTORS,
                       "the dataset has fewer than two embeddings: there is no mean");
    return err_set(e, ERR_TRANSFER_NOT_READY,
                   "the dataset has no moments of its texts%s: a run with the representations "
                   "stage makes them",
                   b->encoder.p ? " by this encoder" : "");
}

static int create_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct transfer_body *b = op_body(q);
    const struct transfer_choice choice = choice_of(b);
    const struct app *app = q->app;
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    if (!rows_bool(r, 0, COL_RULE + COL_TEXT))
        return without_texts(b, r, e);
    if (transfer_choice_needs_images(&choice) && !rows_bool(r, 0, COL_RULE + COL_IMAGE))
        return err_field(e, "/image_moments",
                         "the encoder version of the texts' moments has no such image moments");
    if (rows_null(r, 0, 0))
        return RENDER_AGAIN; /* another request has just made it */
    const char *location = arena_printf(q->arena, "/v1/datasets/" STR_FMT "/transfers/" STR_FMT,
                                        STR_ARG(q->params[0]), STR_ARG(rows_text(r, 0, 1)));
    if (!location)
        return err_set(e, ERR_NO_MEMORY, "no memory for the transfer");
    app->wake(app->wake_arg);
    res_json(q, 202);
    res_header(q, "Location", location);
    res_header(q, "Retry-After", "1");
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    add_rule(&q->res.body, r, 0);
    return 0;
}

/* "text_mean.npy" to "text_mean"; unset when it is no such file. */
static struct str vector_of_file(struct str name)
{
    for (int i = 0; i < TRANSFER_VECTORS; i++) {
        struct str vector = str_of(transfer_vectors[i]);
        if (str_starts(name, vector) && str_is(str_from(name, vector.n), ".npy"))
            return vector;
    }
    return (struct str){NULL, 0};
}

static int file_bind(struct req *q, struct db_call *c, struct err *e)
{
    struct str vector = vector_of_file(q->params[2]);
    if (bind_transfer(q, c, STMT_TRANSFER_VECTOR, e) < 0)
        return -1;
    if (!vector.p)
        return err_set(e, ERR_NOT_FOUND, "the files are text_mean.npy, image_mean.npy, center.npy");
    call_text(c, vector);
    return 0;
}

static void write_npy(const double *v, size_t n, struct buf *out)
{
    const struct tensor_shape shape = {.rank = 1, .size = {(int64_t)n}};
    npy_write_header(out, TENSOR_F64, &shape);
    for (size_t i = 0; i < n; i++) {
        uint8_t little[8];
        uint64_t bits;
        memcpy(&bits, &v[i], sizeof(bits));
        for (int k = 0; k < 8; k++)
            little[k] = (uint8_t)(bits >> (8 * k));
        buf_add(out, little, sizeof(little));
    }
}

static int file_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return dataset_not_found(q, e);
    if (rows_null(r, 0, 0))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such transfer");
    if (rows_null(r, 0, 2) && str_is(rows_text(r, 0, 0), "preparing")) {
        e->retry_after = RETRY_AFTER_S;
        return err_set(e, ERR_TRANSFER_NOT_READY, "the transfer is still being prepared");
    }
    if (rows_null(r, 0, 2))
        return err_set(e, ERR_NOT_FOUND, "the transfer has no such vector");
    size_t n = (size_t)rows_i64(r, 0, 1);
    double *v = arena_alloc(q->arena, n * sizeof(*v));
    if (!v)
        return err_set(e, ERR_NO_MEMORY, "no memory for a vector");
    if (!rows_doubles(r, 0, 2, v, n))
        return err_set(e, ERR_INTERNAL, "the vector has another dimension");
    q->res.status = 200;
    q->res.content_type = "application/octet-stream";
    write_npy(v, n, &q->res.body);
    return 0;
}

const struct operation op_create_transfer = {
    .bind = create_bind, .render = create_render, .body_size = sizeof(struct transfer_body)};
const struct operation op_list_transfers = {.bind = list_bind, .render = list_render};
const struct operation op_get_transfer = {.bind = get_bind, .render = get_render};
const struct operation op_get_transfer_file = {.bind = file_bind, .render = file_render};
