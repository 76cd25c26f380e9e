#include "server/domain/transfer.h"

#include <math.h>
#include <string.h>

#include "server/json/write.h"

const char *const transfer_methods[] = {
    [TRANSFER_NONE] = "none",
    [TRANSFER_MEAN_SHIFT] = "mean_shift",
    [TRANSFER_METHOD_COUNT] = NULL,
};

static bool mean_shift(const struct transfer *t, const float *u, float *out)
{
    double squares = 0;
    for (size_t i = 0; i < t->n; i++) {
        double d = (double)u[i] - t->mean[i];
        squares += d * d;
    }
    double norm = sqrt(squares);
    if (!isfinite(norm) || !(norm > 0))
        return false;
    for (size_t i = 0; i < t->n; i++)
        out[i] = (float)(((double)u[i] - t->mean[i]) / norm);
    return true;
}

bool transfer_apply(const struct transfer *t, const float *u, float *out)
{
    switch (t->method) {
    case TRANSFER_NONE:
        memmove(out, u, t->n * sizeof(*u));
        return true;
    case TRANSFER_MEAN_SHIFT:
        return mean_shift(t, u, out);
    case TRANSFER_METHOD_COUNT:
        break;
    }
    return false;
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
