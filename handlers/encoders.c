/* The declared encoders and the versions of their vectors. */
#include "handlers/encoder_versions.h"

#include <stdlib.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/encode.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/domain/probes.h"
#include "server/json/write.h"

/* Columns of encoders_list. */
enum {
    COL_NAME,
    COL_ID,
    COL_KIND,
    COL_MODEL,
    COL_REVISION,
    COL_WEIGHTS,
    COL_DIMENSION,
    COL_VERSION,
    COL_CREATED,
    COL_COSINE,
    COL_CHECKED,
};

static struct encoder *named(const struct req *q, struct err *e)
{
    struct encoder *c = encoder_named(q->app, q->params[0]);
    if (!c)
        (void)err_set(e, ERR_NOT_FOUND, "there is no encoder of that name");
    return c;
}

struct encoder_identity encoder_identity_of(struct encoder *c, int dimension, int64_t version)
{
    const struct encoder_settings *s = encoder_get_settings(c);
    return (struct encoder_identity){.name = str_of(s->name),
                                     .kind = str_of(s->kind),
                                     .model = str_of(s->model),
                                     .revision = str_of(s->revision),
                                     .weights = str_of(encoder_weights_hash(c)),
                                     .dimension = dimension,
                                     .version = version};
}

void call_declared(struct db_call *c, struct encoder *encoder)
{
    const struct encoder_settings *s = encoder_get_settings(encoder);
    call_z(c, s->kind);
    call_z(c, s->model);
    call_z(c, s->revision ? s->revision : "");
    call_z(c, encoder_weights_hash(encoder));
    call_i64(c, s->dimension);
}

int encoder_version_find(struct req *q, struct work_ctx *ctx, struct encoder *c,
                         struct encoder_version *out, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call call;
    *out = (struct encoder_version){0};
    call_init(&call, STMT_ENCODER_CURRENT);
    call_z(&call, encoder_get_settings(c)->name);
    call_declared(&call, c);
    if (db_run(ctx->db, &call, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    struct str id = rows_text(rows, 0, 0), probes = rows_bytes(rows, 0, 3);
    out->id = arena_dup(q->arena, id.p, id.n);
    out->dimension = (int)rows_i64(rows, 0, 1);
    out->number = rows_i64(rows, 0, 2);
    out->probes = probes.p ? arena_str(q->arena, probes) : probes;
    out->changed = rows_bool(rows, 0, 4);
    return out->id ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for an encoder version");
}

const char *encoder_version_declare(struct req *q, struct work_ctx *ctx, struct encoder *c,
                                    size_t dimension, struct err *e)
{
    struct encoder_identity x = encoder_identity_of(c, (int)dimension, 1);
    uint8_t digest[RECIPE_ID_BYTES];
    struct db_call call;
    encoder_version_id(&x, digest);
    const char *id = hex_text(q, digest, sizeof(digest));
    if (!id) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for an encoder version");
        return NULL;
    }
    call_init(&call, STMT_ENCODER_DECLARE);
    call_z(&call, id);
    call_text(&call, x.name);
    call_text(&call, x.kind);
    call_z(&call, x.model.p ? x.model.p : "");
    call_i64(&call, x.dimension);
    call_z(&call, x.revision.p ? x.revision.p : "");
    call_z(&call, x.weights.p ? x.weights.p : "");
    return db_run(ctx->db, &call, NULL, e) < 0 ? NULL : id;
}

static bool is_of(const struct rows *r, int i, struct encoder *c)
{
    const struct encoder_settings *s = encoder_get_settings(c);
    return str_is(rows_text(r, i, COL_NAME), s->name) &&
           str_is(rows_text(r, i, COL_KIND), s->kind) &&
           str_eq(rows_text(r, i, COL_MODEL), str_of(s->model)) &&
           str_eq(rows_text(r, i, COL_REVISION), str_of(s->revision)) &&
           str_is(rows_text(r, i, COL_WEIGHTS), encoder_weights_hash(c)) &&
           (s->dimension == 0 || rows_i64(r, i, COL_DIMENSION) == s->dimension);
}

/* The row of the version that runs use from now on; -1: there is none yet. */
static int current_row(const struct rows *r, struct encoder *c)
{
    int found = -1;
    for (int i = 0; i < rows_count(r); i++)
        if (is_of(r, i, c) &&
            (found < 0 || rows_i64(r, i, COL_VERSION) >= rows_i64(r, found, COL_VERSION)))
            found = i;
    return found;
}

static void write_text(const struct rows *r, int i, const char *name, int col, struct buf *b)
{
    struct str text = rows_text(r, i, col);
    if (text.n == 0)
        return;
    json_key(b, name);
    json_str(b, text);
}

static void write_version(const struct rows *r, int i, bool current, struct buf *b)
{
    bool changed = !rows_null(r, i, COL_COSINE) && rows_double(r, i, COL_COSINE) < PROBE_COSINE_MIN;
    json_open(b, '{');
    write_text(r, i, "id", COL_ID, b);
    json_key(b, "version");
    json_int(b, rows_i64(r, i, COL_VERSION));
    json_key(b, "state");
    json_z(b, !current ? "kept" : changed ? "changed" : "current");
    write_text(r, i, "kind", COL_KIND, b);
    write_text(r, i, "model", COL_MODEL, b);
    write_text(r, i, "revision", COL_REVISION, b);
    write_text(r, i, "weights", COL_WEIGHTS, b);
    json_key(b, "dimension");
    json_int(b, rows_i64(r, i, COL_DIMENSION));
    write_text(r, i, "created_at", COL_CREATED, b);
    if (!rows_null(r, i, COL_COSINE)) {
        json_key(b, "smallest_cosine");
        json_double(b, rows_double(r, i, COL_COSINE));
    }
    write_text(r, i, "agreed_at", COL_CHECKED, b);
    json_close(b, '}');
}

static void write_encoder(struct encoder *c, const struct rows *r, struct buf *b)
{
    const char *name = encoder_get_settings(c)->name;
    int current = current_row(r, c);
    encoder_describe(c, b);
    if (b->failed)
        return;
    b->n--; /* the closing brace */
    if (current >= 0)
        write_text(r, current, "current", COL_ID, b);
    json_key(b, "versions");
    json_open(b, '[');
    for (int i = 0; i < rows_count(r); i++)
        if (str_is(rows_text(r, i, COL_NAME), name))
            write_version(r, i, i == current, b);
    json_close(b, ']');
    json_close(b, '}');
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    (void)q;
    (void)e;
    call_init(c, STMT_ENCODERS_LIST);
    call_null(c);
    return 0;
}

static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct app *app = q->app;
    struct buf *b = &q->res.body;
    (void)e;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int i = 0; i < app->n_encoders; i++)
        write_encoder(app->encoders[i], r, b);
    json_close(b, ']');
    json_close(b, '}');
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    struct encoder *encoder = named(q, e);
    if (!encoder)
        return -1;
    call_init(c, STMT_ENCODERS_LIST);
    call_z(c, encoder_get_settings(encoder)->name);
    return 0;
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    struct encoder *encoder = named(q, e);
    if (!encoder)
        return -1;
    res_json(q, 200);
    write_encoder(encoder, r, &q->res.body);
    return 0;
}

