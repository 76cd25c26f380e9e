/* Sets of runs of words: what a caption and its instructions have in common. */
#ifndef MONOCEROS_DOMAIN_GRAMS_H
#define MONOCEROS_DOMAIN_GRAMS_H

#include <stdbool.h>

#include "server/base/arena.h"
#include "server/domain/words.h"

struct gram_set;
/* All runs of so many words of n texts. Memory of the arena, NULL when there is none left. */
const struct gram_set *gram_set_new(const struct str *texts, size_t n, size_t words,
                                    struct arena *a);
/* Whether one of them is in w. A NULL set is empty. */
bool gram_set_meets(const struct gram_set *g, const struct words *w);

#endif
