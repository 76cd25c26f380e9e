/* Compiled for AVX2 and FMA where the compiler can: see CMakeLists.txt. */
#include "providers/clip/kernels_sets.h"

#if defined(__AVX2__) && defined(__FMA__)
#define LANES        8
#define KERNELS      kernels_avx2
#define KERNELS_NAME "avx2"
#include "providers/clip/kernels_body.h"
#endif
