/* The two ways to convert half precision, apart so that a test can compare them. Everything else
 * uses vector.h. */
#ifndef MONOCEROS_DOMAIN_HALF_H
#define MONOCEROS_DOMAIN_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void half_encode_portable(const float *v, size_t n, uint8_t *out);
void half_decode_portable(const uint8_t *p, size_t n, float *out);
/* Whether this machine has the instructions that the fast functions need. */
bool half_has_instructions(void);
void half_encode_fast(const float *v, size_t n, uint8_t *out);
void half_decode_fast(const uint8_t *p, size_t n, float *out);

#endif
