/* The import of embeddings that were made elsewhere: a safetensors file with the ids of the
 * captions, or lines of ids and an .npy file behind them. Memory is for the ids, the vectors pass
 * by. */
#include <stdio.h>
#include <stdlib.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/encoder_versions.h"
#include "handlers/import.h"
#include "handlers/import_stream.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/domain/vector.h"
#include "server/json/write.h"
#include "server/tensor/stream.h"

enum {
    HEAD_BYTES = 8, /* tell what the stream is */
    LINE_BYTES_MAX = 200,
    ROWS_MAX = 8 << 20,
    BATCH_BYTES = 2 << 20,
    COLUMN_BYTES_MAX = 16 << 20,
    CHUNK_BYTES = 65536,
    KEY_BYTES = SEED_ID_BYTES + CAPTION_HASH_BYTES,
    KEY_NUMBERS = KEY_BYTES / 8,
};

/* A caption's id in binary, unless what was given is none. */
struct row_id {
    uint8_t key[KEY_BYTES];
    bool good;
};

enum form { FORM_UNKNOWN, FORM_LINES, FORM_FILE };

struct vector_import {
    struct import m;
    struct import_counts counts;
    struct err fault;
    struct import_stream stream;
    char chunk[CHUNK_BYTES];
    enum form form;
    bool lines; /* the ids came as lines */
    char head[HEAD_BYTES];
    size_t n_head;
    char line[LINE_BYTES_MAX];
    size_t n_line;
    struct row_id *ids;
    size_t n_ids, room;
    struct tensor_stream *file;
    enum tensor_dtype id_dtype;
    struct encoder *encoder;
    const char *encoder_id; /* of its version; NULL: there is none yet */
    size_t dimension;       /* 0: not known yet */
    enum vector_type type;
    float *vector;
    uint8_t *stored;
    struct array seeds, hashes, vectors;
    int64_t rows[IMPORT_BATCH_ROWS]; /* of the batch, by their places */
};

/* ---- ids ---- */

static struct row_id *new_id(struct vector_import *v, struct err *e)
{
    if (v->n_ids == ROWS_MAX) {
        (void)err_set(e, ERR_VALIDATION, "one import may have %d rows: send several", ROWS_MAX);
        return NULL;
    }
    if (v->n_ids == v->room) {
        size_t room = v->room ? 2 * v->room : 1024;
        struct row_id *more = reallocarray(v->ids, room, sizeof(*more));
        if (!more) {
            (void)err_set(e, ERR_NO_MEMORY, "no memory for the ids");
            return NULL;
        }
        v->ids = more;
        v->room = room;
    }
    struct row_id *id = &v->ids[v->n_ids++];
    *id = (struct row_id){0};
    return id;
}

static int take_text(struct vector_import *v, struct str text, struct err *e)
{
    struct row_id *id = new_id(v, e);
    if (!id)
        return -1;
    id->good = caption_id_parse(text, id->key, id->key + SEED_ID_BYTES);
    return 0;
}

/* Three numbers, little-endian in the file, big-endian in the id. */
static int take_numbers(struct vector_import *v, struct str numbers, struct err *e)
{
    struct row_id *id = new_id(v, e);
    if (!id)
        return -1;
    for (int i = 0; i < KEY_BYTES; i++)
        id->key[i] = (uint8_t)numbers.p[i / 8 * 8 + 7 - i % 8];
    id->good = true;
    return 0;
}

static int on_id(void *ctx, int64_t row, struct str bytes, struct err *e)
{
    struct vector_import *v = ctx;
    (void)row;
    return v->id_dtype == TENSOR_I64 ? take_numbers(v, bytes, e) : take_text(v, bytes, e);
}

/* ---- rows ---- */

static int dataset_gone(struct vector_import *v)
{
    return err_set(&v->fault, ERR_NOT_FOUND, "the dataset was deleted meanwhile");
}

