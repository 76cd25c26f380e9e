/* The eight texts by which a changed encoder is noticed: their vectors are kept with each version
 * of it, and compared with what it answers now. */
#ifndef MONOCEROS_DOMAIN_PROBES_H
#define MONOCEROS_DOMAIN_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

enum { PROBES = 8 };

/* Below it the vectors are of another model. Numbers of half precision, other batches and other
 * machines stay above 0.9999. */
#define PROBE_COSINE_MIN 0.9995

/* Never to be changed: all kept vectors are of these. */
extern const char *const probe_texts[PROBES];

/* PROBES vectors of n numbers as they are kept, little-endian float32; out has 4 * PROBES * n
 * bytes. Zeros stand for a text of which there is no vector. */
void probes_pack(const float *vectors, size_t n, uint8_t *out);
/* The smallest cosine between kept and present vectors, over the texts that have both; 0 when the
 * lengths differ. *compared is their number. */
double probes_compare(struct str kept, const float *now, size_t n, int *compared);

#endif
