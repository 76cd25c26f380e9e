/* Dot products of many rows with many, for figures that need all pairs. The order of the sums is
 * fixed and nothing is fused, so that every machine gives the same bits. */
#ifndef MONOCEROS_DOMAIN_DOTS_H
#define MONOCEROS_DOMAIN_DOTS_H

#include <stddef.h>

enum {
    DOTS_TILE = 32, /* rows on either side of one call, at most */
    DOTS_STEP = 8,  /* the stride of rows is a multiple of this; what is behind the values is 0 */
};

static inline size_t dots_stride(size_t n)
{
    return (n + DOTS_STEP - 1) / DOTS_STEP * DOTS_STEP;
}

/* out[i * DOTS_TILE + j] = row i of a times row j of b; na and nb are from 1 to DOTS_TILE. */
void dots_f32(const float *a, size_t na, const float *b, size_t nb, size_t stride, float *out);
void dots_f64(const double *a, size_t na, const double *b, size_t nb, size_t stride, double *out);

/* The same without the instructions that the others may use, for a test that compares them. */
void dots_f32_portable(const float *a, size_t na, const float *b, size_t nb, size_t stride,
                       float *out);
void dots_f64_portable(const double *a, size_t na, const double *b, size_t nb, size_t stride,
                       double *out);

#endif
