/* A uniform sample of rows that stream by, of bounded size (Vitter's algorithm R). Seeded: the same
 * rows in the same order give the same sample. */
#ifndef MONOCEROS_DOMAIN_RESERVOIR_H
#define MONOCEROS_DOMAIN_RESERVOIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reservoir {
    size_t rows, most, row_bytes;
    uint64_t seen, state;
    uint8_t *bytes; /* rows in no order that means anything */
};

void reservoir_init(struct reservoir *r, size_t most, size_t row_bytes, uint64_t seed);
void reservoir_free(struct reservoir *r); /* also of a zeroed struct */
/* Where to put the next row, row_bytes of room, or NULL when it is not in the sample; false when
 * there is no memory. */
bool reservoir_next(struct reservoir *r, uint8_t **room);

#endif
