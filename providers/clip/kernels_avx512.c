/* Compiled for AVX-512 where the compiler can: see CMakeLists.txt. */
#include "providers/clip/kernels_sets.h"

#ifdef __AVX512F__
#define LANES        16
#define KERNELS      kernels_avx512
#define KERNELS_NAME "avx512"
#include "providers/clip/kernels_body.h"
#endif
