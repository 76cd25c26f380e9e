#include "server/tensor/write.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "server/json/write.h"

enum { NPY_ALIGN = 64, SAFETENSORS_ALIGN = 8 };

static const char *npy_descr(enum tensor_dtype d)
{
    static const char *const descrs[TENSOR_DTYPE_COUNT] = {
        [TENSOR_BOOL] = "|b1", [TENSOR_U8] = "|u1",  [TENSOR_I8] = "|i1",  [TENSOR_U16] = "<u2",
        [TENSOR_I16] = "<i2",  [TENSOR_F16] = "<f2", [TENSOR_U32] = "<u4", [TENSOR_I32] = "<i4",
        [TENSOR_F32] = "<f4",  [TENSOR_U64] = "<u8", [TENSOR_I64] = "<i8", [TENSOR_F64] = "<f8",
    };
    assert(descrs[d]);
    return descrs[d];
}

/* Spaces up to where n bytes and `more` end at a multiple of align. */
static void pad(struct buf *out, size_t start, size_t more, size_t align)
{
    while ((out->n - start + more) % align != 0 && !out->failed)
        buf_addc(out, ' ');
}

void npy_write_header(struct buf *out, enum tensor_dtype dtype, const struct tensor_shape *shape)
{
    static const char prefix[10] = "\x93NUMPY\x01";
    size_t start = out->n;
    buf_add(out, prefix, sizeof(prefix));
    buf_addf(out, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy_descr(dtype));
    for (int i = 0; i < shape->rank; i++) {
        buf_addi(out, shape->size[i]);
        buf_addz(out, shape->rank == 1 ? "," : i + 1 < shape->rank ? ", " : "");
    }
    buf_addz(out, "), }");
    pad(out, start, 1, NPY_ALIGN);
    buf_addc(out, '\n');
    if (out->failed)
        return;
    uint16_t bytes = htole16((uint16_t)(out->n - start - sizeof(prefix)));
    memcpy(out->p + start + 8, &bytes, sizeof(bytes));
}

uint64_t tensor_shape_bytes(enum tensor_dtype dtype, const struct tensor_shape *shape)
{
    uint64_t count, bytes = 0;
    bool fits = tensor_shape_measure(dtype, shape, &count, &bytes);
    assert(fits);
    return fits ? bytes : 0;
}

static void write_notes(struct buf *out, const struct safetensors_note *notes, size_t n)
{
    json_key(out, "__metadata__");
    json_open(out, '{');
    for (size_t i = 0; i < n; i++) {
        json_key(out, notes[i].key);
        json_str(out, notes[i].value);
    }
    json_close(out, '}');
}

static void write_entry(struct buf *out, const struct safetensors_entry *t, uint64_t *at)
{
    json_key(out, t->name);
    json_open(out, '{');
    json_key(out, "dtype");
    json_z(out, tensor_dtype_name(t->dtype));
    json_key(out, "shape");
    json_open(out, '[');
    for (int i = 0; i < t->shape.rank; i++)
        json_int(out, t->shape.size[i]);
    json_close(out, ']');
    json_key(out, "data_offsets");
    json_open(out, '[');
    json_int(out, (int64_t)*at);
    *at += tensor_shape_bytes(t->dtype, &t->shape);
    json_int(out, (int64_t)*at);
    json_close(out, ']');
    json_close(out, '}');
}

void safetensors_write_header(struct buf *out, const struct safetensors_entry *entries, size_t n,
                              const struct safetensors_note *notes, size_t n_notes)
{
    uint64_t length = 0, at = 0;
    size_t start = out->n;
    buf_add(out, &length, sizeof(length));
    buf_addc(out, '{'); /* json_open() would take the length for a value and put a comma */
    if (n_notes > 0)
        write_notes(out, notes, n_notes);
    for (size_t i = 0; i < n; i++)
        write_entry(out, &entries[i], &at);
    json_close(out, '}');
    pad(out, start, 0, SAFETENSORS_ALIGN);
    if (out->failed)
        return;
    length = htole64(out->n - start - sizeof(length));
    memcpy(out->p + start, &length, sizeof(length));
}

void safetensors_pad_header(struct buf *out, size_t bytes)
{
    uint64_t length = htole64(bytes - sizeof(length));
    out->failed = out->failed || out->n > bytes || bytes % SAFETENSORS_ALIGN != 0;
    while (!out->failed && out->n < bytes)
        buf_addc(out, ' ');
    if (!out->failed)
        memcpy(out->p, &length, sizeof(length));
}
