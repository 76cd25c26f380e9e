#include "server/tensor/tensor.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/vector.h"

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} dtypes[TENSOR_DTYPE_COUNT] = {
    [TENSOR_BOOL] = {"BOOL", 1, false}, [TENSOR_U8] = {"U8", 1, false},
    [TENSOR_I8] = {"I8", 1, false},     [TENSOR_U16] = {"U16", 2, false},
    [TENSOR_I16] = {"I16", 2, false},   [TENSOR_F16] = {"F16", 2, true},
    [TENSOR_BF16] = {"BF16", 2, true},  [TENSOR_U32] = {"U32", 4, false},
    [TENSOR_I32] = {"I32", 4, false},   [TENSOR_F32] = {"F32", 4, true},
    [TENSOR_U64] = {"U64", 8, false},   [TENSOR_I64] = {"I64", 8, false},
    [TENSOR_F64] = {"F64", 8, true},
};

size_t tensor_dtype_size(enum tensor_dtype d)
{
    return dtypes[d].size;
}

const char *tensor_dtype_name(enum tensor_dtype d)
{
    return dtypes[d].name;
}

bool tensor_dtype_of(struct str name, enum tensor_dtype *out)
{
    for (int i = 0; i < TENSOR_DTYPE_COUNT; i++) {
        if (str_is(name, dtypes[i].name)) {
            *out = (enum tensor_dtype)i;
            return true;
        }
    }
    return false;
}

bool tensor_dtype_is_float(enum tensor_dtype d)
{
    return dtypes[d].is_float;
}

/* A size of 0 makes the whole 0, however large the others are: they are multiplied all the same, so
 * that what passes has no product that overflows in any order. */
bool tensor_shape_measure(enum tensor_dtype d, const struct tensor_shape *shape, uint64_t *count,
                          uint64_t *bytes)
{
    uint64_t product = dtypes[d].size;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        empty |= shape->size[i] == 0;
        uint64_t size = shape->size[i] == 0 ? 1 : (uint64_t)shape->size[i];
        if (__builtin_mul_overflow(product, size, &product) || product > INT64_MAX)
            return false;
    }
    *bytes = empty ? 0 : product;
    *count = *bytes / dtypes[d].size;
    return true;
}

static void floats_from_bf16(const uint8_t *p, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, p + 2 * i, sizeof(half));
        uint32_t bits = (uint32_t)le16toh(half) << 16;
        memcpy(out + i, &bits, sizeof(bits));
    }
}

static void floats_from_f64(const uint8_t *p, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        double v;
        memcpy(&bits, p + 8 * i, sizeof(bits));
        bits = le64toh(bits);
        memcpy(&v, &bits, sizeof(v));
        out[i] = (float)v;
    }
}

void tensor_to_float(enum tensor_dtype d, const uint8_t *p, size_t n, float *out)
{
    assert(tensor_dtype_is_float(d));
    if (n == 0)
        return;
    if (d == TENSOR_F16)
        vector_from_f16(p, n, out);
    else if (d == TENSOR_BF16)
        floats_from_bf16(p, n, out);
    else if (d == TENSOR_F32)
        vector_from_f32(p, n, out);
    else
        floats_from_f64(p, n, out);
}

int tensor_name_order(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

struct tensor_shape_text tensor_shape_text(const struct tensor_shape *shape)
{
    struct tensor_shape_text t = {.z = "["};
    size_t n = 1;
    for (int i = 0; i < shape->rank; i++) {
        char size[24] = "any";
        if (shape->size[i] >= 0)
            (void)snprintf(size, sizeof(size), "%lld", (long long)shape->size[i]);
        n += (size_t)snprintf(t.z + n, sizeof(t.z) - n, "%s%s", i > 0 ? ", " : "", size);
    }
    (void)snprintf(t.z + n, sizeof(t.z) - n, "]");
    return t;
}

struct tensor_name_text tensor_name_text(struct str name)
{
    enum { SHOWN_MAX = 64 };
    struct tensor_name_text t = {.z = "'"};
    size_t n = name.n < SHOWN_MAX ? name.n : SHOWN_MAX;
    /* Not within a code point. */
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        t.z[1 + i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    (void)snprintf(t.z + 1 + n, sizeof(t.z) - 1 - n, "%s", n < name.n ? "\u2026'" : "'");
    return t;
}
