#include "server/domain/vector.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#endif

#include "server/domain/half.h"
#include "server/domain/lanes.h"

const char *const vector_types[] = {[VECTOR_F16] = "float16", [VECTOR_F32] = "float32", NULL};

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* Round to nearest even; NaN keeps the upper payload bits and becomes quiet, as the instruction
 * does. */
static uint16_t half_of(float v)
{
    enum { EXPONENT_SHIFT = 13, HALF_INFINITY = 0x7c00, QUIET = 0x200 };
    uint32_t bits = bits_of(v);
    uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000)
        return (uint16_t)(sign | HALF_INFINITY | QUIET | (size >> EXPONENT_SHIFT & 0x3ff));
    if (size >= 0x477ff000) /* 65520: half way from the largest half to what would follow */
        return (uint16_t)(sign | HALF_INFINITY);
    if (size < 0x38800000) /* below 2^-14: adding 0.5 lines the bits up and rounds them */
        return (uint16_t)(sign | (bits_of(float_of(size) + 0.5F) - bits_of(0.5F)));
    uint32_t odd = size >> EXPONENT_SHIFT & 1;
    return (uint16_t)(sign | ((size - (112U << 23) + 0xfff + odd) >> EXPONENT_SHIFT));
}

/* Exact: every half is a float. The exponent is moved by multiplying with 2^112, which also brings
 * subnormal halves to normal floats. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = bits_of(float_of(size) * 0x1p112F);
    if (size >= 0x7c00U << 13)
        bits = size | 0x7f800000 | (size > 0x7c00U << 13 ? 0x400000 : 0);
    return float_of(bits | sign);
}

void half_encode_portable(const float *v, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half = htole16(half_of(v[i]));
        memcpy(out + 2 * i, &half, sizeof(half));
    }
}

void half_decode_portable(const uint8_t *p, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, p + 2 * i, sizeof(half));
        out[i] = float_of_half(le16toh(half));
    }
}

#if defined(__x86_64__)

static bool has_instructions;
static pthread_once_t instructions_once = PTHREAD_ONCE_INIT;

static void look_for_instructions(void)
{
    unsigned a, b, c, d;
    has_instructions =
        __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool half_has_instructions(void)
{
    (void)pthread_once(&instructions_once, look_for_instructions);
    return has_instructions;
}

__attribute__((target("avx,f16c"))) void half_encode_fast(const float *v, size_t n, uint8_t *out)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(v + i), _MM_FROUND_TO_NEAREST_INT);
        memcpy(out + 2 * i, &half, sizeof(half));
    }
    half_encode_portable(v + i, n - i, out + 2 * i);
}

__attribute__((target("avx,f16c"))) void half_decode_fast(const uint8_t *p, size_t n, float *out)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half;
        memcpy(&half, p + 2 * i, sizeof(half));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
    half_decode_portable(p + 2 * i, n - i, out + i);
}

#else

bool half_has_instructions(void)
{
    return false;
}

void half_encode_fast(const float *v, size_t n, uint8_t *out)
{
    half_encode_portable(v, n, out);
}

void half_decode_fast(const uint8_t *p, size_t n, float *out)
{
    half_decode_portable(p, n, out);
}

#endif

void vector_to_f16(const float *v, size_t n, uint8_t *out)
{
    if (half_has_instructions())
        half_encode_fast(v, n, out);
    else
        half_encode_portable(v, n, out);
}

void vector_from_f16(const uint8_t *p, size_t n, float *out)
{
    if (half_has_instructions())
        half_decode_fast(p, n, out);
    else
        half_decode_portable(p, n, out);
}

/* Without branches, so that the compiler makes a loop over vectors of it. NaN becomes quiet: what
 * is left of its payload could be none, which would be an infinity. */
static uint16_t bf16_of(float v)
{
    enum { EXPONENT_SHIFT = 16, QUIET = 0x40 };
    uint32_t bits = bits_of(v);
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    uint32_t rounded = bits + 0x7fff + (bits >> EXPONENT_SHIFT & 1);
    return (uint16_t)(nan ? bits >> EXPONENT_SHIFT | QUIET : rounded >> EXPONENT_SHIFT);
}

void vector_to_bf16(const float *v, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t upper = htole16(bf16_of(v[i]));
        memcpy(out + 2 * i, &upper, sizeof(upper));
    }
}

void vector_to_f32(const float *v, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = htole32(bits_of(v[i]));
        memcpy(out + 4 * i, &bits, sizeof(bits));
    }
}

void vector_from_f32(const uint8_t *p, size_t n, float *out)
{
    memcpy(out, p, n * sizeof(*out));
#if __BYTE_ORDER == __BIG_ENDIAN
    for (size_t i = 0; i < n; i++)
        out[i] = float_of(le32toh(bits_of(out[i])));
#endif
}

enum vector_type vector_type_of(struct str name)
{
    return name.p && str_is(name, vector_types[VECTOR_F32]) ? VECTOR_F32 : VECTOR_F16;
}

size_t vector_bytes(enum vector_type type, size_t n)
{
    return type == VECTOR_F32 ? 4 * n : 2 * n;
}

void vector_encode(enum vector_type type, const float *v, size_t n, uint8_t *out)
{
    if (type == VECTOR_F32)
        vector_to_f32(v, n, out);
    else
        vector_to_f16(v, n, out);
}

bool vector_finite(const float *v, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (bits_of(v[i]) & 0x7f800000) == 0x7f800000;
    return !bad;
}

LANES_INLINE double squares_of(const float *v, size_t n)
{
    f64x4 even = {0}, odd = {0}, x;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        lanes_load_floats(v + i, LANES, &x);
        even += x * x;
        lanes_load_floats(v + i + LANES, LANES, &x);
        odd += x * x;
    }
    lanes_load_floats(v + i, lanes_width(i, n), &x);
    even += x * x;
    lanes_load_floats(v + i + LANES, lanes_width(i + LANES, n), &x);
    odd += x * x;
    return lanes_total(&even, &odd);
}

LANES_INLINE void scale(float *v, size_t width, double factor)
{
    f64x4 x;
    lanes_load_floats(v, width, &x);
    x *= factor;
    lanes_store_floats(&x, width, v);
}

LANES_INLINE bool normalise(float *v, size_t n)
{
    double norm = sqrt(squares_of(v, n));
    size_t i = 0;
    if (!isfinite(norm) || !(norm > 0))
        return false;
    for (; i + LANES <= n; i += LANES)
        scale(v + i, LANES, 1 / norm);
    scale(v + i, n - i, 1 / norm);
    return true;
}

static bool normalise_portable(float *v, size_t n)
{
    return normalise(v, n);
}

LANES_WIDE static bool normalise_wide(float *v, size_t n)
{
    return normalise(v, n);
}

bool vector_normalise(float *v, size_t n)
{
    return lanes_wide() ? normalise_wide(v, n) : normalise_portable(v, n);
}

bool vector_decode_unit(const uint8_t *p, size_t bytes, float *out, size_t n)
{
    if (n > 0 && bytes == 2 * n)
        vector_from_f16(p, n, out);
    else if (n > 0 && bytes == 4 * n)
        vector_from_f32(p, n, out);
    else
        return false;
    return vector_normalise(out, n);
}
