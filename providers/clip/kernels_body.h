/* The kernels in terms of vectors of LANES floats: included once for each vector unit, by a file
 * that is compiled for it and defines LANES and KERNELS. */
#include <math.h>
#include <string.h>

#include "providers/clip/kernels.h"

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(float))));

static inline vec load(const float *p)
{
    vec v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store(float *p, vec v)
{
    memcpy(p, &v, sizeof(v));
}

/* n < LANES; the others are 0. */
static inline vec load_some(const float *p, size_t n)
{
    vec v = {0};

    memcpy(&v, p, n * sizeof(*p));
    return v;
}

static inline vec splat(float x)
{
    return x - (vec){0};
}

static inline vec choose(ivec condition, vec yes, vec no)
{
    return (vec)((condition & (ivec)yes) | (~condition & (ivec)no));
}

static inline vec most(vec a, vec b)
{
    return choose((ivec)(a > b), a, b);
}

static inline float sum_of(vec v)
{
    float sum = 0;

    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

static inline float most_of(vec v)
{
    float best = v[0];

    for (int i = 1; i < LANES; i++)
        best = v[i] > best ? v[i] : best;
    return best;
}

/* e^x to 1e-7, for x cut off to where the result is a normal number: x = n ln 2 + r, n by the
 * number whose last bit counts ones, ln 2 in two parts, e^r by a polynomial fitted to |r| <= ln 2 /
 * 2. */
static inline vec exponential(vec x)
{
    const float to_ones = 12582912.0F; /* 1.5 * 2^23 */

    x = choose((ivec)(x < -87.0F), splat(-87.0F), x);
    x = choose((ivec)(x > 88.0F), splat(88.0F), x);
    vec t = x * 1.44269504F + to_ones;
    vec n = t - to_ones;
    vec r = x - n * 0.693145752F - n * 1.42860677e-6F;
    vec p = r * 0.00137511501F + 0.00836898759F;
    p = p * r + 0.0416695438F;
    p = p * r + 0.166665182F;
    p = p * r + 0.499999881F;
    p = p * r * r + r + 1.0F;
    return (vec)((ivec)p + ((ivec)t << 23));
}

static inline vec quick_gelu_of(vec x)
{
    return x / (1.0F + exponential(-1.702F * x));
}

/* x Phi(x). The smaller tail of Phi is erfc(t) / 2, t = |x| / sqrt(2), and erfc(t) = exp(-t^2)
 * g(t), where g is smooth: u times a polynomial in u = 1 / (1 + 0.4 t), fitted up to t = 9.5. */
static inline vec gelu_of(vec x)
{
    static const float fit[] = {0.207837477F,  -0.521622121F, 0.577459753F,
                                -0.309007078F, 0.285116464F,  0.125227004F,
                                0.21586138F,   0.224839911F,  0.225712612F};
    vec t = (vec)((ivec)x & 0x7fffffff) * 0.707106781F;
    vec u = 1.0F / (1.0F + 0.4F * t);
    vec g = splat(-0.0314254239F);

    for (size_t i = 0; i < sizeof(fit) / sizeof(*fit); i++)
        g = g * u + fit[i];
    vec tail = 0.5F * g * u * exponential(-t * t);
    return x * choose((ivec)(x < 0.0F), tail, 1.0F - tail);
}

/* Over x + bias, with the rest of each row that fills no vector. */
#define ACTIVATE(name)                                                                             \
    static void name(float *x, const float *bias, size_t rows, size_t n)                           \
    {                                                                                              \
        for (size_t r = 0; r < rows; r++, x += n) {                                                \
            size_t i = 0;                                                                          \
            for (; i + LANES <= n; i += LANES)                                                     \
                store(x + i, name##_of(load(x + i) + load(bias + i)));                             \
            if (i < n) {                                                                           \
                vec v = name##_of(load_some(x + i, n - i) + load_some(bias + i, n - i));           \
                memcpy(x + i, &v, (n - i) * sizeof(*x));                                           \
            }                                                                                      \
        }                                                                                          \
    }

ACTIVATE(quick_gelu)
ACTIVATE(gelu)

static void add_bias(float *x, const float *bias, size_t rows, size_t n, size_t stride)
{
    for (size_t r = 0; r < rows; r++, x += stride) {
        size_t i = 0;
        for (; i + LANES <= n; i += LANES)
            store(x + i, load(x + i) + load(bias + i));
        for (; i < n; i++)
            x[i] += bias[i];
    }
}

/* Returns the sum of the row. */
static inline float add_row(float *x, const float *bias, size_t n)
{
    vec sum = {0};
    float rest = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);
        if (bias) {
            v += load(bias + i);
            store(x + i, v);
        }
        sum += v;
    }
    for (; i < n; i++) {
        x[i] += bias ? bias[i] : 0;
        rest += x[i];
    }
    return sum_of(sum) + rest;
}

static inline float squares(const float *x, float mean, size_t n)
{
    vec sum = {0};
    float rest = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i) - mean;
        sum += v * v;
    }
    for (; i < n; i++)
        rest += (x[i] - mean) * (x[i] - mean);
    return sum_of(sum) + rest;
}