/* "3,17": rows of the batch whose caption is not there. Their number. */
static int64_t refuse_places(struct vector_import *v, struct str places)
{
    int64_t n = 0, place;
    while (places.n) {
        struct str one = str_next(&places, ',');
        if (str_to_i64(one, 1, v->m.rows, &place)) {
            import_refuse(&v->m, v->rows[place - 1], "unknown_id",
                          "the dataset has no such caption");
            n++;
        }
    }
    return n;
}

static int store(struct vector_import *v)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct err *e = &v->fault;
    struct db_call c;
    if (v->m.rows == 0)
        return 0;
    call_init(&c, STMT_EMBEDDINGS_PUT);
    bind_caller(v->m.q, &c);
    call_z(&c, v->m.dataset);
    call_z(&c, v->encoder_id);
    if (op_call_array(&c, &v->seeds, e) < 0 || op_call_array(&c, &v->hashes, e) < 0 ||
        op_call_array(&c, &v->vectors, e) < 0 || request_pool_run(v->m.ctx, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_gone(v);
    int64_t created = rows_i64(rows, 0, 0), unknown = refuse_places(v, rows_text(rows, 0, 2));
    v->counts.created += created;
    v->counts.duplicate += v->m.rows - unknown - created;
    v->counts.differs += rows_i64(rows, 0, 1);
    array_reset(&v->seeds);
    array_reset(&v->hashes);
    array_reset(&v->vectors);
    v->m.rows = 0;
    return 0;
}

static int add(struct vector_import *v, int64_t row, const struct row_id *id)
{
    size_t bytes = vector_bytes(v->type, v->dimension);
    vector_encode(v->type, v->vector, v->dimension, v->stored);
    array_add(&v->seeds, (struct str){(const char *)id->key, SEED_ID_BYTES});
    array_add(&v->hashes, (struct str){(const char *)id->key + SEED_ID_BYTES, CAPTION_HASH_BYTES});
    array_add(&v->vectors, (struct str){(const char *)v->stored, bytes});
    v->rows[v->m.rows++] = row;
    return v->m.rows < IMPORT_BATCH_ROWS && v->vectors.b.n < BATCH_BYTES ? 0 : store(v);
}

static int on_row(void *ctx, int64_t row, const float *values, bool finite, struct err *e)
{
    struct vector_import *v = ctx;
    if (!v->lines && (size_t)row >= v->n_ids)
        return err_set(e, ERR_INTERNAL, "a row came before its id");
    const struct row_id *id = &v->ids[row];
    v->counts.received++;
    memcpy(v->vector, values, v->dimension * sizeof(*values));
    if (!id->good)
        import_refuse(&v->m, row, "malformed_id",
                      "a caption's id has 32 digits, a dash and 16 more");
    else if (!finite)
        import_refuse(&v->m, row, "not_finite", "a value is not a finite number");
    else if (!vector_normalise(v->vector, v->dimension))
        import_refuse(&v->m, row, "zero_vector", "the vector has no direction");
    else if (add(v, row, id) < 0) {
        *e = v->fault;
        return -1;
    }
    return 0;
}

/* ---- the header of the file ---- */

static int check_ids(struct vector_import *v, const struct tensor_header *h, struct err *e)
{
    if (h->rows > ROWS_MAX)
        return err_set(e, ERR_VALIDATION, "one import may have %d rows: send several", ROWS_MAX);
    if (v->lines)
        return (int64_t)v->n_ids == h->rows
                   ? 0
                   : err_set(e, ERR_VALIDATION, "there are %zu ids and %lld rows", v->n_ids,
                             (long long)h->rows);
    size_t wanted = h->id_dtype == TENSOR_I64 ? KEY_BYTES : CAPTION_ID_TEXT;
    if (h->id_bytes != wanted)
        return err_set(e, ERR_VALIDATION, "tensor 'ids' must have %d columns of I64 or %d of U8",
                       KEY_NUMBERS, CAPTION_ID_TEXT);
    if (h->rows > 0 && !h->ids_first)
        return err_set(e, ERR_VALIDATION,
                       "tensor 'ids' must stand before the vectors in the file, as ids of I64 do");
    v->id_dtype = h->id_dtype;
    return 0;
}

/* Vectors may be the first that is seen of an encoder. */
static int declare_version(struct vector_import *v, struct err *e)
{
    if (!v->encoder_id)
        v->encoder_id = encoder_version_declare(v->m.q, v->m.ctx, v->encoder, v->dimension, e);
    return v->encoder_id ? 0 : -1;
}

static int on_header(void *ctx, const struct tensor_header *h, struct err *e)
{
    struct vector_import *v = ctx;
    if (check_ids(v, h, e) < 0)
        return -1;
    if (h->columns > ENCODER_DIMENSION_MAX)
        return err_set(e, ERR_VALIDATION, "a vector may have %d values", ENCODER_DIMENSION_MAX);
    v->dimension = h->columns;
    v->vector = calloc(v->dimension, sizeof(*v->vector));
    v->stored = malloc(vector_bytes(v->type, v->dimension));
    if (!v->vector || !v->stored)
        return err_set(e, ERR_NO_MEMORY, "no memory for a vector");
    return declare_version(v, e);
}

/* ---- the stream ---- */

static int open_file(struct vector_import *v, struct err *e)
{
    const struct tensor_stream_calls calls = {
        .ctx = v,
        .ids = v->lines ? NULL : "ids",
        .ids_required = !v->lines,
        .columns = v->dimension,
        .header = on_header,
        .row = on_row,
        .id = on_id,
    };
    v->form = FORM_FILE;
    v->file = tensor_stream_new(&calls);
    return v->file ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for an import");
}

static bool is_npy(char first)
{
    return (unsigned char)first == 0x93;
}

/* Takes one line; the rest is left in *s. */
static int take_line(struct vector_import *v, struct str *s, struct err *e)
{
    const char *end = memchr(s->p, '\n', s->n);
    size_t n = end ? (size_t)(end - s->p) : s->n;
    if (n > sizeof(v->line) - v->n_line)
        return err_set(e, ERR_VALIDATION, "line %zu is no id", v->n_ids + 1);
    memcpy(v->line + v->n_line, s->p, n);
    v->n_line += n;
    *s = str_from(*s, n + (end ? 1 : 0));
    if (!end)
        return 0;
    int rc = take_text(v, str_trim((struct str){v->line, v->n_line}), e);
    v->n_line = 0;
    return rc;
}

static int push(struct vector_import *v, struct str s, struct err *e)
{
    while (v->form == FORM_LINES && s.n) {
        if (v->n_line == 0 && is_npy(s.p[0])) {
            if (open_file(v, e) < 0)
                return -1;
        } else if (take_line(v, &s, e) < 0) {
            return -1;
        }
    }
    return s.n ? tensor_stream_push(v->file, s, e) : 0;
}

/* The length in front of a safetensors file ends in a zero byte, lines of text have none. */
static int begin(struct vector_import *v, struct err *e)
{
    if (is_npy(v->head[0]))
        return err_set(e, ERR_VALIDATION,
                       "an .npy file has no ids: send them as lines in front of it");
    v->lines = !memchr(v->head, '\0', sizeof(v->head));
    v->form = FORM_LINES;
    if (!v->lines && open_file(v, e) < 0)
        return -1;
    return push(v, (struct str){v->head, sizeof(v->head)}, e);
}

static int feed(struct vector_import *v, struct str s, struct err *e)
{
    if (v->form == FORM_UNKNOWN) {
        size_t n = sizeof(v->head) - v->n_head;
        n = n < s.n ? n : s.n;
        memcpy(v->head + v->n_head, s.p, n);
        v->n_head += n;
        s = str_from(s, n);
        if (v->n_head < sizeof(v->head))
            return 0;
        if (begin(v, e) < 0)
            return -1;
    }
    return push(v, s, e);
}

static int finish(struct vector_import *v, struct err *e)
{
    if (!v->file)
        return err_set(e, ERR_VALIDATION,
                       v->form == FORM_LINES ? "there is no .npy file behind the ids"
                                             : "the stream is too short for a file");
    if (tensor_stream_end(v->file, e) < 0)
        return -1;
    return store(v);
}

static int pump(struct vector_import *v)
{
    struct err *e = &v->fault;
    for (;;) {
        if (!request_pool_sleep(v->m.ctx->pool, 0))
            return err_set(e, ERR_UNAVAILABLE, "the server is ending");
        ptrdiff_t n = import_stream_read(&v->stream, v->chunk, sizeof(v->chunk), e);
        if (n < 0)
            return -1;
        if (n == 0)
            return finish(v, e);
        if (feed(v, (struct str){v->chunk, (size_t)n}, e) < 0)
            return -1;
    }
}

/* Good rows that came before the fault stay. */
static int store_rest(struct vector_import *v)
{
    enum err_code code = v->fault.code;
    if (code != ERR_IMPORT_BROKEN && code != ERR_TOO_LARGE && code != ERR_VALIDATION)
        return -1;
    struct err why = v->fault;
    err_clear(&v->fault);
    if (store(v) == 0)
        v->fault = why;
    return -1;
}

static ptrdiff_t read_body(void *arg, void *out, size_t n, struct err *e)
{
    return http_body_read(arg, out, n, e);
}

static int import_all(struct vector_import *v)
{
    struct req *q = v->m.q;
    if (import_stream_open(&v->stream, str_is(q->content_encoding, "gzip"), &v->fault) < 0)
        return -1;
    v->stream.read = read_body;
    v->stream.arg = q;
    int rc = pump(v);
    if (rc < 0)
        rc = store_rest(v);
    import_stream_close(&v->stream);
    return rc;
}

/* ---- the operation ---- */

static void describe(const struct import *m, struct buf *b)
{
    const struct vector_import *v = m->batch;
    if (!v->encoder_id)
        return;
    json_key(b, "encoder_id");
    json_z(b, v->encoder_id);
}

static const struct import_kind embeddings_kind = {.rows = true, .describe = describe};

static int find_encoder(struct vector_import *v, struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct query_value *name = req_query(q, "encoder");
    struct encoder_version version;
    if (!name->set)
        return err_field(e, "?encoder", "is required");
    v->encoder = declared_encoder(ctx->app, name->text, "?encoder", e);
    if (!v->encoder || encoder_version_find(q, ctx, v->encoder, &version, e) < 0)
        return -1;
    v->encoder_id = version.id;
    v->dimension = (size_t)(version.id ? version.dimension : encoder_dimension(v->encoder));
    return 0;
}

static int find_dataset(struct vector_import *v, struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_DATASET_EXISTS, e) < 0 || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(q, e);
    struct str dataset = arena_str(q->arena, q->params[0]);
    v->m.dataset = dataset.p;
    v->type = vector_type_of(rows_text(rows, 0, 1));
    return dataset.p ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for an import");
}

static void import_free(struct vector_import **p)
{
    struct vector_import *v = *p;
    if (!v)
        return;
    tensor_stream_free(v->file);
    array_free(&v->seeds);
    array_free(&v->hashes);
    array_free(&v->vectors);
    free(v->ids);
    free(v->vector);
    free(v->stored);
    free(v);
}

static int import_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(import_free) struct vector_import *v = calloc(1, sizeof(*v));
    if (!v)
        return err_set(e, ERR_NO_MEMORY, "no memory for an import");
    array_init(&v->seeds, ARRAY_UUID, COLUMN_BYTES_MAX);
    array_init(&v->hashes, ARRAY_BYTEA, COLUMN_BYTES_MAX);
    array_init(&v->vectors, ARRAY_BYTEA, COLUMN_BYTES_MAX);
    v->m = (struct import){.kind = &embeddings_kind,
                           .batch = v,
                           .q = q,
                           .ctx = ctx,
                           .e = &v->fault,
                           .counts = &v->counts};
    if (find_dataset(v, q, ctx, e) < 0 || find_encoder(v, q, ctx, e) < 0)
        return -1;
    import_answer(&v->m, import_all(v));
    return 0;
}

const struct operation op_import_embeddings = {.work = import_work};
