#include "server/domain/transfer.h"

#include <math.h>
#include <string.h>

#include "server/base/hash.h"
#include "server/json/write.h"

const char *const transfer_methods[] = {
    [TRANSFER_NONE] = "none",         [TRANSFER_MEAN_SHIFT] = "mean_shift",
    [TRANSFER_REALIGN] = "realign",   [TRANSFER_NOISE] = "noise",
    [TRANSFER_METHOD_COUNT] = NULL,
};

static double shifted(const struct transfer *t, const float *u, size_t i)
{
    double d = (double)u[i] - t->mean[i];
    return t->image_mean ? d + t->image_mean[i] : d;
}

static bool mean_shift(const struct transfer *t, const float *u, float *out)
{
    double squares = 0;
    for (size_t i = 0; i < t->n; i++) {
        double d = shifted(t, u, i);
        squares += d * d;
    }
    double norm = t->raw ? 1 : sqrt(squares);
    if (!isfinite(norm) || !(norm > 0))
        return false;
    for (size_t i = 0; i < t->n; i++)
        out[i] = (float)(shifted(t, u, i) / norm);
    return true;
}

static double aligned(const struct transfer *t, const float *u, size_t i)
{
    return t->image_mean[i] + t->scale * ((double)u[i] - t->mean[i]);
}

static double align_norm(const struct transfer *t, const float *u)
{
    double squares = 0;
    for (size_t i = 0; i < t->n; i++) {
        double d = aligned(t, u, i);
        squares += d * d;
    }
    return sqrt(squares);
}

bool transfer_realign_half(const struct transfer *t, const float *u, double *out)
{
    double norm = align_norm(t, u);
    if (!isfinite(norm) || !(norm > 0))
        return false;
    for (size_t i = 0; i < t->n; i++)
        out[i] = aligned(t, u, i) / norm;
    return true;
}

static bool realign(const struct transfer *t, const float *u, float *out)
{
    double half = align_norm(t, u), squares = 0;
    if (!isfinite(half) || !(half > 0))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        double d = aligned(t, u, i) / half - t->center[i] + t->image_mean[i];
        squares += d * d;
    }
    double norm = sqrt(squares);
    if (!isfinite(norm) || !(norm > 0))
        return false;
    for (size_t i = 0; i < t->n; i++)
        out[i] = (float)((aligned(t, u, i) / half - t->center[i] + t->image_mean[i]) / norm);
    return true;
}

static uint64_t next_word(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static double normal(uint64_t *state)
{
    double a = ((double)(next_word(state) >> 11) + 0.5) * 0x1p-53;
    double b = ((double)(next_word(state) >> 11) + 0.5) * 0x1p-53;
    return sqrt(-2 * log(a)) * cos(6.283185307179586 * b);
}

static double noised(const struct transfer *t, const float *u, size_t i, uint64_t *state)
{
    double d = (double)u[i] + t->sigma * normal(state);
    return t->centred ? d - t->mean[i] : d;
}

static bool noise(const struct transfer *t, const uint8_t *key, const float *u, float *out)
{
    uint64_t seed = load_be64(key) ^ load_be64(key + 16) ^ t->seed, state = seed;
    double squares = 0;
    for (size_t i = 0; i < t->n; i++) {
        double d = noised(t, u, i, &state);
        squares += d * d;
    }
    double norm = sqrt(squares);
    if (!isfinite(norm) || !(norm > 0))
        return false;
    state = seed;
    for (size_t i = 0; i < t->n; i++)
        out[i] = (float)(noised(t, u, i, &state) / norm);
    return true;
}

bool transfer_apply(const struct transfer *t, const uint8_t key[TRANSFER_KEY_BYTES], const float *u,
                    float *out)
{
    switch (t->method) {
    case TRANSFER_NONE:
        memmove(out, u, t->n * sizeof(*u));
        return true;
    case TRANSFER_MEAN_SHIFT:
        return mean_shift(t, u, out);
    case TRANSFER_REALIGN:
        return realign(t, u, out);
    case TRANSFER_NOISE:
        return noise(t, key, u, out);
    case TRANSFER_METHOD_COUNT:
        break;
    }
    return false;
}

double transfer_sigma_of_cosine(double cosine, size_t n)
{
    return sqrt((1 / (cosine * cosine) - 1) / (double)n);
}

void transfer_inference_json(enum transfer_method method, struct buf *out)
{
    json_raw(out, method == TRANSFER_NONE ? STR("[1]") : STR("[2]"));
}
