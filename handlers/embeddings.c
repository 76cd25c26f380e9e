/* Embeddings in the shape of the OpenAI API: for clients that have it already. */
#include <stdio.h>

#include "handlers/declared.h"
#include "handlers/encode.h"
#include "handlers/operations.h"
#include "handlers/vectors.h"
#include "server/base/cleanup.h"
#include "server/domain/vector.h"
#include "server/json/write.h"

enum { NODES_MAX = 4096 };

/* `input` is a list of strings or one string; a field table describes one of the two. */
struct embeddings_body {
    struct list input;
    struct str single;
    struct str model, encoding_format, user;
    struct opt_int dimensions;
};

#define OTHER_FIELDS                                                                               \
    {FIELD_STRING, "model", .offset = offsetof(struct embeddings_body, model), .min = 1,           \
     .max = NAME_CHARS_MAX},                                                                       \
        {FIELD_ENUM, "encoding_format",                                                            \
         .offset = offsetof(struct embeddings_body, encoding_format), .values = encoding_formats}, \
        {FIELD_INT, "dimensions", .offset = offsetof(struct embeddings_body, dimensions),          \
         .min = 1, .max = ENCODER_DIMENSION_MAX},                                                  \
        {FIELD_STRING, "user", .offset = offsetof(struct embeddings_body, user), .max = 200},      \
    {                                                                                              \
        .type = FIELD_END                                                                          \
    }

const struct field embeddings_fields[] = {
    {FIELD_STRINGS, "input", .required = true, .offset = offsetof(struct embeddings_body, input),
     .min = 1, .max = INPUT_TEXTS_MAX, .len_max = INPUT_CHARS_MAX},
    OTHER_FIELDS,
};

static const struct field single_fields[] = {
    {FIELD_STRING, "input", .required = true, .offset = offsetof(struct embeddings_body, single),
     .min = 1, .max = INPUT_CHARS_MAX},
    OTHER_FIELDS,
};

static bool input_is_no_string(const struct err *e)
{
    for (int i = 0; i < e->n_fields; i++)
        if (strcmp(e->fields[i].pointer, "/input") == 0 &&
            strncmp(e->fields[i].detail, "must be a string", 16) == 0)
            return true;
    return false;
}

/* OpenAI takes arrays of token numbers too; which tokens they are depends on the model. */
static void explain_tokens(struct err *e)
{
    for (int i = 0; i < e->n_fields; i++) {
        struct err_field *f = &e->fields[i];
        if (strncmp(f->pointer, "/input/", 7) == 0 &&
            strncmp(f->detail, "must be a string", 16) == 0)
            (void)snprintf(f->detail, sizeof(f->detail),
                           "must be a string: arrays of tokens are not taken");
    }
}

static int decode(struct req *q, struct op_state *s, struct err *e)
{
    struct embeddings_body *b = s->body;
    struct err as_list = {0}, as_single = {0};
    if (json_decode(q->body, embeddings_fields, NODES_MAX, q->arena, b, sizeof(*b), &as_list) == 0)
        return 0;
    if (as_list.code == ERR_VALIDATION &&
        json_decode(q->body, single_fields, NODES_MAX, q->arena, b, sizeof(*b), &as_single) == 0) {
        b->input = (struct list){true, 1, &b->single};
        return 0;
    }
    bool single = as_single.code != ERR_NONE && !input_is_no_string(&as_single);
    *e = single ? as_single : as_list;
    explain_tokens(e);
    return -1;
}

/* `model` names the encoder, or is the model that an encoder serves. */
static struct encoder *choose(const struct app *app, struct str model, struct err *e)
{
    for (int i = 0; model.p && i < app->n_encoders; i++) {
        const struct encoder_settings *s = encoder_get_settings(app->encoders[i]);
        if (s->model && str_is(model, s->model))
            return app->encoders[i];
    }
    return declared_encoder(app, model, "/model", e);
}

static int check_vectors(const struct encoded *x, struct err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/input/%zu", i);
        if (x->reason[i])
            (void)err_field(e, pointer, "has no vector: %s", x->reason[i]);
    }
    return e->code == ERR_NONE ? 0 : -1;
}

/* Fewer dimensions are the first ones, at unit length, of models that are made for that. */
static int shorten(struct encoded *x, const struct encoder_settings *s, struct opt_int wanted,
                   struct err *e)
{
    size_t from = (size_t)x->dimension, to = (size_t)wanted.v;
    if (!wanted.set || !x->dimension || to == from)
        return 0;
    if (to > from || !s->matryoshka)
        return err_field(e, "/dimensions", "must be the encoder's, which is %d%s", x->dimension,
                         s->matryoshka ? ", or less" : "");
    for (size_t i = 0; i < x->n; i++) {
        memmove(x->vectors + i * to, x->vectors + i * from, to * sizeof(float));
        if (!vector_normalise(x->vectors + i * to, to))
            return err_field(e, "/dimensions", "leaves nothing of text %zu", i);
    }
    x->dimension = (int)to;
    return 0;
}

static void render(struct req *q, const struct encoded *x, struct str model, bool base64)
{
    struct buf *b = &q->res.body;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "object");
    json_z(b, "list");
    json_key(b, "data");
    json_open(b, '[');
    for (size_t i = 0; i < x->n; i++) {
        json_open(b, '{');
        json_key(b, "object");
        json_z(b, "embedding");
        json_key(b, "index");
        json_int(b, (int64_t)i);
        json_key(b, "embedding");
        vector_write(x->vectors + i * (size_t)x->dimension, x->dimension, base64, b);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_key(b, "model");
    json_str(b, model);
    json_key(b, "usage");
    json_open(b, '{');
    json_key(b, "prompt_tokens");
    json_int(b, x->tokens);
    json_key(b, "total_tokens");
    json_int(b, x->tokens);
    json_close(b, '}');
    json_close(b, '}');
}

static int work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct embeddings_body *body = op_body(q);
    _cleanup_(encoded_free) struct encoded x = {0};
    struct encoder *encoder = choose(ctx->app, body->model, e);
    if (!encoder || encode_check(&body->input, e) < 0 ||
        encode_texts(ctx, encoder, body->input.items, body->input.n, &x, e) < 0 ||
        check_vectors(&x, e) < 0 ||
        shorten(&x, encoder_get_settings(encoder), body->dimensions, e) < 0)
        return -1;
    struct str model = str_of(encoder_get_settings(encoder)->model);
    render(q, &x, model.p ? model : STR(""), encoding_is_base64(body->encoding_format));
    return 0;
}

const struct operation op_create_embeddings = {
    .work = work, .decode = decode, .body_size = sizeof(struct embeddings_body)};
