/* Representations as files: .npy, .safetensors and the ids beside them. A first walk over the slice
 * counts its rows, so that the header can say how many there are; the walks that send them hold the
 * last piece back until their rows have turned out to be the counted ones. Otherwise the body stays
 * short of its Content-Length. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/export_turn.h"
#include "handlers/operations.h"
#include "handlers/slice.h"
#include "server/base/cleanup.h"
#include "server/base/log.h"
#include "server/domain/vector.h"
#include "server/json/write.h"

enum { HEADER_BYTES_MAX = 65536, PIECE_BYTES_MAX = 64 << 20 };
enum { IDS_OF_NUMBERS = CAPTION_KEY_BYTES / 8 };

const char *const dtypes[] = {[DTYPE_FLOAT32] = "float32", [DTYPE_FLOAT16] = "float16", NULL};

enum part { PART_VECTORS, PART_IDS_TEXT, PART_IDS_NUMBERS };

struct export_format {
    const char *suffix, *content_type;
    int n_parts;
    enum part parts[2];
    void (*header)(const struct slice *s, const struct tally *t, bool half, struct buf *b);
};

struct export
{
    struct slice slice;
    const struct export_format *format;
    bool half;
    struct tally survey;
    enum part part;        /* that is being sent */
    int64_t rows;          /* of it, so far */
    struct buf held, page; /* held: not sent yet, since the next page may be the last */
};

static size_t row_bytes(const struct export *x, enum part part)
{
    static const size_t bytes[] = {
        [PART_IDS_TEXT] = CAPTION_ID_TEXT + 1, [PART_IDS_NUMBERS] = CAPTION_KEY_BYTES};
    if (part == PART_VECTORS)
        return (size_t)x->slice.p.dimension * (x->half ? 2 : 4);
    return bytes[part];
}

/* ---- headers ---- */

static void no_header(const struct slice *s, const struct tally *t, bool half, struct buf *b)
{
    (void)s;
    (void)t;
    (void)half;
    (void)b;
}

static void pad(struct buf *b, size_t multiple, size_t extra)
{
    while ((b->n + extra) % multiple)
        buf_addc(b, ' ');
}

static void npy_header(const struct slice *s, const struct tally *t, bool half, struct buf *b)
{
    enum { PREFIX = 10, ALIGNMENT = 64 };
    static const char magic[] = "\x93NUMPY\x01";
    buf_add(b, magic, sizeof(magic)); /* with the NUL: version 1.0 */
    buf_add(b, "\0\0", 2);
    buf_addf(b, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%lld, %d), }", half ? 2 : 4,
             (long long)t->rows, s->p.dimension);
    pad(b, ALIGNMENT, 1);
    buf_addc(b, '\n');
    if (b->failed)
        return;
    b->p[PREFIX - 2] = (char)((b->n - PREFIX) & 0xff);
    b->p[PREFIX - 1] = (char)((b->n - PREFIX) >> 8);
}

static void tensor(struct buf *b, const char *name, const char *dtype, int64_t rows, int columns,
                   uint64_t from, uint64_t to)
{
    json_key(b, name);
    json_open(b, '{');
    json_key(b, "dtype");
    json_z(b, dtype);
    json_key(b, "shape");
    json_open(b, '[');
    json_int(b, rows);
    json_int(b, columns);
    json_close(b, ']');
    json_key(b, "data_offsets");
    json_open(b, '[');
    json_int(b, (int64_t)from);
    json_int(b, (int64_t)to);
    json_close(b, ']');
    json_close(b, '}');
}

static void metadata(const struct slice *s, struct buf *b)
{
    json_key(b, "__metadata__");
    json_open(b, '{');
    json_key(b, "dataset");
    json_str(b, s->q->params[0]);
    json_key(b, "encoder");
    json_str(b, s->p.encoder);
    json_key(b, "encoder_id");
    json_z(b, s->p.encoder_id);
    json_key(b, "model");
    json_str(b, s->p.model);
    json_key(b, "method");
    json_z(b, transfer_methods[s->p.transfer.method]);
    json_key(b, "transfer");
    json_z(b, s->p.id);
    json_close(b, '}');
}

