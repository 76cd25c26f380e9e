/* The embeddings protocol: taking a reply apart, and vectors from their JSON forms. A parser of its
 * own, as a tree of a million numbers costs a hundred times what reading them takes. Pure. */
#ifndef MONOCEROS_PROVIDERS_ENCODER_EMBEDDINGS_H
#define MONOCEROS_PROVIDERS_ENCODER_EMBEDDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/str.h"

enum { EMBEDDINGS_MAX = 256 }; /* in one reply */

struct embeddings_info {
    struct str model; /* as it stands between its quotes; unset when it has escapes */
    int tokens_in;
    bool has_error;                 /* an error object came instead */
    bool truncated[EMBEDDINGS_MAX]; /* of those whose item says so, a member of our own */
};

/* Finds the value of each of n embeddings by its index: an array or a string with its quotes, as
 * it stands in body. NULL, or why the reply is not as agreed. */
const char *embeddings_split(struct str body, size_t n, struct str *values,
                             struct embeddings_info *info);
/* The same of a bare array of vectors in the order of the texts, as TEI's /embed answers. */
const char *embeddings_split_rows(struct str body, size_t n, struct str *values,
                                  struct embeddings_info *info);

enum vector_fault {
    VECTOR_OK,
    VECTOR_INVALID,   /* neither numbers nor base64 */
    VECTOR_DIMENSION, /* another number of values */
    VECTOR_INFINITE,  /* null, NaN, infinity or no number at all among them */
    VECTOR_ZERO,
};

/* Number of values that it claims to have. */
size_t vector_dimension(struct str value);
/* Reads `dimension` values and scales them to unit length. `scratch` has room for as many. */
enum vector_fault vector_read(struct str value, size_t dimension, double *scratch, float *out);
/* Little-endian float32 in base64, padding optional, "\/" as "/". */
enum vector_fault vector_from_base64(struct str base64, size_t dimension, double *out);

#endif
