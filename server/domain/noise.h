/* Seeded normal noise: the same numbers for the same seed and key on every machine, in any order
 * and by any number of threads.
 *
 * SHA-256("noise:" || seed, 8 bytes, big-endian || key) is a key of ChaCha with 8 rounds (nonce 0,
 * counter from 0). Its words come in groups of eight blocks, 128 words; word w of block b of a
 * group is W[w][b]. For w below 8, W[w][b] gives a radius and W[w + 8][b] an angle (Box and
 * Muller): radius = sqrt(-2 ln((W[w][b] + 1/2) / 2^32)), angle = 2 pi W[w + 8][b] / 2^32, and
 * radius cos(angle) is number 8w + b of the group, radius sin(angle) number 64 + 8w + b. Logarithm,
 * root, sine and cosine are polynomials and iterations of our own, exact to 1e-14, because those of
 * a library change with its version. */
#ifndef MONOCEROS_DOMAIN_NOISE_H
#define MONOCEROS_DOMAIN_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

enum { NOISE_GROUP = 128 };

struct noise {
    uint32_t key[8];
};

void noise_init(struct noise *s, uint64_t seed, struct str key);
/* The numbers NOISE_GROUP * group and on, of mean 0 and variance 1. */
void noise_group(const struct noise *s, uint32_t group, double out[NOISE_GROUP]);

/* The two ways to compute a group, apart so that a test can compare them; the second needs
 * lanes_wide(). */
void noise_group_portable(const struct noise *s, uint32_t group, double out[NOISE_GROUP]);
void noise_group_wide(const struct noise *s, uint32_t group, double out[NOISE_GROUP]);

#endif
