/* Headers of .npy and safetensors files. What follows is up to the caller: the elements of the
 * tensors in the order given, little-endian, row-major, without gaps. */
#ifndef MONOCEROS_TENSOR_WRITE_H
#define MONOCEROS_TENSOR_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"
#include "server/tensor/tensor.h"

/* Version 1.0, padded so that the elements start at a multiple of 64 bytes. Not for BF16, which
 * numpy has no name for. */
void npy_write_header(struct buf *out, enum tensor_dtype dtype, const struct tensor_shape *shape);

/* One tensor of a file; name is valid UTF-8, each of another name. */
struct safetensors_entry {
    const char *name;
    enum tensor_dtype dtype;
    struct tensor_shape shape;
};
struct safetensors_note {
    const char *key;
    struct str value; /* valid UTF-8 */
};
/* Padded so that the elements start at a multiple of 8 bytes. The notes become __metadata__, which
 * is left out when there are none. Types of more bytes first keeps every tensor aligned. */
void safetensors_write_header(struct buf *out, const struct safetensors_entry *entries, size_t n,
                              const struct safetensors_note *notes, size_t n_notes);
/* Makes a header that stands alone in out `bytes` long, a multiple of 8, where the elements then
 * start: for one that is written when the rows have been. It fails where the header is longer. */
void safetensors_pad_header(struct buf *out, size_t bytes);
/* Bytes of the file behind the header. */
uint64_t tensor_shape_bytes(enum tensor_dtype dtype, const struct tensor_shape *shape);

#endif
