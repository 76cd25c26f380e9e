/* Four numbers at a time, for loops that are written once and compiled twice: for every machine and
 * for those with AVX2. The compiler may use what instructions it likes; the operations and their
 * order are those of the text, and no multiplication is fused with an addition, so that the bits
 * are the same. Vectors go by pointer, because how they are passed by value depends on the target.
 */
#ifndef MONOCEROS_DOMAIN_LANES_H
#define MONOCEROS_DOMAIN_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 4 };

typedef double f64x4 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint64_t u64x4 __attribute__((vector_size(32)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));

#define LANES_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define LANES_WIDE __attribute__((target("avx2")))
#else
#define LANES_WIDE
#endif

/* Whether this machine can run functions marked LANES_WIDE. */
bool lanes_wide(void);

/* The first `width` values at p, then zeros. */
LANES_INLINE void lanes_load(const double *p, size_t width, f64x4 *out)
{
    if (width == LANES) {
        memcpy(out, p, sizeof(*out));
        return;
    }
    *out = (f64x4){0};
    for (size_t i = 0; i < width; i++)
        (*out)[i] = p[i];
}

LANES_INLINE void lanes_load_floats(const float *p, size_t width, f64x4 *out)
{
    if (width == LANES) { /* spelled out, gcc makes one instruction of it */
        *out = (f64x4){(double)p[0], (double)p[1], (double)p[2], (double)p[3]};
        return;
    }
    *out = (f64x4){0};
    for (size_t i = 0; i < width; i++)
        (*out)[i] = (double)p[i];
}

LANES_INLINE void lanes_store(const f64x4 *v, size_t width, double *out)
{
    if (width == LANES)
        memcpy(out, v, sizeof(*v));
    else
        for (size_t i = 0; i < width; i++)
            out[i] = (*v)[i];
}

LANES_INLINE void lanes_store_floats(const f64x4 *v, size_t width, float *out)
{
    f32x4 rounded = __builtin_convertvector(*v, f32x4);
    if (width == LANES)
        memcpy(out, &rounded, sizeof(rounded));
    else
        for (size_t i = 0; i < width; i++)
            out[i] = rounded[i];
}

/* How many of the lanes that start at i are below n. */
LANES_INLINE size_t lanes_width(size_t i, size_t n)
{
    return i + LANES <= n ? LANES : i < n ? n - i : 0;
}

/* The order in which the sum of squares of a vector is taken: even and odd groups of four apart. */
LANES_INLINE double lanes_total(const f64x4 *even, const f64x4 *odd)
{
    f64x4 s = *even + *odd;
    return (s[0] + s[2]) + (s[1] + s[3]);
}

#endif
