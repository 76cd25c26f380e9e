/* Dense arrays as safetensors and .npy files hold them: element types, shapes, conversion. */
#ifndef MONOCEROS_TENSOR_TENSOR_H
#define MONOCEROS_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

enum tensor_dtype {
    TENSOR_BOOL,
    TENSOR_U8,
    TENSOR_I8,
    TENSOR_U16,
    TENSOR_I16,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_U32,
    TENSOR_I32,
    TENSOR_F32,
    TENSOR_U64,
    TENSOR_I64,
    TENSOR_F64,
    TENSOR_DTYPE_COUNT
};

enum { TENSOR_RANK_MAX = 8 };

struct tensor_shape {
    int rank; /* 0: a scalar */
    int64_t size[TENSOR_RANK_MAX];
};

/* Elements lie in row-major order and little-endian. */
struct tensor {
    struct str name;
    enum tensor_dtype dtype;
    struct tensor_shape shape;
    size_t count, bytes;
    const uint8_t *data; /* aligned to what the file says, which may be nothing */
};

size_t tensor_dtype_size(enum tensor_dtype d);
/* As safetensors writes it: "F32". */
const char *tensor_dtype_name(enum tensor_dtype d);
/* False for a name that is none of these types'. */
bool tensor_dtype_of(struct str name, enum tensor_dtype *out);
bool tensor_dtype_is_float(enum tensor_dtype d);
/* Elements and bytes of a shape without negative sizes; false when the bytes pass INT64_MAX. */
bool tensor_shape_measure(enum tensor_dtype d, const struct tensor_shape *shape, uint64_t *count,
                          uint64_t *bytes);
/* n values at p, of any alignment, as float32: exact from F16, BF16 and F32, rounded to nearest
 * from F64 (beyond the range: infinite). The type must be one of these four. */
void tensor_to_float(enum tensor_dtype d, const uint8_t *p, size_t n, float *out);

/* Negative, 0 or positive: by bytes, the shorter of two that begin alike first. */
int tensor_name_order(struct str a, struct str b);

/* For sentences: "[3, 1280]"; a negative size is "any". */
struct tensor_shape_text {
    char z[TENSOR_RANK_MAX * 22 + 3];
};
struct tensor_shape_text tensor_shape_text(const struct tensor_shape *shape);
/* A name of unknown origin as a sentence may carry it: in quotes, cut, no control characters. */
struct tensor_name_text {
    char z[72];
};
struct tensor_name_text tensor_name_text(struct str name);

#endif
