/* The image side of transfers: moments that are given, or computed from vectors that are sent. */
#include "handlers/image_moments.h"

#include <math.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/encoder_versions.h"
#include "handlers/image_upload.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/precondition.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/json/write.h"

enum { MEAN_BYTES = 1 << 20, VERSION_ATTEMPTS = 8, MEAN_NODES = ENCODER_DIMENSION_MAX + 64 };
#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

/* Unit vectors have |mean|^2 + trace = 1; further off than this, something else was averaged. */
static const double unit_tolerance = 0.01;
static const struct str default_label = {"default", 7};

struct moments_body {
    struct list mean;
    struct opt_number trace;
    struct opt_int count;
    struct str label;
};

const struct field image_moments_fields[] = {
    {FIELD_NUMBERS, "mean", .required = true, .offset = offsetof(struct moments_body, mean),
     .min = 1, .max = ENCODER_DIMENSION_MAX},
    {FIELD_NUMBER, "trace", .required = true, .offset = offsetof(struct moments_body, trace),
     .max = 1000000},
    {FIELD_INT, "count", .required = true, .offset = offsetof(struct moments_body, count), .min = 2,
     .max = SAFE_INTEGER_MAX},
    {FIELD_STRING, "label", .offset = offsetof(struct moments_body, label), .min = 1,
     .max = IMAGE_LABEL_MAX},
    {.type = FIELD_END},
};

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool image_label_is_valid(struct str label)
{
    uint8_t id[SEED_ID_BYTES];
    if (label.n == 0 || label.n > IMAGE_LABEL_MAX || !is_letter_or_digit(label.p[0]))
        return false;
    for (size_t i = 1; i < label.n; i++)
        if (!is_letter_or_digit(label.p[i]) && !memchr("._-", label.p[i], 3))
            return false;
    return !seed_id_parse(label, id);
}

static int bad_reference(const char *pointer, struct err *e)
{
    return err_field(e, pointer, "must be a label, label@version or an id of 32 digits");
}

int bind_image_moments(struct req *q, struct db_call *c, struct str reference, const char *pointer,
                       struct err *e)
{
    const struct str none = {NULL, 0};
    uint8_t id[SEED_ID_BYTES];
    int64_t version = 0;
    if (!reference.p || seed_id_parse(reference, id)) {
        call_null(c);
        call_null(c);
        return bind_copy(q, c, reference.p ? reference : none, e);
    }
    const char *at = memchr(reference.p, '@', reference.n);
    struct str label = {reference.p, at ? (size_t)(at - reference.p) : reference.n};
    if (at && !str_to_i64(str_from(reference, label.n + 1), 1, IMAGE_VERSION_MAX, &version))
        return bad_reference(pointer, e);
    if (!image_label_is_valid(label))
        return bad_reference(pointer, e);
    if (bind_copy(q, c, label, e) < 0)
        return -1;
    if (at)
        call_i64(c, version);
    else
        call_null(c);
    call_null(c);
    return 0;
}

static int no_encoder(struct req *q, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no encoder named \"%.*s\"",
                   (int)(q->params[0].n < 64 ? q->params[0].n : 64), q->params[0].p);
}

/* Of a declared encoder that nobody has used yet. */
static int declare_version(struct req *q, struct work_ctx *ctx, struct encoder *encoder,
                           struct image_side *s, struct err *e)
{
    s->dimension = (size_t)encoder_dimension(encoder);
    if (s->dimension == 0)
        return err_set(
            e, ERR_CONFLICT,
            "nobody has used the encoder yet, so that its dimension is not known: ask it "
            "for an embedding first");
    s->encoder = encoder_version_declare(q, ctx, encoder, s->dimension, e);
    return s->encoder ? 0 : -1;
}

/* The last version of an encoder that is not declared any more. */
static int find_past(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_ENCODER_NEWEST);
    if (bind_copy(q, &c, q->params[0], e) < 0 || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return no_encoder(q, e);
    struct str id = rows_text(rows, 0, 0);
    s->encoder = arena_dup(q->arena, id.p, id.n);
    s->dimension = (size_t)rows_i64(rows, 0, 1);
    return s->encoder ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for the encoder");
}

/* The version that embeds texts now. */
static int find_encoder(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e)
{
    struct encoder *encoder = encoder_named(q->app, q->params[0]);
    struct encoder_version v;
    if (!encoder)
        return find_past(q, ctx, s, e);
    if (encoder_version_find(q, ctx, encoder, &v, e) < 0)
        return -1;
    if (!v.id)
        return declare_version(q, ctx, encoder, s, e);
    s->encoder = v.id;
    s->dimension = (size_t)v.dimension;
    return 0;
}