static void normalise(float *x, const float *bias, const float *scale, const float *shift,
                      float epsilon, size_t rows, size_t n, float *y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        float mean = add_row(x, bias, n) / (float)n;
        float by = 1.0F / sqrtf(squares(x, mean, n) / (float)n + epsilon);
        size_t i = 0;
        for (; i + LANES <= n; i += LANES)
            store(y + i, (load(x + i) - mean) * by * load(scale + i) + load(shift + i));
        for (; i < n; i++)
            y[i] = (x[i] - mean) * by * scale[i] + shift[i];
    }
}

static size_t padded(size_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* Keys as columns, so that a vector holds one coordinate of several positions. */
static void turn_keys(const struct attention *a, float *keys, size_t columns)
{
    for (size_t j = 0; j < a->len; j++) {
        const float *k = a->k + a->rows[j] * a->k_stride;
        for (size_t i = 0; i < a->width; i++)
            keys[i * columns + j] = k[i];
    }
    for (size_t i = 0; i < a->width; i++)
        for (size_t j = a->len; j < columns; j++)
            keys[i * columns + j] = 0;
}

/* Products of one query with the keys of all columns, four vectors at a time. */
static void score(const float *q, const float *keys, size_t columns, size_t n, size_t width,
                  float scale, float *scores)
{
    size_t j = 0;

    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        vec s[4] = {{0}};
        for (size_t i = 0; i < width; i++)
            for (size_t b = 0; b < 4; b++)
                s[b] += q[i] * load(keys + i * columns + j + b * LANES);
        for (size_t b = 0; b < 4; b++)
            store(scores + j + b * LANES, s[b] * scale);
    }
    for (; j < n; j += LANES) {
        vec even = {0}, odd = {0};
        size_t i = 0;
        for (; i + 2 <= width; i += 2) {
            even += q[i] * load(keys + i * columns + j);
            odd += q[i + 1] * load(keys + (i + 1) * columns + j);
        }
        if (i < width)
            even += q[i] * load(keys + i * columns + j);
        store(scores + j, (even + odd) * scale);
    }
}

/* Scores of n positions, padded to vectors, to their weights; returns what these add up to. */
static float soften(float *scores, size_t n)
{
    size_t columns = padded(n);
    vec high, sum = {0};

    for (size_t j = n; j < columns; j++)
        scores[j] = -INFINITY;
    high = load(scores);
    for (size_t j = LANES; j < columns; j += LANES)
        high = most(high, load(scores + j));
    float top = most_of(high);
    for (size_t j = 0; j < columns; j += LANES)
        store(scores + j, exponential(load(scores + j) - top));
    for (size_t j = n; j < columns; j++)
        scores[j] = 0;
    for (size_t j = 0; j < columns; j += LANES)
        sum += load(scores + j);
    return sum_of(sum);
}

/* The sum of the values of n positions by their weights. */
static void mix_values(const struct attention *a, const float *weights, size_t n, float by,
                       float *out)
{
    size_t c = 0;

    for (; c + 4 * LANES <= a->width; c += 4 * LANES) {
        vec s[4] = {{0}};
        for (size_t j = 0; j < n; j++) {
            const float *v = a->v + a->rows[j] * a->v_stride + c;
            for (size_t b = 0; b < 4; b++)
                s[b] += weights[j] * load(v + b * LANES);
        }
        for (size_t b = 0; b < 4; b++)
            store(out + c + b * LANES, s[b] * by);
    }
    for (; c < a->width; c += LANES) {
        size_t rest = a->width - c < LANES ? a->width - c : LANES;
        vec s = {0};
        for (size_t j = 0; j < n; j++)
            s += weights[j] * load_some(a->v + a->rows[j] * a->v_stride + c, rest);
        s *= by;
        memcpy(out + c, &s, rest * sizeof(*out));
    }
}

static void attend(const struct attention *a)
{
    size_t columns = padded(a->len);
    float *scores = a->scratch, *keys = a->scratch + columns;

    turn_keys(a, keys, columns);
    for (size_t i = a->first; i < a->len; i++) {
        size_t at = i - a->first;
        score(a->q + at * a->q_stride, keys, columns, padded(i + 1), a->width, a->scale, scores);
        float sum = soften(scores, i + 1);
        mix_values(a, scores, i + 1, 1.0F / sum, a->out + at * a->out_stride);
    }
}

const struct kernels KERNELS = {
    .name = KERNELS_NAME,
    .normalise = normalise,
    .add_bias = add_bias,
    .quick_gelu = quick_gelu,
    .gelu = gelu,
    .attend = attend,
};
