#include "server/domain/distinct.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024, AHEAD = 12 };

void distinct_init(struct distinct *d, size_t bound)
{
    memset(d, 0, sizeof(*d));
    d->bound = bound;
}

void distinct_free(struct distinct *d)
{
    free(d->slots);
    d->slots = NULL;
    d->n = d->cap = 0;
}

/* 0 marks a free slot, so that the value 0 shares the place of 1. */
static inline uint64_t value_of(uint64_t hash)
{
    return hash ? hash : 1;
}

static inline uint64_t *place_of(const struct distinct *d, uint64_t hash)
{
    return &d->slots[hash & (d->cap - 1)];
}

/* True when it was not there. */
static inline bool insert(struct distinct *d, uint64_t hash)
{
    const uint64_t *end = d->slots + d->cap;
    uint64_t *slot = place_of(d, hash);
    while (*slot && *slot != hash)
        if (++slot == end)
            slot = d->slots;
    bool is_new = !*slot;
    *slot = hash;
    return is_new;
}

static void go_over_to_estimates(struct distinct *d)
{
    for (size_t i = 0; i < d->cap; i++)
        if (d->slots[i])
            hyperloglog_add(&d->sketch, d->slots[i]);
    distinct_free(d);
    d->estimated = true;
}

/* Room for one more in a table that stays half empty; false when there is no memory. */
static bool make_room(struct distinct *d)
{
    if (2 * (d->n + 1) <= d->cap)
        return true;
    struct distinct grown = {.cap = d->cap ? 2 * d->cap : SLOTS_MIN};
    grown.slots = calloc(grown.cap, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < d->cap; i++)
        if (d->slots[i])
            (void)insert(&grown, d->slots[i]);
    free(d->slots);
    d->slots = grown.slots;
    d->cap = grown.cap;
    return true;
}

static void estimate(struct distinct *d, const uint64_t *hashes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hyperloglog_add(&d->sketch, value_of(hashes[i]));
}

void distinct_add(struct distinct *d, const uint64_t *hashes, size_t n)
{
    if (d->estimated) {
        estimate(d, hashes, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!make_room(d) || d->n > d->bound) {
            go_over_to_estimates(d);
            estimate(d, hashes + i, n - i);
            return;
        }
        if (i + AHEAD < n)
            __builtin_prefetch(place_of(d, hashes[i + AHEAD]), 1);
        d->n += insert(d, value_of(hashes[i]));
    }
    if (d->n > d->bound)
        go_over_to_estimates(d);
}

double distinct_count(const struct distinct *d)
{
    return d->estimated ? hyperloglog_estimate(&d->sketch) : (double)d->n;
}

double distinct_standard_error(const struct distinct *d)
{
    return d->estimated ? HYPERLOGLOG_STANDARD_ERROR : 0;
}
