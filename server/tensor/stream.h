/* The rows of a matrix out of an .npy or safetensors file that arrives in pieces of any size. Takes
 * some MiB while it reads the header, which is 1 MiB at most, and then memory for one row. Which
 * format it is shows in the first bytes.
 *
 * .npy: versions 1 to 3, two dimensions, C order, <f2, <f4 or <f8. It has no ids.
 * safetensors: the matrix is the tensor of the wanted name, or else the only one of two dimensions
 * and a float type; ids, if wanted, are a U8 or I64 tensor of as many rows, each the bytes of an
 * id. Other tensors are checked as the header declares them, and skipped. Rows and ids are handed
 * out in the order of the file, where either may come first: `ids_first` tells before any of them.
 */
#ifndef MONOCEROS_TENSOR_STREAM_H
#define MONOCEROS_TENSOR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"
#include "server/base/str.h"
#include "server/tensor/tensor.h"

enum tensor_format { TENSOR_NPY, TENSOR_SAFETENSORS };

enum { TENSOR_STREAM_COLUMNS_MAX = 65536, TENSOR_STREAM_ID_MAX = 256 };

/* What the header promises; known before the first row, believed after tensor_stream_end(). */
struct tensor_header {
    enum tensor_format format;
    enum tensor_dtype dtype;
    int64_t rows;
    size_t columns;
    size_t id_bytes;            /* of each id; 0: no ids are in the file, or none were wanted */
    enum tensor_dtype id_dtype; /* TENSOR_U8 or TENSOR_I64 */
    bool ids_first;             /* all ids come before the first row; else after the last */
};

/* Strings are kept by the caller as long as the stream. Each call returns 0, or -1 with e set,
 * which ends the stream. */
struct tensor_stream_calls {
    void *ctx;
    const char *matrix; /* name of the tensor in a safetensors file; NULL: the only matrix */
    const char *ids;    /* name of the tensor with the ids; NULL: none are handed out */
    bool ids_required;  /* a file without ids is refused (.npy too) */
    size_t columns;     /* that the matrix must have; 0: any up to TENSOR_STREAM_COLUMNS_MAX */
    bool finite_only;   /* a row with a value that is not finite ends the stream, by its number */
    int (*header)(void *ctx, const struct tensor_header *h, struct err *e); /* may be NULL */
    /* Rows count from 0. `finite` is false of a row that has NaN, an infinity or a float64 beyond
     * the range of float32. v holds `columns` values and is valid during the call. */
    int (*row)(void *ctx, int64_t row, const float *v, bool finite, struct err *e);
    int (*id)(void *ctx, int64_t row, struct str id, struct err *e); /* may be NULL without ids */
};

struct tensor_stream;

struct tensor_stream *tensor_stream_new(const struct tensor_stream_calls *calls);
void tensor_stream_free(struct tensor_stream *s); /* accepts NULL */
/* The next bytes of the file. 0, or -1 with ERR_VALIDATION (what is wrong with the file, in one
 * sentence), ERR_NO_MEMORY, or what a call set; after -1 every further call answers -1 again. */
int tensor_stream_push(struct tensor_stream *s, struct str bytes, struct err *e);
/* The file has ended: 0 when it was whole. */
int tensor_stream_end(struct tensor_stream *s, struct err *e);

static inline void tensor_stream_freep(struct tensor_stream **s)
{
    tensor_stream_free(*s);
}

#endif
