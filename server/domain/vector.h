/* Vectors as stored and as served. */
#ifndef MONOCEROS_DOMAIN_VECTOR_H
#define MONOCEROS_DOMAIN_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

/* float32 to little-endian IEEE half precision, round to nearest even; n values, 2n bytes. */
void vector_to_f16(const float *v, size_t n, uint8_t *out);
void vector_from_f16(const uint8_t *p, size_t n, float *out);
/* The same to bfloat16, the upper half of a float32. */
void vector_to_bf16(const float *v, size_t n, uint8_t *out);
void vector_to_f32(const float *v, size_t n, uint8_t *out); /* little-endian, 4n bytes */
void vector_from_f32(const uint8_t *p, size_t n, float *out);
/* How a dataset stores its embeddings, as datasets.vector_type names it. */
enum vector_type { VECTOR_F16, VECTOR_F32 };
extern const char *const vector_types[]; /* NULL-terminated */
/* VECTOR_F16 for any name but float32's. */
enum vector_type vector_type_of(struct str name);
size_t vector_bytes(enum vector_type type, size_t n);
void vector_encode(enum vector_type type, const float *v, size_t n, uint8_t *out);
/* All finite. */
bool vector_finite(const float *v, size_t n);
/* Multiplies with one over the Euclidean norm, summed in float64 in the order of lanes.h; false for
 * a norm of 0 or one that is not finite, and v is untouched then. */
bool vector_normalise(float *v, size_t n);
/* The embedding that the stored bytes stand for, 2n of float16 or 4n of float32: decoded and
 * brought to unit length again, because half precision moves the norm by about 1e-5. Moments and
 * transfers see exactly this. */
bool vector_decode_unit(const uint8_t *p, size_t bytes, float *out, size_t n);

#endif
