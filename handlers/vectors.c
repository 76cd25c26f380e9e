#include "handlers/vectors.h"

#include <stdlib.h>

#include "handlers/base64.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/domain/inference.h"
#include "server/domain/transfer_parameters.h"
#include "server/domain/vector.h"
#include "server/json/write.h"

int transfer_parse(struct str text, const char *pointer, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    for (int i = 0; i < TRANSFER_METHOD_COUNT; i++)
        if (str_is(text, transfer_methods[i]))
            return i;
    if (seed_id_parse(text, id))
        return -1;
    (void)err_field(e, pointer,
                    "must be none, mean_shift, realign, noise or the id of a prepared transfer "
                    "(32 digits)");
    return -2;
}

bool encoding_is_base64(struct str format)
{
    return format.p && str_is(format, encoding_formats[FORMAT_BASE64]);
}

static const char *keep(struct arena *a, struct str s)
{
    return s.p ? arena_dup(a, s.p, s.n) : NULL;
}

/* Columns of transfer_resolve.sql. */
enum {
    COL_ID,
    COL_METHOD,
    COL_MOMENTS,
    COL_MEAN,
    COL_ENCODER_ID,
    COL_ENCODER,
    COL_KIND,
    COL_MODEL,
    COL_DIMENSION,
    COL_PARAMETERS,
    COL_IMAGE_MOMENTS,
    COL_IMAGE_MEAN,
    COL_SCALE,
    COL_CENTER,
    COL_STATE,
    COL_REASON
};

static int take_vector(struct arena *a, const struct rows *r, int col, size_t n, const double **out,
                       struct err *e)
{
    double *v = arena_alloc(a, n * sizeof(*v));
    if (!v)
        return err_set(e, ERR_NO_MEMORY, "no memory for the vectors of the transfer");
    if (!rows_doubles(r, 0, col, v, n))
        return err_set(e, ERR_INTERNAL, "a vector of the transfer has another dimension");
    *out = v;
    return 0;
}

static int take_constants(struct arena *a, const struct rows *r, struct prepared *p, struct err *e)
{
    struct transfer *t = &p->transfer;
    bool images = false;
    t->n = (size_t)p->dimension;
    if (transfer_parameters_read(p->parameters, a, t, &images, e) < 0)
        return -1;
    if ((t->method == TRANSFER_MEAN_SHIFT || t->method == TRANSFER_REALIGN || t->centred) &&
        take_vector(a, r, COL_MEAN, t->n, &t->mean, e) < 0)
        return -1;
    if (images && take_vector(a, r, COL_IMAGE_MEAN, t->n, &t->image_mean, e) < 0)
        return -1;
    if (t->method != TRANSFER_REALIGN)
        return 0;
    t->scale = rows_double(r, 0, COL_SCALE);
    return take_vector(a, r, COL_CENTER, t->n, &t->center, e);
}