/* The vectors of the probe texts now. Whatever dimension was learned is learned again when the
 * encoder does not answer in it. */
static int ask(struct work_ctx *ctx, struct encoder *c, struct encoded *x, struct err *e)
{
    struct str texts[PROBES];
    struct err first = {0};
    for (int i = 0; i < PROBES; i++)
        texts[i] = str_of(probe_texts[i]);
    if (encode_texts(ctx, c, texts, PROBES, x, &first) == 0)
        return 0;
    encoded_free(x);
    encoder_forget_dimension(c);
    return encode_texts(ctx, c, texts, PROBES, x, e);
}

static bool still_the_same(const struct encoder_version *v, const struct encoded *x)
{
    int compared = 0;
    if (!v->id || !v->probes.p || v->dimension != x->dimension)
        return false;
    double smallest = probes_compare(v->probes, x->vectors, (size_t)x->dimension, &compared);
    return compared > 0 && smallest >= PROBE_COSINE_MIN;
}

static int put_version(struct work_ctx *ctx, struct encoder *c, const struct encoded *x,
                       int64_t number, struct err *e)
{
    const struct encoder_settings *s = encoder_get_settings(c);
    struct encoder_identity identity = encoder_identity_of(c, x->dimension, number);
    uint8_t id[RECIPE_ID_BYTES];
    size_t n = 4 * PROBES * (size_t)x->dimension;
    uint8_t *bytes _cleanup_(freep) = malloc(n);
    struct db_call call;
    if (!bytes)
        return err_set(e, ERR_NO_MEMORY, "no memory for the vectors of an encoder version");
    probes_pack(x->vectors, (size_t)x->dimension, bytes);
    encoder_version_id(&identity, id);
    call_init(&call, STMT_ENCODER_REGISTER);
    call_bytes(&call, id, sizeof(id));
    call_z(&call, s->name);
    call_z(&call, s->kind);
    call_z(&call, s->model);
    call_i64(&call, x->dimension);
    call_z(&call, s->revision ? s->revision : "");
    call_z(&call, encoder_weights_hash(c));
    call_i64(&call, number);
    call_bytes(&call, bytes, n);
    return db_run(ctx->db, &call, NULL, e);
}

static int show(struct req *q, struct work_ctx *ctx, struct encoder *c, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call call;
    call_init(&call, STMT_ENCODERS_LIST);
    call_z(&call, encoder_get_settings(c)->name);
    if (db_run(ctx->db, &call, &rows, e) < 0)
        return -1;
    int current = current_row(rows, c);
    if (current < 0)
        return err_set(e, ERR_INTERNAL, "the encoder version is gone");
    res_json(q, 200);
    write_version(rows, current, true, &q->res.body);
    return 0;
}

static int version_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct encoder *c = named(q, e);
    _cleanup_(encoded_free) struct encoded x = {0};
    struct encoder_version known;
    if (!c || ask(ctx, c, &x, e) < 0 || encoder_version_find(q, ctx, c, &known, e) < 0)
        return -1;
    if (x.dimension <= 0 || !x.vectors)
        return err_set(e, ERR_PROVIDER, "the encoder answered no vector");
    if (!still_the_same(&known, &x) &&
        put_version(ctx, c, &x, known.id ? known.number + 1 : 1, e) < 0)
        return -1;
    return show(q, ctx, c, e);
}

const struct operation op_list_encoders = {.bind = list_bind, .render = list_render};
const struct operation op_get_encoder = {.bind = get_bind, .render = get_render};
const struct operation op_create_encoder_version = {.work = version_work};
