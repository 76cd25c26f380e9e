/* Seeded choices: one SHA-256 decides the state, splitmix64 draws from it. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_CHOOSE_H
#define MONOCEROS_PROVIDERS_OFFLINE_CHOOSE_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

struct choice {
    uint64_t state;
};

enum { CHOICE_PARTS_MAX = 6 };

/* The parts are hashed with their lengths, so that no two lists of parts share a state by
 * shifting bytes from one part to the next. At most CHOICE_PARTS_MAX parts count. */
void choice_init(struct choice *c, const struct str *parts, size_t n);
uint64_t choice_next(struct choice *c);
/* Uniform enough for tables of a few hundred rows; n = 0 gives 0. */
unsigned choice_below(struct choice *c, unsigned n);
/* Fisher-Yates. */
void choice_shuffle(struct choice *c, uint8_t *items, size_t n);

#endif
