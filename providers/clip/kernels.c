#include "providers/clip/kernels.h"

#include "providers/clip/kernels_sets.h"

#ifdef __x86_64__
const struct kernels *kernels_get(int i)
{
    const struct kernels *here[4] = {NULL};
    int n = 0;

    if (__builtin_cpu_supports("avx512f"))
        here[n++] = &kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        here[n++] = &kernels_avx2;
    here[n++] = &kernels_base;
    return i < n ? here[i] : NULL;
}
#else
const struct kernels *kernels_get(int i)
{
    return i == 0 ? &kernels_base : NULL;
}
#endif

const struct kernels *kernels_best(void)
{
    return kernels_get(0);
}

size_t kernel_scratch(size_t len, size_t width)
{
    size_t columns = (len + KERNEL_LANES_MAX - 1) / KERNEL_LANES_MAX * KERNEL_LANES_MAX;

    return columns * (width + 1);
}
