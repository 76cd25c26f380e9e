/* Encoding texts at once, on a thread of the request pool. */
#ifndef MONOCEROS_HANDLERS_ENCODE_H
#define MONOCEROS_HANDLERS_ENCODE_H

#include "handlers/operation.h"
#include "server/json/decode.h"

/* n vectors; free with encoded_free. */
struct encoded {
    size_t n;
    int dimension;
    float *vectors;      /* n * dimension; unit length where reason is NULL */
    const char **reason; /* of a text that has no vector */
    int64_t tokens;
};

/* The texts of a body's `input`: none may be empty. */
int encode_check(const struct list *input, struct err *e);

/* Blocks until all texts have been answered for. A text may fail by itself; -1 when the encoder
 * does: ERR_PROVIDER, ERR_UNAVAILABLE when it is stopped. */
int encode_texts(struct work_ctx *ctx, struct encoder *encoder, const struct str *texts, size_t n,
                 struct encoded *out, struct err *e);
void encoded_free(struct encoded *x);

#endif
