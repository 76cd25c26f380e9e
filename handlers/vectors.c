#include "handlers/vectors.h"

#include <stdlib.h>

#include "handlers/base64.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/domain/moments.h"
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
                    "must be none, mean_shift or the id of a prepared transfer (32 digits)");
    return -2;
}

bool encoding_is_base64(struct str format)
{
    return format.p && str_is(format, encoding_formats[FORMAT_BASE64]);
}

static const char *keep(struct req *q, struct str s)
{
    return s.p ? arena_dup(q->arena, s.p, s.n) : NULL;
}

static int take_mean(struct req *q, const struct rows *r, struct prepared *p, struct err *e)
{
    size_t n = (size_t)p->dimension;
    p->transfer.n = n;
    if (p->transfer.method == TRANSFER_NONE)
        return 0;
    double *mean = arena_alloc(q->arena, n * sizeof(*mean));
    if (!mean)
        return err_set(e, ERR_NO_MEMORY, "no memory for a mean vector");
    if (!rows_doubles(r, 0, 3, mean, n))
        return err_set(e, ERR_INTERNAL, "the transfer's mean has another dimension");
    p->transfer.mean = mean;
    return 0;
}

static int take_row(struct req *q, const struct rows *r, struct prepared *p, struct err *e)
{
    int method = transfer_parse(rows_text(r, 0, 1), "/transfer", e);
    if (method < 0)
        return -1;
    p->transfer.method = (enum transfer_method)method;
    p->id = keep(q, rows_text(r, 0, 0));
    p->moments = keep(q, rows_text(r, 0, 2));
    p->encoder_id = keep(q, rows_text(r, 0, 4));
    p->encoder = arena_str(q->arena, rows_text(r, 0, 5));
    p->kind = arena_str(q->arena, rows_text(r, 0, 6));
    p->model = arena_str(q->arena, rows_text(r, 0, 7));
    p->dimension = (int)rows_i64(r, 0, 8);
    if (!p->id || !p->encoder_id || !p->encoder.p || !p->kind.p || !p->model.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the transfer");
    if (p->dimension < 1 || p->dimension > ENCODER_DIMENSION_MAX)
        return err_set(e, ERR_INTERNAL, "an encoder of dimension %d", p->dimension);
    return take_mean(q, r, p, e);
}

static int not_ready(int method, struct str why, struct err *e)
{
    if (method < 0)
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such prepared transfer");
    if (why.p && str_starts(why, STR("fewer than two")))
        return err_set(e, ERR_TOO_FEW_VECTORS, "the transfer could not be prepared: " STR_FMT,
                       STR_ARG(why));
    return err_set(e, ERR_TRANSFER_NOT_READY,
                   "no transfer \"%s\" is ready: a run with the representations stage prepares it",
                   transfer_methods[method]);
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
    call_z(&c, OWNER);
    if (bind_copy(q, &c, dataset, e) < 0 || bind_copy(q, &c, method < 0 ? none : transfer, e) < 0 ||
        bind_copy(q, &c, method < 0 ? transfer : none, e) < 0 || bind_copy(q, &c, encoder, e) < 0 ||
        db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such dataset");
    if (rows_null(rows, 0, 0))
        return not_ready(method, rows_text(rows, 0, 9), e);
    return take_row(q, rows, p, e);
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
    if (p->moments) {
        json_key(b, "moments");
        json_z(b, p->moments);
    }
    json_key(b, "inference");
    transfer_inference_json(p->transfer.method, b);
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

void representation_write(const struct prepared *p, const float *embedding, float *out,
                          struct buf *b)
{
    static const uint8_t key[TRANSFER_KEY_BYTES]; /* noise alone looks at it */
    if (!transfer_apply(&p->transfer, key, embedding, out)) {
        item_error_write("zero_difference", "the embedding equals the mean, nothing is left of it",
                         b);
        return;
    }
    json_key(b, p->base64 ? "vector_base64" : "vector");
    vector_write(out, p->dimension, p->base64, b);
}

void representation_write_stored(const struct prepared *p, struct str bytes, float *scratch,
                                 struct buf *b)
{
    size_t n = (size_t)p->dimension;
    if (vector_decode_unit((const uint8_t *)bytes.p, bytes.n, scratch, n))
        representation_write(p, scratch, scratch + n, b);
    else
        item_error_write("unreadable", "the stored vector does not have the encoder's form", b);
}
