/* What a transformer does between its matrix products, for the vector units of this machine. All
 * matrices are row by row and dense unless a stride is named; units are floats. Pure. */
#ifndef MONOCEROS_PROVIDERS_CLIP_KERNELS_H
#define MONOCEROS_PROVIDERS_CLIP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_LANES_MAX = 16 };

/* Causal attention of one head of one sequence. Position i of the sequence stands in row rows[i] of
 * k and v; its positions `first` up to `len` ask, and stand in the rows of q and out from 0 on. */
struct attention {
    const float *q, *k, *v;
    size_t q_stride, k_stride, v_stride, out_stride;
    const uint32_t *rows;
    size_t first, len, width;
    float scale;
    float *out;
    float *scratch; /* kernel_scratch(len, width) floats */
};

struct kernels {
    const char *name;
    /* x += bias; y = the rows of x with mean 0 and variance 1, times scale, plus shift. bias may be
     * NULL. */
    void (*normalise)(float *x, const float *bias, const float *scale, const float *shift,
                      float epsilon, size_t rows, size_t n, float *y);
    void (*add_bias)(float *x, const float *bias, size_t rows, size_t n, size_t stride);
    /* x = f(x + bias): x sigmoid(1.702 x), and x times the normal distribution's function of x. */
    void (*quick_gelu)(float *x, const float *bias, size_t rows, size_t n);
    void (*gelu)(float *x, const float *bias, size_t rows, size_t n);
    void (*attend)(const struct attention *a);
};

/* Those for the machine that this runs on. */
const struct kernels *kernels_best(void);
/* All that run here, for tests; NULL past the last. */
const struct kernels *kernels_get(int i);

size_t kernel_scratch(size_t len, size_t width);

#endif
