#include "server/domain/transfer.h"

#include <math.h>

#include "server/domain/lanes.h"
#include "server/domain/noise.h"
#include "server/json/write.h"

const char *const transfer_methods[] = {
    [TRANSFER_NONE] = "none",       [TRANSFER_MEAN_SHIFT] = "mean_shift",
    [TRANSFER_REALIGN] = "realign", [TRANSFER_NOISE] = "noise",
    [TRANSFER_METHOD_COUNT] = NULL,
};

/* Vectors have unit length and means are exact to 1e-16: a difference below this is what rounding
 * has left of nothing. */
static const double norm_least = 1e-12;

/* The differences that are brought to unit length. A difference is computed anew in every pass over
 * a vector: that is cheaper than to keep it, and lets the result overwrite the vector. */
enum difference {
    SHIFTED,       /* u - mean */
    SHIFTED_TO,    /* u - mean + image_mean */
    ALIGNED,       /* image_mean + scale (u - mean) */
    ALIGNED_AGAIN, /* factor * aligned - center + image_mean, factor being what normalises aligned
                    */
};

LANES_INLINE void difference(enum difference kind, const struct transfer *t, double factor,
                             const float *u, size_t i, size_t width, f64x4 *d)
{
    f64x4 mean, image, center;
    lanes_load_floats(u + i, width, d);
    lanes_load(t->mean + i, width, &mean);
    *d -= mean;
    if (kind == SHIFTED)
        return;
    lanes_load(t->image_mean + i, width, &image);
    if (kind == SHIFTED_TO) {
        *d += image;
        return;
    }
    *d = image + t->scale * *d;
    if (kind == ALIGNED)
        return;
    lanes_load(t->center + i, width, &center);
    *d = *d * factor - center + image;
}

LANES_INLINE double squares_of(enum difference kind, const struct transfer *t, double factor,
                               const float *u)
{
    f64x4 even = {0}, odd = {0}, d;
    size_t n = t->n, i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        difference(kind, t, factor, u, i, LANES, &d);
        even += d * d;
        difference(kind, t, factor, u, i + LANES, LANES, &d);
        odd += d * d;
    }
    difference(kind, t, factor, u, i, lanes_width(i, n), &d);
    even += d * d;
    difference(kind, t, factor, u, i + LANES, lanes_width(i + LANES, n), &d);
    odd += d * d;
    return lanes_total(&even, &odd);
}

/* What to multiply a difference with to give it unit length. */
static bool factor_of(double squares, double *factor)
{
    double norm = sqrt(squares);
    if (!isfinite(norm) || !(norm > norm_least))
        return false;
    *factor = 1 / norm;
    return true;
}

LANES_INLINE void write_floats(enum difference kind, const struct transfer *t, double factor,
                               double unit, const float *u, float *out)
{
    f64x4 d;
    size_t i = 0;
    for (; i + LANES <= t->n; i += LANES) {
        difference(kind, t, factor, u, i, LANES, &d);
        d *= unit;
        lanes_store_floats(&d, LANES, out + i);
    }
    difference(kind, t, factor, u, i, t->n - i, &d);
    d *= unit;
    lanes_store_floats(&d, t->n - i, out + i);
}

LANES_INLINE bool shift(enum difference kind, const struct transfer *t, const float *u, float *out)
{
    double unit;
    if (!factor_of(squares_of(kind, t, 1, u), &unit))
        return false;
    write_floats(kind, t, 1, t->raw ? 1 : unit, u, out);
    return true;
}

LANES_INLINE bool realign(const struct transfer *t, const float *u, float *out)
{
    double factor, unit;
    if (!factor_of(squares_of(ALIGNED, t, 1, u), &factor) ||
        !factor_of(squares_of(ALIGNED_AGAIN, t, factor, u), &unit))
        return false;
    write_floats(ALIGNED_AGAIN, t, factor, unit, u, out);
    return true;
}

LANES_INLINE bool realign_half(const struct transfer *t, const float *u, double *out)
{
    double factor;
    f64x4 d;
    if (!factor_of(squares_of(ALIGNED, t, 1, u), &factor))
        return false;
    size_t i = 0;
    for (; i + LANES <= t->n; i += LANES) {
        difference(ALIGNED, t, 1, u, i, LANES, &d);
        d *= factor;
        lanes_store(&d, LANES, out + i);
    }
    difference(ALIGNED, t, 1, u, i, t->n - i, &d);
    d *= factor;
    lanes_store(&d, t->n - i, out + i);
    return true;
}

/* Adds a group's noise to the values from `first` on; they wait in out, rounded once, for their
 * norm. */