int prepared_take(const struct rows *r, struct arena *a, struct prepared *p, struct err *e)
{
    int method = transfer_parse(rows_text(r, 0, COL_METHOD), "/transfer", e);
    if (method < 0)
        return -1;
    p->transfer.method = (enum transfer_method)method;
    p->id = keep(a, rows_text(r, 0, COL_ID));
    p->moments = keep(a, rows_text(r, 0, COL_MOMENTS));
    p->image_moments = keep(a, rows_text(r, 0, COL_IMAGE_MOMENTS));
    p->parameters = arena_str(a, rows_text(r, 0, COL_PARAMETERS));
    p->encoder_id = keep(a, rows_text(r, 0, COL_ENCODER_ID));
    p->encoder = arena_str(a, rows_text(r, 0, COL_ENCODER));
    p->kind = arena_str(a, rows_text(r, 0, COL_KIND));
    p->model = arena_str(a, rows_text(r, 0, COL_MODEL));
    p->dimension = (int)rows_i64(r, 0, COL_DIMENSION);
    if (!p->id || !p->encoder_id || !p->encoder.p || !p->kind.p || !p->model.p || !p->parameters.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the transfer");
    if (p->dimension < 1 || p->dimension > ENCODER_DIMENSION_MAX)
        return err_set(e, ERR_INTERNAL, "an encoder of dimension %d", p->dimension);
    return take_constants(a, r, p, e);
}

static int not_ready(int method, struct str state, struct str why, struct err *e)
{
    if (method < 0 && !state.p)
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such prepared transfer");
    if (why.p && str_starts(why, STR("fewer than two")))
        return err_set(e, ERR_TOO_FEW_VECTORS, "the transfer could not be prepared: " STR_FMT,
                       STR_ARG(why));
    if (method < 0)
        return err_set(e, ERR_TRANSFER_NOT_READY, "the transfer is " STR_FMT "%s" STR_FMT,
                       STR_ARG(state), why.p ? ": " : "", (int)why.n, why.p ? why.p : "");
    bool every_run = method == TRANSFER_NONE || method == TRANSFER_MEAN_SHIFT;
    return err_set(e, ERR_TRANSFER_NOT_READY, "no transfer \"%s\" is ready: %s prepares it",
                   transfer_methods[method],
                   every_run ? "a run with the representations stage"
                             : "POST to the dataset's transfers, or a run that names it,");
}

int prepared_find(struct req *q, struct work_ctx *ctx, struct str dataset, struct str transfer,
                  struct str encoder, struct prepared *p, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    const struct str none = {NULL, 0};
    struct db_call c;
    int method = transfer_parse(transfer, "?transfer", e);
    if (method < -1)
        return -1;
    call_init(&c, STMT_TRANSFER_RESOLVE);
    bind_caller(q, &c);
    if (bind_copy(q, &c, dataset, e) < 0 || bind_copy(q, &c, method < 0 ? none : transfer, e) < 0 ||
        bind_copy(q, &c, method < 0 ? transfer : none, e) < 0 || bind_copy(q, &c, encoder, e) < 0 ||
        db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such dataset");
    if (rows_null(rows, 0, 0))
        return not_ready(method, rows_text(rows, 0, COL_STATE), rows_text(rows, 0, COL_REASON), e);
    return prepared_take(rows, q->arena, p, e);
}

void prepared_write(const struct prepared *p, struct buf *b)
{
    json_key(b, "transfer");
    json_open(b, '{');
    if (p->id) {
        json_key(b, "id");
        json_z(b, p->id);
    }
    json_key(b, "method");
    json_z(b, transfer_methods[p->transfer.method]);
    if (p->parameters.p) {
        json_key(b, "parameters");
        json_raw(b, p->parameters);
    }
    if (p->moments) {
        json_key(b, "moments");
        json_z(b, p->moments);
    }
    if (p->image_moments) {
        json_key(b, "image_moments");
        json_z(b, p->image_moments);
    }
    json_key(b, "inference");
    transfer_inference_write(&p->transfer, b);
    json_key(b, "own_image_mean");
    json_bool(b, transfer_needs_own_images(&p->transfer));
    json_close(b, '}');
    json_key(b, "encoder");
    json_open(b, '{');
    json_key(b, "id");
    json_z(b, p->encoder_id);
    json_key(b, "name");
    json_str(b, p->encoder);
    json_key(b, "model");
    json_str(b, p->model);
    json_key(b, "dimension");
    json_int(b, p->dimension);
    json_key(b, "trial");
    json_bool(b, str_is(p->kind, "offline"));
    json_close(b, '}');
}

static void write_base64(const float *v, int n, struct buf *b)
{
    size_t bytes = (size_t)n * 4;
    _cleanup_(freep) uint8_t *little = malloc(bytes);
    if (!little) {
        b->failed = true;
        return;
    }
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], 4);
        for (int k = 0; k < 4; k++)
            little[4 * i + k] = (uint8_t)(bits >> (8 * k));
    }
    buf_addc(b, '"');
    base64_encode(b, little, bytes);
    buf_addc(b, '"');
}

void vector_write(const float *v, int n, bool base64, struct buf *b)
{
    if (base64) {
        write_base64(v, n, b);
        return;
    }
    json_open(b, '[');
    for (int i = 0; i < n; i++)
        json_float(b, v[i]);
    json_close(b, ']');
}

void item_error_write(const char *reason, const char *detail, struct buf *b)
{
    json_key(b, "error");
    json_open(b, '{');
    json_key(b, "reason");
    json_z(b, reason);
    json_key(b, "detail");
    json_z(b, detail);
    json_close(b, '}');
}

void text_key(struct str text, uint8_t key[TRANSFER_KEY_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256(text, digest);
    memcpy(key, digest, TRANSFER_KEY_BYTES);
}

void representation_write(const struct prepared *p, const uint8_t key[TRANSFER_KEY_BYTES],
                          const float *embedding, float *out, struct buf *b)
{
    if (!transfer_apply(&p->transfer, key, embedding, out)) {
        item_error_write("zero_difference", "the embedding equals the mean, nothing is left of it",
                         b);
        return;
    }
    json_key(b, p->base64 ? "vector_base64" : "vector");
    vector_write(out, p->dimension, p->base64, b);
}

void representation_write_stored(const struct prepared *p, struct str caption, struct str bytes,
                                 float *scratch, struct buf *b)
{
    uint8_t key[TRANSFER_KEY_BYTES];
    size_t n = (size_t)p->dimension;
    if (caption_id_parse(caption, key, key + SEED_ID_BYTES) &&
        vector_decode_unit((const uint8_t *)bytes.p, bytes.n, scratch, n))
        representation_write(p, key, scratch, scratch + n, b);
    else
        item_error_write("unreadable", "the stored vector does not have the encoder's form", b);
}