static void safetensors_header(const struct slice *s, const struct tally *t, bool half,
                               struct buf *b)
{
    enum { ALIGNMENT = 8 };
    uint64_t ids = (uint64_t)t->rows * CAPTION_KEY_BYTES;
    uint64_t vectors = (uint64_t)t->rows * (uint64_t)s->p.dimension * (half ? 2 : 4);
    struct buf json;
    buf_init(&json, HEADER_BYTES_MAX);
    json_open(&json, '{');
    metadata(s, &json);
    tensor(&json, "ids", "I64", t->rows, IDS_OF_NUMBERS, 0, ids);
    tensor(&json, "vectors", half ? "F16" : "F32", t->rows, s->p.dimension, ids, ids + vectors);
    json_close(&json, '}');
    pad(&json, ALIGNMENT, 0);
    for (int i = 0; i < ALIGNMENT; i++)
        buf_addc(b, (char)((uint64_t)json.n >> (8 * i)));
    buf_adds(b, buf_str(&json));
    b->failed |= json.failed;
    buf_free(&json);
}

static const struct export_format npy_format = {
    "npy", "application/octet-stream", 1, {PART_VECTORS}, npy_header};
/* Numbers first, as the library sorts the tensors of a file: by the size of their elements. */
static const struct export_format safetensors_format = {"safetensors",
                                                        "application/octet-stream",
                                                        2,
                                                        {PART_IDS_NUMBERS, PART_VECTORS},
                                                        safetensors_header};
static const struct export_format ids_format = {"ids", "text/plain", 1, {PART_IDS_TEXT}, no_header};

/* ---- rows ---- */

static void add_vector(const struct export *x, const float *v, struct buf *b)
{
    size_t n = (size_t)x->slice.p.dimension, bytes = row_bytes(x, PART_VECTORS);
    if (!buf_room(b, bytes))
        return;
    vector_encode(x->half ? VECTOR_F16 : VECTOR_F32, v, n, (uint8_t *)b->p + b->n);
    b->n += bytes;
}

static void add_id_text(const uint8_t *key, struct buf *b)
{
    char id[CAPTION_ID_TEXT + 1];
    caption_id(key, key + SEED_ID_BYTES, id);
    buf_add(b, id, CAPTION_ID_TEXT);
    buf_addc(b, '\n');
}

/* Big-endian in the id, little-endian in the file: the first number of two ids that stand in order
 * does, read as unsigned, too. */
static void add_id_numbers(const uint8_t *key, struct buf *b)
{
    char out[CAPTION_KEY_BYTES];
    for (int i = 0; i < CAPTION_KEY_BYTES; i++)
        out[i] = (char)key[i / 8 * 8 + 7 - i % 8];
    buf_add(b, out, sizeof(out));
}

static int other_rows(struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "captions of the slice were taken away or came back while it was being sent");
}

/* With more rows than were counted, the body would be whole before the walk is. */
static int on_row(void *arg, const uint8_t key[CAPTION_KEY_BYTES], const float *v, struct err *e)
{
    struct export *x = arg;
    if (x->rows++ == x->survey.rows)
        return other_rows(e);
    if (x->part == PART_VECTORS)
        add_vector(x, v, &x->page);
    else if (x->part == PART_IDS_TEXT)
        add_id_text(key, &x->page);
    else
        add_id_numbers(key, &x->page);
    return x->page.failed ? err_set(e, ERR_NO_MEMORY, "no memory for a page of rows") : 0;
}

/* What is held is not the last piece: there is another one. */
static int on_page(void *arg, struct err *e)
{
    struct export *x = arg;
    if (x->page.n == 0)
        return 0;
    if (http_answer_write(x->slice.q, x->held.p, x->held.n, e) < 0)
        return -1;
    struct buf sent = x->held;
    x->held = x->page;
    x->page = sent;
    buf_reset(&x->page);
    return 0;
}

static int send_part(struct export *x, enum part part, struct err *e)
{
    const struct slice_walk w = {
        .vectors = part == PART_VECTORS, .row = on_row, .page = on_page, .arg = x};
    struct tally seen;
    x->part = part;
    x->rows = 0;
    if (slice_walk(&x->slice, &w, &seen, e) < 0)
        return -1;
    return tally_eq(&seen, &x->survey) ? 0 : other_rows(e);
}

