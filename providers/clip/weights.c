#include "providers/clip/weights.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/hash.h"

enum {
    NAME_BYTES = 160,
    TENSORS_A_LAYER = 16,
    TENSORS_BESIDE = 3,
    PROJECTION_MAX = 65536,
    CHUNK = 1024
};

struct loading {
    const struct clip_config *config;
    struct clip_weights *weights;
    struct err *e;
};

void clip_row_copy(const struct tensor *table, size_t row, size_t n, float *out)
{
    const uint8_t *p = table->data + row * n * tensor_dtype_size(table->dtype);

    tensor_to_float(table->dtype, p, n, out);
}

void clip_row_add(const struct tensor *table, size_t row, size_t n, float *out)
{
    float part[CHUNK];
    size_t size = tensor_dtype_size(table->dtype);
    const uint8_t *p = table->data + row * n * size;

    for (size_t at = 0; at < n; at += CHUNK) {
        size_t left = n - at < CHUNK ? n - at : CHUNK;
        tensor_to_float(table->dtype, p + at * size, left, part);
        for (size_t i = 0; i < left; i++)
            out[at + i] += part[i];
    }
}

/* columns 0: a vector of `rows` numbers. */
static const struct tensor *find(struct loading *l, const char *name, size_t rows, size_t columns)
{
    const struct tensor_shape shape = {.rank = columns ? 2 : 1,
                                       .size = {(int64_t)rows, (int64_t)columns}};

    return tensor_map_need(l->weights->map, name, &shape, l->e);
}

static const float *copy_of(struct loading *l, const struct tensor *t, size_t n)
{
    struct clip_weights *w = l->weights;
    float *copy = malloc(n * sizeof(*copy));

    if (!copy) {
        err_set(l->e, ERR_NO_MEMORY, "no memory for the weights");
        return NULL;
    }
    clip_row_copy(t, 0, n, copy);
    w->copies[w->n_copies++] = copy;
    return copy;
}

/* A sum stays finite only if all numbers are: infinity times 0 is not a number. */
static bool all_finite(struct loading *l, const struct tensor *t)
{
    float part[CHUNK], sums[8] = {0};
    size_t size = tensor_dtype_size(t->dtype);

    for (size_t at = 0; at < t->count; at += CHUNK) {
        size_t left = t->count - at < CHUNK ? t->count - at : CHUNK;
        tensor_to_float(t->dtype, t->data + at * size, left, part);
        for (size_t i = 0; i < left; i++)
            sums[i % 8] += part[i] * 0;
    }
    for (size_t i = 1; i < 8; i++)
        sums[0] += sums[i];
    if (!isfinite(sums[0]))
        err_set(l->e, ERR_VALIDATION, "weights: " STR_FMT " has numbers that are not finite",
                STR_ARG(t->name));
    return isfinite(sums[0]);
}

static const float *take(struct loading *l, const char *name, size_t rows, size_t columns)
{
    const struct tensor *t = find(l, name, rows, columns);

    if (!t || !all_finite(l, t))
        return NULL;
    if (t->dtype == TENSOR_F32 && (uintptr_t)t->data % sizeof(float) == 0)
        return (const float *)(const void *)t->data;
    return copy_of(l, t, t->count);
}

static const struct tensor *take_table(struct loading *l, const char *name, size_t rows)
{
    const struct tensor *t = find(l, name, rows, l->config->width);

    return t && all_finite(l, t) ? t : NULL;
}

static bool take_norm(struct loading *l, struct clip_norm *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool take_linear(struct loading *l, struct clip_linear *n, size_t out, size_t in,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Both parts of what a module has, by the name that the format makes. */
static bool take_pair(struct loading *l, const char *module, size_t rows, size_t columns,
                      const float **weight, const float **bias)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof(name), "%s.weight", module);
    *weight = take(l, name, rows, columns);
    (void)snprintf(name, sizeof(name), "%s.bias", module);
    *bias = *weight ? take(l, name, rows, 0) : NULL;
    return *bias;
}

static bool take_norm(struct loading *l, struct clip_norm *n, const char *fmt, ...)
{
    char module[NAME_BYTES - 8];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(module, sizeof(module), fmt, args);
    va_end(args);
    return take_pair(l, module, l->config->width, 0, &n->scale, &n->shift);
}

