/* Texts in, synthetic representations out, at once. */
#include <stdio.h>

#include "handlers/declared.h"
#include "handlers/encode.h"
#include "handlers/encoder_versions.h"
#include "handlers/operations.h"
#include "handlers/vectors.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/domain/vector.h"
#include "server/json/write.h"

struct compute_body {
    struct list input;
    struct str dataset, encoder, transfer, encoding_format;
};

const struct field compute_fields[] = {
    {FIELD_STRINGS, "input", .required = true, .offset = offsetof(struct compute_body, input),
     .min = 1, .max = INPUT_TEXTS_MAX, .len_max = INPUT_CHARS_MAX},
    {FIELD_STRING, "dataset", .offset = offsetof(struct compute_body, dataset), .min = 1,
     .max = 63},
    {FIELD_STRING, "encoder", .offset = offsetof(struct compute_body, encoder), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_STRING, "transfer", .offset = offsetof(struct compute_body, transfer), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "encoding_format", .offset = offsetof(struct compute_body, encoding_format),
     .values = encoding_formats},
    {.type = FIELD_END},
};

/* How the dataset stores vectors; the default where there is none to store them. */
static int find_type(struct req *q, struct work_ctx *ctx, struct str dataset,
                     enum vector_type *type, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    *type = VECTOR_F16;
    if (!dataset.p)
        return 0;
    call_init(&c, STMT_DATASET_EXISTS);
    bind_caller(q, &c);
    if (bind_copy(q, &c, dataset, e) < 0 || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no dataset named \"" STR_FMT "\"",
                       STR_ARG(dataset));
    *type = vector_type_of(rows_text(rows, 0, 1));
    return 0;
}

/* The declared encoder that made the dataset's embeddings, of the very same version: vectors of
 * others have nothing to do with the transfer. */
static struct encoder *encoder_of(struct req *q, struct work_ctx *ctx, const struct prepared *p,
                                  struct err *e)
{
    struct encoder *encoder = encoder_named(ctx->app, p->encoder);
    struct encoder_version v;
    if (!encoder) {
        (void)err_set(e, ERR_CONFLICT,
                      "the dataset's encoder \"%.60s\" (%.100s) is not declared in this server",
                      p->encoder.p, p->model.p);
        return NULL;
    }
    if (encoder_version_find(q, ctx, encoder, &v, e) < 0)
        return NULL;
    if (!v.id || strcmp(v.id, p->encoder_id) != 0) {
        (void)err_set(e, ERR_CONFLICT,
                      "the transfer is for version %.32s of the encoder \"%.60s\", which is at "
                      "version %.32s now: a run with the representations stage prepares one",
                      p->encoder_id, p->encoder.p, v.id ? v.id : "none");
        return NULL;
    }
    if (v.changed) {
        (void)err_set(e, ERR_CONFLICT,
                      "the encoder \"%.60s\" does not answer the vectors of its version any more: "
                      "bring the model back, or make a new version",
                      p->encoder.p);
        return NULL;
    }
    return encoder;
}

/* The encoder, and in *p what its vectors go through. */
static struct encoder *prepare(struct req *q, struct work_ctx *ctx, struct prepared *p,
                               struct err *e)
{
    const struct compute_body *body = op_body(q);
    struct str transfer = body->transfer;
    if (!transfer.p)
        transfer = body->dataset.p ? STR("mean_shift") : STR("none");
    int method = transfer_parse(transfer, "/transfer", e);
    p->base64 = encoding_is_base64(body->encoding_format);
    if (method < -1)
        return NULL;
    if (method == TRANSFER_NONE)
        return declared_encoder(ctx->app, body->encoder, "/encoder", e);
    if (!body->dataset.p) {
        (void)err_field(e, "/dataset", "is required: the transfer uses a dataset's moments");
        return NULL;
    }
    if (prepared_find(q, ctx, body->dataset, transfer, body->encoder, p, e) < 0)
        return NULL;
    return encoder_of(q, ctx, p, e);
}

