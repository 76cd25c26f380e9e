/* A CLIP text tower in this process: token ids in, projected vectors out, as
 * CLIPTextModelWithProjection of Hugging Face's transformers computes them. Read only once loaded:
 * any number of threads may use it at a time, each with a workspace of its own. */
#ifndef MONOCEROS_PROVIDERS_CLIP_MODEL_H
#define MONOCEROS_PROVIDERS_CLIP_MODEL_H

#include "providers/clip/kernels.h"
#include "providers/clip/pack.h"
#include "providers/clip/weights.h"

struct clip_model {
    struct clip_config config;
    struct clip_weights weights;
    const struct kernels *kernels;
};

/* What one thread computes in; zeroed before the first use, and kept for the next. */
struct clip_workspace {
    float *memory;
    size_t n;
    bool holds_core; /* that it offers to others after each layer */
    /* What the matrix products took since somebody last looked. */
    double products_flop, products_s;
};

/* The directory as users have it: config.json, model.safetensors or the parts of its index. */
struct clip_model *clip_model_load(const char *directory, struct err *e);
void clip_model_free(struct clip_model *m); /* accepts NULL */

size_t clip_model_dimension(const struct clip_model *m);
/* Floating-point operations for one token through all layers. */
double clip_model_flop(const struct clip_model *m);

/* Vectors of a part: out + item * dimension for each of its sequences, not scaled. Ids are within
 * the vocabulary, sequences within the table of positions. */
int clip_model_run(const struct clip_model *m, const struct clip_part *part,
                   struct clip_workspace *w, float *out, struct err *e);
void clip_workspace_free(struct clip_workspace *w);

#endif
