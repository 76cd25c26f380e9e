/* Which texts of a sample have a near duplicate in a stream, by MinHash signatures: 16-bit hashes,
 * of which two texts have about the share in common that their sets of runs of words have.
 * Candidates agree in one band of eight hashes; they are near when four fifths of all hashes are
 * equal. With 14 bands such a pair is found with a probability of 0.92 or more. */
#ifndef MONOCEROS_DOMAIN_NEAR_H
#define MONOCEROS_DOMAIN_NEAR_H

#include "server/domain/sample.h"

enum { NEAR_BAND_BYTES = 16 };

struct near_item {
    uint64_t key;
    const char *signature; /* of the sample */
    bool found;
};

struct near {
    size_t n, signature_bytes;
    struct near_item *items;
    size_t slots;    /* of the table of bands, a power of two */
    uint32_t *table; /* 1 + item * bands + band; 0 is a free slot */
};

/* Over the items of the sample that carry a signature, which all have one length; the sample must
 * stay as it is. No items when none has. False when there is no memory. */
bool near_init(struct near *x, const struct sample *s);
void near_free(struct near *x); /* also of a zeroed struct */
/* The next text of the stream; one of the sample does not find itself, which its key tells. */
void near_look(struct near *x, uint64_t key, struct str signature);
size_t near_found(const struct near *x);

#endif
