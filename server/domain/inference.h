/* What a prepared transfer does, as steps that a program can follow: on the side of the images at
 * inference, and on the side of the texts. */
#ifndef MONOCEROS_DOMAIN_INFERENCE_H
#define MONOCEROS_DOMAIN_INFERENCE_H

#include "server/base/buf.h"
#include "server/domain/transfer.h"

/* Whether the rule subtracts a mean that must come from the user's own images: nobody else's stands
 * where theirs do. */
bool transfer_needs_own_images(const struct transfer *t);
/* The rule for an image's embedding, a JSON array. */
void transfer_inference_write(const struct transfer *t, struct buf *out);
/* From a text's embedding to its representation, a JSON array. */
void transfer_steps_write(const struct transfer *t, struct buf *out);

/* The vectors that the steps name, which can be had as files. */
enum transfer_vector { VECTOR_TEXT_MEAN, VECTOR_IMAGE_MEAN, VECTOR_CENTER, TRANSFER_VECTORS };
extern const char *const transfer_vectors[]; /* names by number, NULL-terminated */

#endif