static int check_label(struct str label, const char *pointer, struct err *e)
{
    if (image_label_is_valid(label))
        return 0;
    return err_field(e, pointer,
                     "must match ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ and not look like an id");
}

static int check_query_label(const struct req *q, struct err *e)
{
    const struct query_value *label = req_query(q, "label");
    return label->set ? check_label(label->text, "?label", e) : 0;
}

static int take_body(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e)
{
    (void)ctx;
    const struct moments_body *b = op_body(q);
    s->label = b->label.p ? b->label : default_label;
    if (check_label(s->label, "/label", e) < 0)
        return -1;
    if (b->mean.n != s->dimension) {
        (void)err_field(e, "/mean", "has %zu values, the encoder's vectors have %zu", b->mean.n,
                        s->dimension);
        return -1;
    }
    s->mean = b->mean.items;
    s->trace = b->trace.v;
    s->count = b->count.v;
    s->source = "moments";
    return 0;
}

static int take_upload(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e)
{
    const struct query_value *label = req_query(q, "label");
    s->label = label->set ? label->text : default_label;
    if (check_query_label(q, e) < 0)
        return -1;
    return image_upload_read(q, ctx, s, e);
}

static int store(struct req *q, struct work_ctx *ctx, const struct image_side *s,
                 struct rows **rows, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    struct array *mean = op_array(q, ARRAY_FLOAT8, MEAN_BYTES);
    struct db_call c;
    random_bytes(id, sizeof(id));
    for (size_t i = 0; i < s->dimension; i++)
        array_add_double(mean, s->mean[i]);
    call_init(&c, STMT_IMAGE_MOMENTS_PUT);
    call_bytes(&c, id, sizeof(id));
    call_z(&c, s->encoder);
    if (bind_copy(q, &c, s->label, e) < 0)
        return -1;
    call_i64(&c, s->count);
    if (op_call_array(&c, mean, e) < 0)
        return -1;
    call_double(&c, s->trace);
    call_z(&c, s->source);
    if (s->sample.rows)
        call_bytes(&c, s->sample.bytes, s->sample.rows * s->sample.row_bytes);
    else
        call_null(&c);
    if (precondition_bind(q, &c, e) < 0)
        return -1;
    for (int attempt = 0;; attempt++) {
        struct err failed = {0};
        if (db_run(ctx->db, &c, rows, &failed) == 0)
            return 0;
        if (failed.code != ERR_CONFLICT || attempt == VERSION_ATTEMPTS) {
            *e = failed;
            return -1;
        }
    }
}

static void write_warning(const struct image_side *s, struct buf *b)
{
    double squares = 0;
    for (size_t i = 0; i < s->dimension; i++)
        squares += s->mean[i] * s->mean[i];
    if (fabs(squares + s->trace - 1) <= unit_tolerance)
        return;
    json_key(b, "warning");
    json_z(b,
           "these are not the moments of vectors of length one, whose squared mean and trace add "
           "up to 1: normalise the vectors before they are averaged");
}

/* Makes the next version of what `take` reads from the request. */
static int make(struct req *q, struct work_ctx *ctx,
                int (*take)(struct req *, struct work_ctx *, struct image_side *, struct err *),
                struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    _cleanup_(image_side_free) struct image_side s = {0};
    struct buf *b = &q->res.body;
    if (find_encoder(q, ctx, &s, e) < 0 || take(q, ctx, &s, e) < 0 ||
        store(q, ctx, &s, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return precondition_failed(e);
    res_json(q, 201);
    buf_adds(b, rows_text(rows, 0, 0));
    b->n -= b->n > 0; /* the closing brace */
    image_upload_write(&s, b);
    write_warning(&s, b);
    json_close(b, '}');
    return 0;
}

static int put_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return make(q, ctx, take_body, e);
}

static int import_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return make(q, ctx, take_upload, e);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p =
        page_read(q, "qut", "2147483647|00000000000000000000000000000000|", 100, e);
    if (!p)
        return -1;
    call_init(c, STMT_IMAGE_MOMENTS_LIST);
    if (bind_copy(q, c, q->params[0], e) < 0)
        return -1;
    call_z(c, p->parts[2]);
    call_z(c, p->parts[0]);
    call_z(c, p->parts[1]);
    if (check_query_label(q, e) < 0 || bind_query(q, c, "label", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0 && !encoder_named(q->app, q->params[0]))
        return no_encoder(q, e);
    return page_render_global(q, r, e);
}

const struct operation op_put_image_moments = {
    .work = put_work, .body_size = sizeof(struct moments_body), .max_nodes = MEAN_NODES};
const struct operation op_import_image_moments = {.work = import_work};
const struct operation op_list_image_moments = {.bind = list_bind, .render = list_render};
