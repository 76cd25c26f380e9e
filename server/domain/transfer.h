/* The transfers from embedding to representation. Applied on read and at export by this one
 * function, whose bits depend on nothing but its arguments: neither on the machine, nor on its
 * libraries, nor on the number of threads. */
#ifndef MONOCEROS_DOMAIN_TRANSFER_H
#define MONOCEROS_DOMAIN_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

enum transfer_method {
    TRANSFER_NONE,
    TRANSFER_MEAN_SHIFT,
    TRANSFER_REALIGN,
    TRANSFER_NOISE,
    TRANSFER_METHOD_COUNT
};

enum { TRANSFER_KEY_BYTES = 24 };

extern const char *const transfer_methods[]; /* names by number, NULL-terminated */

/* A prepared transfer: the method bound to constants. Vectors have n values. */
struct transfer {
    enum transfer_method method;
    size_t n;
    const double *mean;       /* of the text embeddings: mean_shift, realign, noise with centred */
    const double *image_mean; /* realign; mean_shift: added after the subtraction, or NULL */
    const double *center;     /* realign: mean of what the second step gives */
    double scale;             /* realign: root of the ratio of the traces, images to texts */
    bool raw;                 /* mean_shift without the last normalisation */
    bool centred;             /* noise: Norm(u - mean + e), else Norm(u + e) */
    double sigma;             /* noise: standard deviation per coordinate */
    uint64_t seed;            /* noise */
};

/* Representation of one unit-length embedding u, computed in float64; out may be u.
 *   none         u
 *   mean_shift   Norm(u - mean + image_mean), the formula of Unicorn (arXiv 2503.22655) when there
 *                is no image mean; with raw without Norm, as its released script has it
 *   realign      ReAlign (arXiv 2602.07026): Norm(Norm(image_mean + scale (u - mean)) - center
 *                + image_mean)
 *   noise        CapDec's Norm(u + e) or, centred, C3's Norm(u - mean + e); e is the noise of
 *                (seed, key), see noise.h
 * The key is the caption's id, 16 bytes of its seed and 8 of its hash, or the first 24 bytes of
 * SHA-256 of a free text; only noise looks at it. False when nothing but rounding is left of the
 * difference, or when it is not finite; what is in out then means nothing. */
bool transfer_apply(const struct transfer *t, const uint8_t key[TRANSFER_KEY_BYTES], const float *u,
                    float *out);
/* realign's second step, Norm(image_mean + scale (u - mean)), for the pass that finds center. */
bool transfer_realign_half(const struct transfer *t, const float *u, double *out);
/* The sigma whose noise leaves a unit vector with this cosine to itself, in expectation: the root
 * of (1/cosine^2 - 1)/n, as the noise's norm is sigma times the root of n. */
double transfer_sigma_of_cosine(double cosine, size_t n);

/* The two ways to apply a transfer, apart so that a test can compare them; the second needs
 * lanes_wide() of lanes.h. */
bool transfer_apply_portable(const struct transfer *t, const uint8_t *key, const float *u,
                             float *out);
bool transfer_apply_wide(const struct transfer *t, const uint8_t *key, const float *u, float *out);

/* The image-side rule for inference as a JSON array of steps that a program can follow. */
void transfer_inference_json(enum transfer_method method, struct buf *out);

#endif
