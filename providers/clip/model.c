#include "providers/clip/model.h"

#include <stdlib.h>

struct clip_model *clip_model_load(const char *directory, struct err *e)
{
    struct clip_model *m = calloc(1, sizeof(*m));

    if (!m) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    m->kernels = kernels_best();
    if (clip_config_read(directory, &m->config, e) == 0 &&
        clip_weights_load(directory, &m->config, &m->weights, e) == 0)
        return m;
    clip_model_free(m);
    return NULL;
}

void clip_model_free(struct clip_model *m)
{
    if (!m)
        return;
    clip_weights_free(&m->weights);
    free(m);
}

size_t clip_model_dimension(const struct clip_model *m)
{
    return m->weights.projection.out;
}

double clip_model_flop(const struct clip_model *m)
{
    double width = (double)m->config.width, inner = (double)m->config.inner;

    return 2 * (double)m->config.layers * (4 * width * width + 2 * width * inner);
}
