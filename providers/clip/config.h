/* What config.json says of a CLIP text tower. */
#ifndef MONOCEROS_PROVIDERS_CLIP_CONFIG_H
#define MONOCEROS_PROVIDERS_CLIP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"

struct clip_config {
    size_t vocabulary, positions;
    size_t width, inner; /* of the residual stream, and between the layers of a perceptron */
    size_t layers, heads;
    float epsilon;   /* of the normalisations */
    bool quick_gelu; /* else the exact one */
    /* The vector is read off at the first of these; 2, which old files say, means the first of the
     * highest token, and where there is none, it is the first token of all. */
    int64_t end_token;
};

/* Of a text tower alone or of a whole CLIP, whose text_config counts; what is left out is as in
 * ViT-B/32. */
int clip_config_read(const char *directory, struct clip_config *ret, struct err *e);

/* Where the vector of a text is read off; nothing after it matters, as attention looks back. */
size_t clip_config_end(const struct clip_config *c, const int32_t *ids, size_t n);

#endif
