#include "server/domain/dots.h"

#include <string.h>

#if defined(__x86_64__)
#include <pthread.h>
#include <stdbool.h>
#endif

/* Two rows against four at a time: eight sums of 8 lanes each stay in registers. */
enum { ROWS = 2, COLUMNS = 4 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float f32_lanes __attribute__((vector_size(DOTS_STEP * sizeof(float))));
typedef double f64_lanes __attribute__((vector_size(DOTS_STEP / 2 * sizeof(double))));

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

ALWAYS_INLINE float sum_f32(const f32_lanes *v)
{
    float x[DOTS_STEP];
    memcpy(x, v, sizeof(x));
    return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

ALWAYS_INLINE double sum_f64(const f64_lanes *v)
{
    double x[DOTS_STEP / 2];
    memcpy(x, v, sizeof(x));
    return (x[0] + x[2]) + (x[1] + x[3]);
}

/* Rows beyond the last one are that one again: every sum is made in the same order. */
ALWAYS_INLINE void block_f32(const float *a[ROWS], const float *b[COLUMNS], size_t n,
                             float out[ROWS][COLUMNS])
{
    f32_lanes sum[ROWS][COLUMNS] = {0};
    for (size_t k = 0; k < n; k += DOTS_STEP) {
        f32_lanes x[ROWS], y;
        for (size_t i = 0; i < ROWS; i++)
            memcpy(&x[i], a[i] + k, sizeof(x[i]));
        for (size_t j = 0; j < COLUMNS; j++) {
            memcpy(&y, b[j] + k, sizeof(y));
            for (size_t i = 0; i < ROWS; i++)
                sum[i][j] += x[i] * y;
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            out[i][j] = sum_f32(&sum[i][j]);
}

ALWAYS_INLINE void block_f64(const double *a[ROWS], const double *b[COLUMNS], size_t n,
                             double out[ROWS][COLUMNS])
{
    f64_lanes sum[ROWS][COLUMNS] = {0};
    for (size_t k = 0; k < n; k += DOTS_STEP / 2) {
        f64_lanes x[ROWS], y;
        for (size_t i = 0; i < ROWS; i++)
            memcpy(&x[i], a[i] + k, sizeof(x[i]));
        for (size_t j = 0; j < COLUMNS; j++) {
            memcpy(&y, b[j] + k, sizeof(y));
            for (size_t i = 0; i < ROWS; i++)
                sum[i][j] += x[i] * y;
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            out[i][j] = sum_f64(&sum[i][j]);
}

/* One body for both types and for both sets of instructions. */
#define TILE(type, block)                                                                          \
    for (size_t i = 0; i < na; i += ROWS)                                                          \
        for (size_t j = 0; j < nb; j += COLUMNS) {                                                 \
            const type *x[ROWS], *y[COLUMNS];                                                      \
            type sums[ROWS][COLUMNS];                                                              \
            for (size_t r = 0; r < ROWS; r++)                                                      \
                x[r] = a + least(i + r, na - 1) * stride;                                          \
            for (size_t c = 0; c < COLUMNS; c++)                                                   \
                y[c] = b + least(j + c, nb - 1) * stride;                                          \
            block(x, y, stride, sums);                                                             \
            for (size_t r = 0; r < ROWS && i + r < na; r++)                                        \
                for (size_t c = 0; c < COLUMNS && j + c < nb; c++)                                 \
                    out[(i + r) * DOTS_TILE + j + c] = sums[r][c];                                 \
        }

void dots_f32_portable(const float *a, size_t na, const float *b, size_t nb, size_t stride,
                       float *out)
{
    TILE(float, block_f32)
}

void dots_f64_portable(const double *a, size_t na, const double *b, size_t nb, size_t stride,
                       double *out)
{
    TILE(double, block_f64)
}

#if defined(__x86_64__)

static bool has_avx;
static pthread_once_t avx_once = PTHREAD_ONCE_INIT;

static void look_for_avx(void)
{
    has_avx = __builtin_cpu_supports("avx");
}

__attribute__((target("avx"))) static void tile_f32_avx(const float *a, size_t na, const float *b,
                                                        size_t nb, size_t stride, float *out)
{
    TILE(float, block_f32)
}

__attribute__((target("avx"))) static void tile_f64_avx(const double *a, size_t na, const double *b,
                                                        size_t nb, size_t stride, double *out)
{
    TILE(double, block_f64)
}

void dots_f32(const float *a, size_t na, const float *b, size_t nb, size_t stride, float *out)
{
    (void)pthread_once(&avx_once, look_for_avx);
    (has_avx ? tile_f32_avx : dots_f32_portable)(a, na, b, nb, stride, out);
}

void dots_f64(const double *a, size_t na, const double *b, size_t nb, size_t stride, double *out)
{
    (void)pthread_once(&avx_once, look_for_avx);
    (has_avx ? tile_f64_avx : dots_f64_portable)(a, na, b, nb, stride, out);
}

#else

void dots_f32(const float *a, size_t na, const float *b, size_t nb, size_t stride, float *out)
{
    dots_f32_portable(a, na, b, nb, stride, out);
}

void dots_f64(const double *a, size_t na, const double *b, size_t nb, size_t stride, double *out)
{
    dots_f64_portable(a, na, b, nb, stride, out);
}

#endif
