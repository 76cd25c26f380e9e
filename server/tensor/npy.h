/* The header of an .npy file: a Python dictionary that is read as data, by a grammar of its own.
 * Only what numpy itself writes is accepted, not what Python would make the same of. */
#ifndef MONOCEROS_TENSOR_NPY_H
#define MONOCEROS_TENSOR_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/err.h"
#include "server/base/str.h"
#include "server/tensor/tensor.h"

enum { NPY_MAGIC_BYTES = 6, NPY_PREFIX_MAX = 12 };

/* Is this how an .npy file begins? Of 6 bytes. */
bool npy_is_magic(const char *p);
/* How many bytes there are before the dictionary, from the first 8; 0 with e set for a version that
 * does not exist. */
size_t npy_prefix_bytes(const char *p, struct err *e);
/* The length of the dictionary, which the last bytes of the prefix give; -1 when it is over max. */
int npy_header_bytes(struct str prefix, size_t max, size_t *out, struct err *e);
/* The dictionary: floats in C order, little-endian. */
int npy_read(struct str header, enum tensor_dtype *dtype, struct tensor_shape *shape,
             struct err *e);

#endif
