#include "providers/offline/choose.h"

#include "server/base/hash.h"

void choice_init(struct choice *c, const struct str *parts, size_t n)
{
    uint8_t lengths[CHOICE_PARTS_MAX * 4];
    struct str all[CHOICE_PARTS_MAX + 1];
    uint8_t digest[SHA256_BYTES];

    if (n > CHOICE_PARTS_MAX)
        n = CHOICE_PARTS_MAX;
    for (size_t i = 0; i < n; i++) {
        for (unsigned b = 0; b < 4; b++)
            lengths[i * 4 + b] = (uint8_t)(parts[i].n >> (8 * b));
        all[i + 1] = parts[i];
    }
    all[0] = (struct str){(const char *)lengths, n * 4};
    sha256_parts(all, n + 1, digest);
    c->state = load_be64(digest);
}

/* splitmix64, after Steele, Lea and Flood (2014). */
uint64_t choice_next(struct choice *c)
{
    uint64_t z = (c->state += 0x9E3779B97F4A7C15U);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

unsigned choice_below(struct choice *c, unsigned n)
{
    return (unsigned)(((choice_next(c) >> 32) * n) >> 32);
}

void choice_shuffle(struct choice *c, uint8_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = choice_below(c, (unsigned)i);
        uint8_t held = items[i - 1];

        items[i - 1] = items[j];
        items[j] = held;
    }
}
