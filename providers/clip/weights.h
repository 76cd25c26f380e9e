/* The weights of a CLIP text tower, as CLIPTextModelWithProjection and CLIPModel name them. */
#ifndef MONOCEROS_PROVIDERS_CLIP_WEIGHTS_H
#define MONOCEROS_PROVIDERS_CLIP_WEIGHTS_H

#include "providers/clip/config.h"
#include "server/tensor/map.h"

struct clip_linear {
    const float *weight; /* out rows of in */
    const float *bias;   /* NULL: none */
    size_t out, in;
};

struct clip_norm {
    const float *scale, *shift;
};

struct clip_layer {
    struct clip_norm before_attention, before_perceptron;
    struct clip_linear query, key, value, output;
    struct clip_linear up, down;
};

/* Matrices of 32-bit floats are used where they lie in the mapped files; those of 16 bits are
 * copied as 32-bit ones, once. The tables of embeddings stay as they are. */
struct clip_weights {
    struct tensor_map *map;
    const struct tensor *tokens, *positions;
    struct clip_layer *layers;
    struct clip_norm final;
    struct clip_linear projection;
    void **copies;
    size_t n_copies;
};

int clip_weights_load(const char *directory, const struct clip_config *c, struct clip_weights *ret,
                      struct err *e);
void clip_weights_free(struct clip_weights *w); /* also after a failed load */

/* SHA-256 in hex of the file, as sha256sum prints it. Of several, in the order of their names, each
 * takes the place of the digest so far: that of the digest so far and its own, as bytes. */
void clip_weights_hash(const struct clip_weights *w, char hash[65]);

/* Adds a row of a table to out, or puts it there. */
void clip_row_copy(const struct tensor *table, size_t row, size_t n, float *out);
void clip_row_add(const struct tensor *table, size_t row, size_t n, float *out);

#endif
