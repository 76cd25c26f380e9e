#include "server/domain/noise.h"

#include <endian.h>

#include "server/base/hash.h"
#include "server/domain/lanes.h"

enum { BLOCKS = 8, WORDS = 16, PAIRS = WORDS / 2, DOUBLE_ROUNDS = 4 };

void noise_init(struct noise *s, uint64_t seed, struct str key)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t big = htobe64(seed);
    const struct str parts[] = {STR("noise:"), {(const char *)&big, sizeof(big)}, key};
    sha256_parts(parts, 3, digest);
    for (size_t i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, digest + 4 * i, sizeof(word));
        s->key[i] = le32toh(word);
    }
}

LANES_INLINE void quarter(u32x8 *a, u32x8 *b, u32x8 *c, u32x8 *d)
{
    *a += *b;
    *d ^= *a;
    *d = *d << 16 | *d >> 16;
    *c += *d;
    *b ^= *c;
    *b = *b << 12 | *b >> 20;
    *a += *b;
    *d ^= *a;
    *d = *d << 8 | *d >> 24;
    *c += *d;
    *b ^= *c;
    *b = *b << 7 | *b >> 25;
}

LANES_INLINE void chacha(const struct noise *s, uint32_t group, uint32_t out[WORDS][BLOCKS])
{
    static const uint32_t words[] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    u32x8 start[WORDS] = {{0}}, x[WORDS];
    for (size_t i = 0; i < 4; i++)
        start[i] += words[i];
    for (size_t i = 0; i < 8; i++)
        start[4 + i] += s->key[i];
    start[12] = (u32x8){0, 1, 2, 3, 4, 5, 6, 7} + group * BLOCKS;
    memcpy(x, start, sizeof(x));
    for (int r = 0; r < DOUBLE_ROUNDS; r++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (size_t i = 0; i < WORDS; i++) {
        x[i] += start[i];
        memcpy(out[i], &x[i], sizeof(x[i]));
    }
}

/* ln of values in [2^-33, 1): v is 2^e m with m around 1, and ln m = 2 artanh((m-1)/(m+1)), of
 * which ten terms of the series are enough below m = sqrt 2. */
LANES_INLINE void logarithm(f64x4 *v)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    const uint64_t fraction = 0x000fffffffffffff, two_52 = 0x4330000000000000;
    u64x4 bits = (u64x4)*v + (one - root_half);
    f64x4 e = (f64x4)(bits >> 52 | two_52) - (0x1p52 + 1023);
    f64x4 m = (f64x4)((bits & fraction) + root_half);
    f64x4 s = (m - 1.0) / (m + 1.0), z = s * s, sum = z * (1.0 / 19);
    static const double terms[] = {1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                   1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
    for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++)
        sum = z * (sum + terms[i]);
    *v = e * 0x1.62e42fefa39efp-1 + (s + s) + (s + s) * sum;
}

/* Newton's iteration for 1/sqrt(v), from a start that is 4 % off at most: four steps square that to
 * nothing. */
LANES_INLINE void square_root(f64x4 *v)
{
    f64x4 y = (f64x4)(0x5fe6eb50c7b537a9 - ((u64x4)*v >> 1)), half = *v * 0.5;
    for (int i = 0; i < 4; i++)
        y = y * (1.5 - half * y * y);
    *v *= y;
}

/* Sine and cosine of angles up to a quarter of pi, by their series. */
LANES_INLINE void sine_cosine(const f64x4 *angle, f64x4 *sine, f64x4 *cosine)
{
    enum { TERMS = 7 };
    static const double of_sine[TERMS - 1] = {1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880,
                                              -1.0 / 5040,      1.0 / 120,       -1.0 / 6};
    static const double of_cosine[TERMS] = {-1.0 / 87178291200,
                                            1.0 / 479001600,
                                            -1.0 / 3628800,
                                            1.0 / 40320,
                                            -1.0 / 720,
                                            1.0 / 24,
                                            -0.5};
    f64x4 x = *angle, z = x * x, s = z * (-1.0 / 1307674368000), c = z * (1.0 / 20922789888000);
    for (size_t i = 0; i < TERMS - 1; i++) {
        s = z * (s + of_sine[i]);
        c = z * (c + of_cosine[i]);
    }
    *sine = x + x * s;
    *cosine = 1.0 + z * (c + of_cosine[TERMS - 1]);
}

LANES_INLINE void doubles_of(i32x4 v, f64x4 *out)
{
    *out = (f64x4){(double)v[0], (double)v[1], (double)v[2], (double)v[3]};
}

/* Four numbers from the cosine and four from the sine. The angle is q right angles and a rest of at
 * most half of one, which choose sign and function. */
LANES_INLINE void box_muller(const uint32_t *radii, const uint32_t *angles, double *first,
                             double *second)
{
    u32x4 radius, angle;
    f64x4 r, rest, sine, cosine;
    memcpy(&radius, radii, sizeof(radius));
    memcpy(&angle, angles, sizeof(angle));
    u32x4 q = (angle + (1U << 29)) >> 30;
    u64x4 right_angles = {q[0], q[1], q[2], q[3]}, odd = -(right_angles & 1);
    doubles_of((i32x4)(radius ^ 1U << 31), &r);
    doubles_of((i32x4)(angle - (q << 30)), &rest);
    r = (r + (0x1p31 + 0.5)) * 0x1p-32;
    rest *= 0x1.921fb54442d18p+0 * 0x1p-30;
    logarithm(&r);
    r *= -2.0;
    square_root(&r);
    sine_cosine(&rest, &sine, &cosine);
    u64x4 s = ((u64x4)sine & ~odd) | ((u64x4)cosine & odd);
    u64x4 c = ((u64x4)cosine & ~odd) | ((u64x4)sine & odd);
    f64x4 x = r * (f64x4)(c ^ (right_angles + 1) >> 1 << 63);
    f64x4 y = r * (f64x4)(s ^ right_angles >> 1 << 63);
    memcpy(first, &x, sizeof(x));
    memcpy(second, &y, sizeof(y));
}

LANES_INLINE void group_of(const struct noise *s, uint32_t group, double *out)
{
    uint32_t words[WORDS][BLOCKS];
    chacha(s, group, words);
    for (size_t w = 0; w < PAIRS; w++)
        for (size_t b = 0; b < BLOCKS; b += LANES) {
            double *first = out + w * BLOCKS + b;
            box_muller(words[w] + b, words[w + PAIRS] + b, first, first + NOISE_GROUP / 2);
        }
}

void noise_group_portable(const struct noise *s, uint32_t group, double out[NOISE_GROUP])
{
    group_of(s, group, out);
}

LANES_WIDE void noise_group_wide(const struct noise *s, uint32_t group, double out[NOISE_GROUP])
{
    group_of(s, group, out);
}

void noise_group(const struct noise *s, uint32_t group, double out[NOISE_GROUP])
{
    if (lanes_wide())
        noise_group_wide(s, group, out);
    else
        noise_group_portable(s, group, out);
}
