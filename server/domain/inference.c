#include "server/domain/inference.h"

#include "server/json/write.h"

const char *const transfer_vectors[] = {
    [VECTOR_TEXT_MEAN] = "text_mean",
    [VECTOR_IMAGE_MEAN] = "image_mean",
    [VECTOR_CENTER] = "center",
    [TRANSFER_VECTORS] = NULL,
};

static void open_step(struct buf *out, const char *operation)
{
    json_open(out, '{');
    json_key(out, "operation");
    json_z(out, operation);
}

static void close_step(struct buf *out, const char *meaning)
{
    json_key(out, "meaning");
    json_z(out, meaning);
    json_close(out, '}');
}

static void step(struct buf *out, const char *operation, const char *operand, const char *meaning)
{
    open_step(out, operation);
    if (operand) {
        json_key(out, "operand");
        json_z(out, operand);
    }
    close_step(out, meaning);
}

static void normalise(struct buf *out)
{
    step(out, "l2_normalise", NULL, "divide by the Euclidean norm");
}

bool transfer_needs_own_images(const struct transfer *t)
{
    return (t->method == TRANSFER_MEAN_SHIFT && !t->image_mean) ||
           (t->method == TRANSFER_NOISE && t->centred);
}

void transfer_inference_write(const struct transfer *t, struct buf *out)
{
    json_open(out, '[');
    step(out, "l2_normalise", NULL, "divide the image vector by its Euclidean norm");
    if (transfer_needs_own_images(t)) {
        open_step(out, "subtract");
        json_key(out, "operand");
        json_z(out, "image_mean");
        json_key(out, "source");
        json_z(out, "own_images");
        close_step(out,
                   "subtract the mean of the normalised vectors of the images at hand: it must "
                   "come from the images that the model will see, a mean of others does not "
                   "centre them");
        if (!t->raw)
            step(out, "l2_normalise", NULL,
                 "divide by the Euclidean norm again, as the training vectors were");
    }
    json_close(out, ']');
}

static void realign_steps(const struct transfer *t, struct buf *out)
{
    step(out, "subtract", "text_mean", "subtract the mean of the text embeddings");
    open_step(out, "multiply");
    json_key(out, "factor");
    json_double(out, t->scale);
    close_step(out, "bring the trace to the images': the root of the ratio of the traces");
    step(out, "add", "image_mean", "add the mean of the image embeddings");
    normalise(out);
    step(out, "subtract", "center", "subtract the mean of what the steps so far give");
    step(out, "add", "image_mean", "add the mean of the image embeddings");
    normalise(out);
}

static void noise_steps(const struct transfer *t, struct buf *out)
{
    if (t->centred)
        step(out, "subtract", "text_mean", "subtract the mean of the text embeddings");
    open_step(out, "add_noise");
    json_key(out, "sigma");
    json_double(out, t->sigma);
    json_key(out, "seed");
    json_int(out, (int64_t)t->seed);
    close_step(out, "add normal noise of this standard deviation to each coordinate, drawn by seed "
                    "and caption id");
    normalise(out);
}

void transfer_steps_write(const struct transfer *t, struct buf *out)
{
    json_open(out, '[');
    normalise(out);
    if (t->method == TRANSFER_MEAN_SHIFT) {
        step(out, "subtract", "text_mean", "subtract the mean of the text embeddings");
        if (t->image_mean)
            step(out, "add", "image_mean", "add the mean of the image embeddings");
        if (!t->raw)
            normalise(out);
    }
    if (t->method == TRANSFER_REALIGN)
        realign_steps(t, out);
    if (t->method == TRANSFER_NOISE)
        noise_steps(t, out);
    json_close(out, ']');
}
