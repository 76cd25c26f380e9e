/* NumPy's file format, version 1.0. */
#ifndef MONOCEROS_HANDLERS_NPY_H
#define MONOCEROS_HANDLERS_NPY_H

#include "server/base/buf.h"

/* A vector of n float64 values, little-endian. */
void npy_write_doubles(const double *v, size_t n, struct buf *out);

#endif
