/* Vectors as stored and as served. */
#ifndef MONOCEROS_DOMAIN_VECTOR_H
#define MONOCEROS_DOMAIN_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* float32 to little-endian IEEE half precision, round to nearest even; n values, 2n bytes. */
void vector_to_f16(const float *v, size_t n, uint8_t *out);
void vector_from_f16(const uint8_t *p, size_t n, float *out);
/* All finite. */
bool vector_finite(const float *v, size_t n);
/* Divides by the Euclidean norm, summed in float64 in the order of lanes.h; false for a norm of 0
 * or one that is not finite, and v is untouched then. */
bool vector_normalise(float *v, size_t n);
/* The embedding that the stored bytes stand for: decoded and brought to unit length again, because
 * half precision moves the norm by about 1e-5. Moments and transfers see exactly this. */
bool vector_decode_unit(const uint8_t *p, size_t bytes, float *out, size_t n);

#endif