static int send_all(struct export *x, struct err *e)
{
    for (int i = 0; i < x->format->n_parts; i++)
        if (send_part(x, x->format->parts[i], e) < 0)
            return -1;
    return http_answer_write(x->slice.q, x->held.p, x->held.n, e);
}

/* ---- the answer ---- */

static void add_header(struct export *x, const char *name, const char *value, struct err *e)
{
    if (value)
        res_header(x->slice.q, name, value);
    else
        (void)err_set(e, ERR_NO_MEMORY, "no memory for a header");
}

static int add_headers(struct export *x, struct err *e)
{
    struct req *q = x->slice.q;
    struct arena *a = q->arena;
    const struct tally *t = &x->survey;
    struct str name = q->params[0];
    const char *digest = hex_text(q, t->digest, sizeof(t->digest));
    q->res.status = 200;
    q->res.content_type = x->format->content_type;
    add_header(x, "Content-Disposition",
               arena_printf(a, "attachment; filename=\"" STR_FMT ".%s\"", STR_ARG(name),
                            x->format->suffix),
               e);
    add_header(x, "Monoceros-Rows", arena_printf(a, "%lld", (long long)t->rows), e);
    add_header(x, "Monoceros-Left-Out", arena_printf(a, "%lld", (long long)t->left_out), e);
    add_header(x, "Monoceros-Ids-Digest", digest, e);
    add_header(x, "Monoceros-Transfer", x->slice.p.id, e);
    add_header(x, "Monoceros-Encoder", x->slice.p.encoder_id, e);
    return e->code == ERR_NONE ? 0 : -1;
}

static int send_answer(struct export *x, struct err *e)
{
    const struct export_format *f = x->format;
    struct req *q = x->slice.q;
    f->header(&x->slice, &x->survey, x->half, &x->held);
    uint64_t length = x->held.n;
    for (int i = 0; i < f->n_parts; i++)
        length += (uint64_t)x->survey.rows * row_bytes(x, f->parts[i]);
    if (x->held.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for the header of the file");
    if (add_headers(x, e) < 0 || http_answer_begin(q, length, e) < 0)
        return -1;
    if (!http_answer_wanted(q) || send_all(x, e) == 0)
        return 0;
    log_event(LOG_WARN, "export_broken", log_z("detail", e->msg));
    return -1;
}

static int survey_and_send(struct export *x, struct err *e)
{
    const struct slice_walk w = {0};
    if (slice_walk(&x->slice, &w, &x->survey, e) < 0)
        return -1;
    return send_answer(x, e);
}

static int export_slice(struct req *q, struct work_ctx *ctx, const struct export_format *format,
                        bool half, struct err *e)
{
    struct export x = {.format = format, .half = half};
    buf_init(&x.held, PIECE_BYTES_MAX);
    buf_init(&x.page, PIECE_BYTES_MAX);
    int rc = slice_open(&x.slice, q, ctx, e);
    if (rc == 0)
        rc = survey_and_send(&x, e);
    slice_close(&x.slice);
    buf_free(&x.held);
    buf_free(&x.page);
    return rc;
}

static int export_work(struct req *q, struct work_ctx *ctx, const struct export_format *format,
                       bool half, struct err *e)
{
    if (export_turn_take(ctx->app, e) < 0)
        return -1;
    int rc = export_slice(q, ctx, format, half, e);
    export_turn_end(ctx->app);
    return rc;
}

static bool wants_half(const struct req *q)
{
    const struct query_value *dtype = req_query(q, "dtype");
    return dtype->set && dtype->number == DTYPE_FLOAT16;
}

static int npy_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return export_work(q, ctx, &npy_format, wants_half(q), e);
}

static int safetensors_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return export_work(q, ctx, &safetensors_format, wants_half(q), e);
}

static int ids_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return export_work(q, ctx, &ids_format, false, e);
}

const struct operation op_export_npy = {.work = npy_work};
const struct operation op_export_safetensors = {.work = safetensors_work};
const struct operation op_export_ids = {.work = ids_work};
