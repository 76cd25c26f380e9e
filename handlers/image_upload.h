/* Image vectors that are sent as a file: summed while they come in, never held. */
#ifndef MONOCEROS_HANDLERS_IMAGE_UPLOAD_H
#define MONOCEROS_HANDLERS_IMAGE_UPLOAD_H

#include "handlers/operation.h"
#include "server/domain/reservoir.h"

enum { IMAGE_SAMPLE_ROWS = 2048, REFUSED_ROWS_SHOWN = 100 };

struct refused_row {
    int64_t row;
    const char *reason;
};

/* The image side of a transfer, as it is put. */
struct image_side {
    const char *encoder; /* version, as hex */
    size_t dimension;
    struct str label;
    const char *source; /* moments, npy or safetensors */
    const double *mean;
    double trace;
    int64_t count;
    struct reservoir sample; /* of unit vectors in float16 */
    int64_t refused;
    int n_shown;
    struct refused_row shown[REFUSED_ROWS_SHOWN];
};

void image_side_free(struct image_side *s);
/* Reads the request's stream to its end. Every row is brought to unit length; rows without a
 * direction (zero, or not finite) are refused by number and are in no sum. ERR_TOO_FEW_VECTORS when
 * fewer than two are left. */
int image_upload_read(struct req *q, struct work_ctx *ctx, struct image_side *s, struct err *e);
/* The members `refused` and `refused_rows` of the answer to an upload. */
void image_upload_write(const struct image_side *s, struct buf *b);

#endif
