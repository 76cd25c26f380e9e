/* Prepared transfers, encoders and vectors in answers. */
#ifndef MONOCEROS_HANDLERS_VECTORS_H
#define MONOCEROS_HANDLERS_VECTORS_H

#include "handlers/bind.h"
#include "server/domain/transfer.h"

/* What turns embeddings into representations, and the encoder that made the embeddings. Texts and
 * vectors live in the request's arena. */
struct prepared {
    const char *id;            /* of the prepared transfer; NULL when nothing had to be prepared */
    const char *moments;       /* id, or NULL */
    const char *image_moments; /* id, or NULL */
    struct str parameters;     /* JSON, or unset */
    struct transfer transfer;
    const char *encoder_id;
    struct str encoder, kind, model;
    int dimension;
    bool base64;
};

/* The method's number, or -1 when `text` is the id of a prepared transfer; -2 with a field error at
 * `pointer` when it is neither. */
int transfer_parse(struct str text, const char *pointer, struct err *e);
/* Finds the newest ready transfer by method name, or one by id, of the dataset; `encoder` may be
 * unset. ERR_NOT_FOUND without the dataset or the id, ERR_TRANSFER_NOT_READY without a ready one.
 */
int prepared_find(struct req *q, struct work_ctx *ctx, struct str dataset, struct str transfer,
                  struct str encoder, struct prepared *p, struct err *e);
/* The same from the columns of transfer_resolve, for whoever has no request: texts and vectors live
 * in the arena. */
int prepared_take(const struct rows *r, struct arena *a, struct prepared *p, struct err *e);
/* The members `transfer` and `encoder` of an answer. */
void prepared_write(const struct prepared *p, struct buf *b);

/* The key of a text that is no caption, for transfers that draw noise. */
void text_key(struct str text, uint8_t key[TRANSFER_KEY_BYTES]);
/* The members of one item that come of an embedding of p->dimension floats: the vector, or an
 * error. `out` has room for p->dimension floats. */
void representation_write(const struct prepared *p, const uint8_t key[TRANSFER_KEY_BYTES],
                          const float *embedding, float *out, struct buf *b);
/* The same from the stored bytes of a caption's embedding, the caption by its id; `scratch` has
 * room for twice p->dimension floats. */
void representation_write_stored(const struct prepared *p, struct str caption, struct str bytes,
                                 float *scratch, struct buf *b);
/* Of a body's `encoding_format`, which may be unset. */
bool encoding_is_base64(struct str format);
/* A vector as a JSON value: an array, or a string of little-endian float32 values in base64. */
void vector_write(const float *v, int n, bool base64, struct buf *b);
/* The `error` member of an item. */
void item_error_write(const char *reason, const char *detail, struct buf *b);

#endif
