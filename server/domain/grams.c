#include "server/domain/grams.h"

#include "server/base/cleanup.h"

struct gram_set {
    size_t words, mask;
    uint64_t slots[]; /* 0: free */
};

static uint64_t gram(const struct word *w, size_t n)
{
    return words_hash(w, n) | 1;
}

static size_t slot_of(const struct gram_set *g, uint64_t hash)
{
    size_t at = (hash >> 1) & g->mask;
    while (g->slots[at] && g->slots[at] != hash)
        at = (at + 1) & g->mask;
    return at;
}

static int add_grams(struct gram_set *g, struct str text)
{
    struct words w _cleanup_(words_free) = {NULL, 0};
    if (words_split(text, &w) < 0)
        return -1;
    for (size_t i = 0; i + g->words <= w.n; i++) {
        uint64_t hash = gram(&w.of[i], g->words);
        g->slots[slot_of(g, hash)] = hash;
    }
    return 0;
}

const struct gram_set *gram_set_new(const struct str *texts, size_t n, size_t words,
                                    struct arena *a)
{
    size_t bytes = 0, size = 64;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].n;
    while (size < bytes) /* a word and what divides it from the next take two bytes at least */
        size *= 2;
    struct gram_set *g = arena_alloc(a, sizeof(*g) + size * sizeof(g->slots[0]));
    if (!g)
        return NULL;
    g->words = words;
    g->mask = size - 1;
    for (size_t i = 0; i < n; i++)
        if (add_grams(g, texts[i]) < 0)
            return NULL;
    return g;
}

bool gram_set_meets(const struct gram_set *g, const struct words *w)
{
    for (size_t i = 0; g && i + g->words <= w->n; i++)
        if (g->slots[slot_of(g, gram(&w->of[i], g->words))])
            return true;
    return false;
}