static bool take_linear(struct loading *l, struct clip_linear *n, size_t out, size_t in,
                        const char *fmt, ...)
{
    char module[NAME_BYTES - 8];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(module, sizeof(module), fmt, args);
    va_end(args);
    n->out = out;
    n->in = in;
    return take_pair(l, module, out, in, &n->weight, &n->bias);
}

static bool take_layer(struct loading *l, size_t i, struct clip_layer *layer)
{
    static const char prefix[] = "text_model.encoder.layers";
    size_t width = l->config->width, inner = l->config->inner;

    return take_norm(l, &layer->before_attention, "%s.%zu.layer_norm1", prefix, i) &&
           take_linear(l, &layer->query, width, width, "%s.%zu.self_attn.q_proj", prefix, i) &&
           take_linear(l, &layer->key, width, width, "%s.%zu.self_attn.k_proj", prefix, i) &&
           take_linear(l, &layer->value, width, width, "%s.%zu.self_attn.v_proj", prefix, i) &&
           take_linear(l, &layer->output, width, width, "%s.%zu.self_attn.out_proj", prefix, i) &&
           take_norm(l, &layer->before_perceptron, "%s.%zu.layer_norm2", prefix, i) &&
           take_linear(l, &layer->up, inner, width, "%s.%zu.mlp.fc1", prefix, i) &&
           take_linear(l, &layer->down, width, inner, "%s.%zu.mlp.fc2", prefix, i);
}

/* Its size is that of the weights: in files of a whole CLIP text_config often says another. */
static bool take_projection(struct loading *l, struct clip_linear *p)
{
    static const char name[] = "text_projection.weight";
    const struct tensor_shape any = {.rank = 2, .size = {-1, (int64_t)l->config->width}};
    const struct tensor *t = tensor_map_need(l->weights->map, name, &any, l->e);

    if (!t)
        return false;
    p->in = l->config->width;
    p->out = (size_t)t->shape.size[0];
    if (p->out < 1 || p->out > PROJECTION_MAX) {
        err_set(l->e, ERR_VALIDATION, "weights: %s gives vectors of %zu numbers", name, p->out);
        return false;
    }
    p->weight = take(l, name, p->out, p->in);
    return p->weight;
}

static int take_all(struct loading *l)
{
    struct clip_weights *w = l->weights;
    const struct clip_config *c = l->config;

    w->tokens = take_table(l, "text_model.embeddings.token_embedding.weight", c->vocabulary);
    w->positions =
        w->tokens ? take_table(l, "text_model.embeddings.position_embedding.weight", c->positions)
                  : NULL;
    if (!w->positions)
        return -1;
    for (size_t i = 0; i < c->layers; i++)
        if (!take_layer(l, i, &w->layers[i]))
            return -1;
    if (!take_norm(l, &w->final, "text_model.final_layer_norm"))
        return -1;
    return take_projection(l, &w->projection) ? 0 : -1;
}

void clip_weights_hash(const struct clip_weights *w, char hash[65])
{
    size_t n = tensor_map_files(w->map);
    uint8_t digest[SHA256_BYTES];

    sha256(tensor_map_file(w->map, 0).bytes, digest);
    for (size_t i = 1; i < n; i++) {
        uint8_t both[2 * SHA256_BYTES];
        memcpy(both, digest, sizeof(digest));
        sha256(tensor_map_file(w->map, i).bytes, both + SHA256_BYTES);
        sha256((struct str){(const char *)both, sizeof(both)}, digest);
    }
    hex_encode(digest, sizeof(digest), hash);
}

int clip_weights_load(const char *directory, const struct clip_config *c, struct clip_weights *ret,
                      struct err *e)
{
    struct loading l = {.config = c, .weights = ret, .e = e};

    *ret = (struct clip_weights){0};
    ret->map = tensor_map_open(directory, e);
    if (!ret->map)
        return -1;
    ret->layers = calloc(c->layers, sizeof(*ret->layers));
    ret->copies = calloc(c->layers * TENSORS_A_LAYER + TENSORS_BESIDE, sizeof(*ret->copies));
    if (!ret->layers || !ret->copies)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return take_all(&l);
}

void clip_weights_free(struct clip_weights *w)
{
    for (size_t i = 0; i < w->n_copies; i++)
        free(w->copies[i]);
    free(w->copies);
    free(w->layers);
    tensor_map_free(w->map);
    *w = (struct clip_weights){0};
}