/* The version on record, or the first one. */
static const char *version_id(struct req *q, struct work_ctx *ctx, struct encoder *encoder,
                              int dimension, struct err *e)
{
    struct encoder_version v;
    struct encoder_identity first = encoder_identity_of(encoder, dimension, 1);
    uint8_t id[RECIPE_ID_BYTES];
    if (encoder_version_find(q, ctx, encoder, &v, e) < 0)
        return NULL;
    if (v.id && v.dimension == dimension)
        return v.id;
    encoder_version_id(&first, id);
    const char *text = hex_text(q, id, sizeof(id));
    if (!text)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the answer");
    return text;
}

/* Without a prepared transfer the version is known only from the answer. */
static int take_version(struct req *q, struct work_ctx *ctx, struct encoder *encoder, int dimension,
                        struct prepared *p, struct err *e)
{
    const struct encoder_settings *s = encoder_get_settings(encoder);
    if (p->id && dimension && dimension != p->dimension)
        return err_set(e, ERR_CONFLICT, "the encoder has %d dimensions now, the dataset's %d",
                       dimension, p->dimension);
    if (p->id)
        return 0;
    if (dimension <= 0)
        return err_set(e, ERR_PROVIDER, "the encoder answered no vector");
    p->encoder = str_of(s->name);
    p->kind = str_of(s->kind);
    p->model = s->model ? str_of(s->model) : STR("");
    p->dimension = dimension;
    p->transfer = (struct transfer){.method = TRANSFER_NONE, .n = (size_t)dimension};
    p->encoder_id = version_id(q, ctx, encoder, dimension, e);
    return p->encoder_id ? 0 : -1;
}

static int known_dimension(struct encoder *encoder, const struct encoded *x)
{
    return x->dimension ? x->dimension : encoder_dimension(encoder);
}

/* As if it had been stored, so that a text has the same representation either way. */
static void round_as_stored(enum vector_type type, struct encoded *x)
{
    uint8_t stored[4 * ENCODER_DIMENSION_MAX];
    size_t n = (size_t)x->dimension;
    if (!x->vectors || x->dimension > ENCODER_DIMENSION_MAX)
        return;
    for (size_t i = 0; i < x->n; i++) {
        float *v = x->vectors + i * n;
        vector_encode(type, v, n, stored);
        if (!x->reason[i])
            (void)vector_decode_unit(stored, vector_bytes(type, n), v, n);
    }
}

static void write_item(const struct encoded *x, size_t i, struct str text, const struct prepared *p,
                       float *out, struct buf *b)
{
    uint8_t key[TRANSFER_KEY_BYTES];
    float *v = x->vectors ? x->vectors + i * (size_t)p->dimension : NULL;
    json_open(b, '{');
    json_key(b, "index");
    json_int(b, (int64_t)i);
    if (x->reason[i] || !v) {
        item_error_write(x->reason[i], "the encoder has no vector for this text", b);
    } else {
        text_key(text, key);
        representation_write(p, key, v, out, b);
    }
    json_close(b, '}');
}

static int render_computed(struct req *q, const struct encoded *x, const struct prepared *p,
                           struct err *e)
{
    const struct compute_body *body = op_body(q);
    const struct str *texts = body->input.items;
    struct buf *b = &q->res.body;
    float *out = arena_alloc(q->arena, (size_t)p->dimension * sizeof(*out));
    if (!out)
        return err_set(e, ERR_NO_MEMORY, "no memory for a vector");
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (size_t i = 0; i < x->n; i++)
        write_item(x, i, texts[i], p, out, b);
    json_close(b, ']');
    prepared_write(p, b);
    json_close(b, '}');
    return 0;
}

static int compute_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct compute_body *body = op_body(q);
    _cleanup_(encoded_free) struct encoded x = {0};
    struct prepared p = {0};
    enum vector_type type;
    if (encode_check(&body->input, e) < 0 || find_type(q, ctx, body->dataset, &type, e) < 0)
        return -1;
    struct encoder *encoder = prepare(q, ctx, &p, e);
    if (!encoder || encode_texts(ctx, encoder, body->input.items, body->input.n, &x, e) < 0 ||
        take_version(q, ctx, encoder, known_dimension(encoder, &x), &p, e) < 0)
        return -1;
    round_as_stored(type, &x);
    return render_computed(q, &x, &p, e);
}

const struct operation op_compute_representations = {.work = compute_work,
                                                     .body_size = sizeof(struct compute_body)};
