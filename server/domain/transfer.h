/* The transfers from embedding to representation. Applied on read and at export by this one
 * function, so that the bits are the same everywhere. */
#ifndef MONOCEROS_DOMAIN_TRANSFER_H
#define MONOCEROS_DOMAIN_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/buf.h"
#include "server/base/str.h"

enum transfer_method { TRANSFER_NONE, TRANSFER_MEAN_SHIFT, TRANSFER_METHOD_COUNT };

extern const char *const transfer_methods[]; /* names by number, NULL-terminated */

/* A prepared transfer: the method bound to constants. */
struct transfer {
    enum transfer_method method;
    size_t n;
    const double *mean; /* TRANSFER_MEAN_SHIFT: the mean of the text embeddings, n values */
};

/* Representation of one unit-length embedding: `none` is the embedding itself, `mean_shift` is
 * Norm(u - mean), the Unicorn paper's formula (arXiv 2503.22655), computed in float64. false when
 * the difference is zero. */
bool transfer_apply(const struct transfer *t, const float *u, float *out);

/* The image-side rule for inference as a JSON array of steps that a program can follow. */
void transfer_inference_json(enum transfer_method method, struct buf *out);

#endif
