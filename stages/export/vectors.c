/* Files of vectors. How many rows there are is known at the end only, when the header is written
 * into the place that was kept for it. */

#include "server/domain/vector.h"
#include "server/tensor/write.h"
#include "stages/export/writer.h"

enum {
    NPY_HEADER_BYTES = 128, /* what numpy makes of any matrix of these types, too */
    HEADER_BYTES_MAX = 1 << 20,
    SAFETENSORS_STEP = 256,
    KEY_BYTES = SEED_ID_BYTES + CAPTION_HASH_BYTES,
    KEY_NUMBERS = KEY_BYTES / 8,
};

static const enum tensor_dtype dtypes[] = {
    [EXPORT_F32] = TENSOR_F32, [EXPORT_F16] = TENSOR_F16, [EXPORT_BF16] = TENSOR_BF16};

static void add_vector(enum export_dtype dtype, const float *v, size_t n, struct buf *b)
{
    size_t bytes = n * tensor_dtype_size(dtypes[dtype]);
    if (!buf_room(b, bytes))
        return;
    uint8_t *to = (uint8_t *)b->p + b->n;
    if (dtype == EXPORT_F32)
        vector_to_f32(v, n, to);
    else if (dtype == EXPORT_F16)
        vector_to_f16(v, n, to);
    else
        vector_to_bf16(v, n, to);
    b->n += bytes;
}

static void add_blanks(struct buf *b, size_t n)
{
    while (n-- > 0)
        buf_addc(b, ' ');
}

/* ---- .npy ---- */

static void npy_header(enum export_dtype dtype, const struct tensor_shape *shape, struct buf *b)
{
    size_t start = b->n;
    npy_write_header(b, dtypes[dtype], shape);
    b->failed = b->failed || b->n - start != NPY_HEADER_BYTES;
}

int npy_begin(const struct export_settings *s, struct output *o, struct err *e)
{
    if (s->dtype == EXPORT_BF16)
        return err_set(e, ERR_INTERNAL, "numpy has no bfloat16");
    add_blanks(&o->main.out, NPY_HEADER_BYTES);
    return 0;
}

int npy_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
            struct err *e)
{
    (void)e;
    add_vector(s->dtype, r->x->vector, s->dimension, &o->main.out);
    o->main.file.rows++;
    return 0;
}

static int patch(struct output *o, struct buf *header, struct err *e)
{
    int rc = header->failed ? err_set(e, ERR_NO_MEMORY, "no memory for the header of a file")
                            : artefact_patch(&o->main, buf_str(header), e);
    buf_free(header);
    return rc;
}

int npy_end(const struct export_settings *s, struct output *o, struct err *e)
{
    const struct tensor_shape shape = {2, {o->main.file.rows, (int64_t)s->dimension}};
    struct buf header;
    buf_init(&header, HEADER_BYTES_MAX);
    npy_header(s->dtype, &shape, &header);
    return patch(o, &header, e);
}

/* A bfloat16 is the upper half of a float32, whose lower one is zero. */
static void add_widened(const float *v, size_t n, struct buf *b)
{
    static const uint8_t low[2];
    uint8_t high[sizeof(low)];
    for (size_t i = 0; i < n; i++) {
        vector_to_bf16(v + i, 1, high);
        buf_add(b, low, sizeof(low));
        buf_add(b, high, sizeof(high));
    }
}

void npy_of_vector(const struct export_settings *s, const float *v, struct buf *out)
{
    const struct tensor_shape shape = {1, {(int64_t)s->dimension}};
    npy_header(s->dtype == EXPORT_F16 ? EXPORT_F16 : EXPORT_F32, &shape, out);
    if (s->dtype == EXPORT_BF16)
        add_widened(v, s->dimension, out);
    else
        add_vector(s->dtype, v, s->dimension, out);
}

/* ---- safetensors ---- */

/* Of two tensors without a hole between them, the numbers of eight bytes are aligned when the
 * vectors in front of them end at a multiple of eight, whatever the number of rows; else they are
 * in front themselves, and what waits in the spool are the vectors. */
static bool vectors_lead(const struct export_settings *s)
{
    return s->dimension * tensor_dtype_size(dtypes[s->dtype]) % sizeof(int64_t) == 0;
}

static void safetensors_header(const struct export_settings *s, int64_t rows, struct buf *b)
{
    struct safetensors_entry vectors = {
        "vectors", dtypes[s->dtype], {2, {rows, (int64_t)s->dimension}}};
    struct safetensors_entry ids = {"ids", TENSOR_I64, {2, {rows, KEY_NUMBERS}}};
    bool lead = vectors_lead(s);
    struct safetensors_entry entries[] = {lead ? vectors : ids, lead ? ids : vectors};
    struct safetensors_note notes[EXPORT_NOTES_MAX];
    for (int i = 0; i < s->n_notes; i++)
        notes[i] = (struct safetensors_note){s->notes[i].key, s->notes[i].value};
    safetensors_write_header(b, entries, 2, notes, (size_t)s->n_notes);
}

int safetensors_begin(const struct export_settings *s, struct output *o, struct err *e)
{
    const int64_t most_rows = 1000000000000;
    struct buf header;
    buf_init(&header, HEADER_BYTES_MAX);
    safetensors_header(s, most_rows, &header);
    o->start = (header.n + SAFETENSORS_STEP - 1) / SAFETENSORS_STEP * SAFETENSORS_STEP;
    bool failed = header.failed;
    buf_free(&header);
    if (failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for the header of a file");
    add_blanks(&o->main.out, o->start);
    return artefact_open_spool(&o->spool, &o->main, e);
}

/* Big-endian in the id, little-endian in the file: the first number of two ids that stand in order
 * does, read as unsigned, too. */
static void add_key(const struct export_sample *x, struct buf *b)
{
    uint8_t key[KEY_BYTES];
    char out[KEY_BYTES];
    memcpy(key, x->seed, SEED_ID_BYTES);
    memcpy(key + SEED_ID_BYTES, x->hash, CAPTION_HASH_BYTES);
    for (int i = 0; i < KEY_BYTES; i++)
        out[i] = (char)key[i / 8 * 8 + 7 - i % 8];
    buf_add(b, out, sizeof(out));
}

int safetensors_add(const struct export_settings *s, struct output *o, const struct sample_row *r,
                    struct err *e)
{
    bool lead = vectors_lead(s);
    (void)e;
    add_vector(s->dtype, r->x->vector, s->dimension, lead ? &o->main.out : &o->spool.out);
    add_key(r->x, lead ? &o->spool.out : &o->main.out);
    o->main.file.rows++;
    return 0;
}

int safetensors_end(const struct export_settings *s, struct output *o, struct err *e)
{
    struct buf header;
    if (artefact_flush(&o->spool, e) < 0 || artefact_append_file(&o->main, o->spool.fd, e) < 0)
        return -1;
    buf_init(&header, HEADER_BYTES_MAX);
    safetensors_header(s, o->main.file.rows, &header);
    safetensors_pad_header(&header, o->start);
    return patch(o, &header, e);
}
