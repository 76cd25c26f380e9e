/* The same kernels for each vector unit. */
#ifndef MONOCEROS_PROVIDERS_CLIP_KERNELS_SETS_H
#define MONOCEROS_PROVIDERS_CLIP_KERNELS_SETS_H

#include "providers/clip/kernels.h"

extern const struct kernels kernels_base;
#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

#endif