LANES_INLINE void add_noise(const struct transfer *t, const double *e, const float *u, size_t first,
                            float *out, f64x4 *squares)
{
    f64x4 d, mean, noise;
    for (size_t i = first; i < t->n && i < first + NOISE_GROUP; i += LANES) {
        size_t width = lanes_width(i, t->n);
        lanes_load_floats(u + i, width, &d);
        if (t->centred) {
            lanes_load(t->mean + i, width, &mean);
            d -= mean;
        }
        lanes_load(e + (i - first), width, &noise);
        d += t->sigma * noise;
        squares[i / LANES % 2] += d * d;
        lanes_store_floats(&d, width, out + i);
    }
}

LANES_INLINE void scale_floats(float *v, size_t n, double factor)
{
    f64x4 x;
    for (size_t i = 0; i < n; i += LANES) {
        size_t width = lanes_width(i, n);
        lanes_load_floats(v + i, width, &x);
        x *= factor;
        lanes_store_floats(&x, width, v + i);
    }
}

LANES_INLINE bool noise(const struct transfer *t, const uint8_t *key, const float *u, float *out,
                        void (*group)(const struct noise *, uint32_t, double *))
{
    double e[NOISE_GROUP], unit;
    struct noise source;
    f64x4 squares[2] = {{0}};
    noise_init(&source, t->seed, (struct str){(const char *)key, TRANSFER_KEY_BYTES});
    for (size_t i = 0; i < t->n; i += NOISE_GROUP) {
        group(&source, (uint32_t)(i / NOISE_GROUP), e);
        add_noise(t, e, u, i, out, squares);
    }
    if (!factor_of(lanes_total(&squares[0], &squares[1]), &unit))
        return false;
    scale_floats(out, t->n, unit);
    return true;
}

LANES_INLINE bool apply(const struct transfer *t, const uint8_t *key, const float *u, float *out,
                        void (*group)(const struct noise *, uint32_t, double *))
{
    switch (t->method) {
    case TRANSFER_NONE:
        memmove(out, u, t->n * sizeof(*u));
        return true;
    case TRANSFER_MEAN_SHIFT:
        return t->image_mean ? shift(SHIFTED_TO, t, u, out) : shift(SHIFTED, t, u, out);
    case TRANSFER_REALIGN:
        return realign(t, u, out);
    case TRANSFER_NOISE:
        return noise(t, key, u, out, group);
    case TRANSFER_METHOD_COUNT:
        break;
    }
    return false;
}

bool transfer_apply_portable(const struct transfer *t, const uint8_t *key, const float *u,
                             float *out)
{
    return apply(t, key, u, out, noise_group_portable);
}

LANES_WIDE bool transfer_apply_wide(const struct transfer *t, const uint8_t *key, const float *u,
                                    float *out)
{
    return apply(t, key, u, out, noise_group_wide);
}

bool transfer_apply(const struct transfer *t, const uint8_t key[TRANSFER_KEY_BYTES], const float *u,
                    float *out)
{
    return lanes_wide() ? transfer_apply_wide(t, key, u, out)
                        : transfer_apply_portable(t, key, u, out);
}

static bool realign_half_portable(const struct transfer *t, const float *u, double *out)
{
    return realign_half(t, u, out);
}

LANES_WIDE static bool realign_half_wide(const struct transfer *t, const float *u, double *out)
{
    return realign_half(t, u, out);
}

bool transfer_realign_half(const struct transfer *t, const float *u, double *out)
{
    return lanes_wide() ? realign_half_wide(t, u, out) : realign_half_portable(t, u, out);
}

double transfer_sigma_of_cosine(double cosine, size_t n)
{
    return sqrt((1 / (cosine * cosine) - 1) / (double)n);
}

static void step(struct buf *out, const char *operation, const char *operand, const char *meaning)
{
    json_open(out, '{');
    json_key(out, "operation");
    json_z(out, operation);
    if (operand) {
        json_key(out, "operand");
        json_z(out, operand);
    }
    json_key(out, "meaning");
    json_z(out, meaning);
    json_close(out, '}');
}

void transfer_inference_json(enum transfer_method method, struct buf *out)
{
    json_open(out, '[');
    step(out, "l2_normalise", NULL, "divide the image vector by its Euclidean norm");
    if (method == TRANSFER_MEAN_SHIFT) {
        step(out, "subtract", "image_mean",
             "subtract the mean of the normalised vectors of the images at hand");
        step(out, "l2_normalise", NULL,
             "divide by the Euclidean norm again, as the training vectors were");
    }
    json_close(out, ']');
}
