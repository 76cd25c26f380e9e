#include "server/domain/lexical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_MIN = 256 };

bool lexical_init(struct lexical *l)
{
    memset(l, 0, sizeof(*l));
    for (int i = 0; i < LEXICAL_GRAMS; i++)
        distinct_init(&l->grams[i].distinct, LEXICAL_EXACT_MAX);
    l->buckets = calloc(LEXICAL_BUCKETS, sizeof(*l->buckets));
    return l->buckets;
}

static void free_scratch(struct lexical_scratch *s)
{
    free(s->grams);
    free(s->type);
    free(s->count);
    free(s->window);
    free(s->key);
    free(s->slot_type);
    free(s->mark);
}

void lexical_free(struct lexical *l)
{
    terms_free(&l->scratch.terms);
    free_scratch(&l->scratch);
    free(l->buckets);
    for (int i = 0; i < LEXICAL_GRAMS; i++)
        distinct_free(&l->grams[i].distinct);
    memset(l, 0, sizeof(*l));
}

/* Room for a text of n words. */
static bool make_room(struct lexical_scratch *s, size_t n)
{
    if (n <= s->cap)
        return true;
    struct lexical_scratch grown = {.terms = s->terms, .cap = s->cap ? s->cap : SCRATCH_MIN};
    while (grown.cap < n)
        grown.cap *= 2;
    grown.slots = 2 * grown.cap;
    grown.grams = calloc(grown.cap, sizeof(*grown.grams));
    grown.type = calloc(grown.cap, sizeof(*grown.type));
    grown.count = calloc(grown.cap, sizeof(*grown.count));
    grown.window = calloc(grown.cap, sizeof(*grown.window));
    grown.key = calloc(grown.slots, sizeof(*grown.key));
    grown.slot_type = calloc(grown.slots, sizeof(*grown.slot_type));
    grown.mark = calloc(grown.slots, sizeof(*grown.mark));
    if (!grown.grams || !grown.type || !grown.count || !grown.window || !grown.key ||
        !grown.slot_type || !grown.mark) {
        free_scratch(&grown);
        return false;
    }
    free_scratch(s);
    *s = grown;
    return true;
}

/* Numbers the words by type; how many types there are. */
static size_t number_types(struct lexical_scratch *s)
{
    size_t types = 0, last = s->slots - 1;
    if (++s->now == 0) { /* marks of 2^32 texts ago would come alive */
        memset(s->mark, 0, s->slots * sizeof(*s->mark));
        s->now = 1;
    }
    for (size_t i = 0; i < s->terms.n; i++) {
        uint64_t hash = s->terms.hash[i];
        size_t slot = hash & last;
        while (s->mark[slot] == s->now && s->key[slot] != hash)
            slot = (slot + 1) & last;
        if (s->mark[slot] != s->now) {
            s->mark[slot] = s->now;
            s->key[slot] = hash;
            s->slot_type[slot] = (uint32_t)types;
            s->count[types++] = 0;
        }
        s->type[i] = s->slot_type[slot];
        s->count[s->type[i]]++;
    }
    return types;
}

/* log2 N - (sum of c log2 c) / N, which is the entropy rearranged. */
static double entropy(const uint32_t *count, size_t types, double n)
{
    double sum = 0;
    for (size_t i = 0; i < types; i++)
        if (count[i] > 1)
            sum += count[i] * log2(count[i]);
    return log2(n) - sum / n;
}

static double moving_ratio(struct lexical_scratch *s, size_t types)
{
    size_t n = s->terms.n, in_window = 0, windows = 0;
    double sum = 0;
    if (n < LEXICAL_WINDOW)
        return (double)types / (double)n;
    memset(s->window, 0, types * sizeof(*s->window));
    for (size_t i = 0; i < n; i++) {
        in_window += s->window[s->type[i]]++ == 0;
        if (i + 1 < LEXICAL_WINDOW)
            continue;
        sum += (double)in_window;
        windows++;
        in_window -= --s->window[s->type[i + 1 - LEXICAL_WINDOW]] == 0;
    }
    return sum / LEXICAL_WINDOW / (double)windows;
}

static void measure(struct lexical_scratch *s, double one[LEXICAL_MEANS])
{
    size_t types = number_types(s);
    double n = (double)s->terms.n;
    one[LEXICAL_TYPE_TOKEN_RATIO] = (double)types / n;
    one[LEXICAL_ENTROPY] = entropy(s->count, types, n);
    one[LEXICAL_MOVING_RATIO] = moving_ratio(s, types);
    one[LEXICAL_NORMALISED_ENTROPY] = s->terms.n > 1 ? one[LEXICAL_ENTROPY] / log2(n) : 1;
}

static void add_grams(struct lexical *l)
{
    const struct terms *w = &l->scratch.terms;
    for (size_t n = 1; n <= LEXICAL_GRAMS && n <= w->n; n++) {
        size_t runs = w->n - n + 1;
        const uint64_t *hashes = w->hash;
        if (n > 1) {
            for (size_t i = 0; i < runs; i++)
                l->scratch.grams[i] = terms_gram(w->hash + i, n);
            hashes = l->scratch.grams;
        }
        l->grams[n - 1].total += (int64_t)runs;
        distinct_add(&l->grams[n - 1].distinct, hashes, runs);
    }
    for (size_t i = 0; i < w->n; i++)
        l->buckets[w->hash[i] % LEXICAL_BUCKETS]++;
}

bool lexical_add(struct lexical *l, struct str text, double one[LEXICAL_MEANS])
{
    double figures[LEXICAL_MEANS];
    struct lexical_scratch *s = &l->scratch;
    if (!terms_split(&s->terms, text) || !make_room(s, s->terms.n))
        return false;
    if (s->terms.n == 0)
        return true;
    measure(s, figures);
    l->texts++;
    for (int i = 0; i < LEXICAL_MEANS; i++) {
        l->sums[i] += figures[i];
        if (one)
            one[i] = figures[i];
    }
    add_grams(l);
    return true;
}

double lexical_mean(const struct lexical *l, enum lexical_mean which)
{
    return l->texts ? l->sums[which] / (double)l->texts : (double)NAN;
}

double lexical_distinct(const struct lexical *l, int n)
{
    const struct lexical_grams *g = &l->grams[n - 1];
    return g->total ? distinct_count(&g->distinct) / (double)g->total : (double)NAN;
}

static double total_of(const uint32_t *counts, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

/* The part of the mean of the divergences from p to the middle of p and q. */
static double towards_middle(double p, double q)
{
    return p > 0 ? 0.5 * p * log2(2 * p / (p + q)) : 0;
}

double jensen_shannon(const uint32_t *a, const uint32_t *b, size_t n)
{
    double total_a = total_of(a, n), total_b = total_of(b, n), sum = 0;
    if (total_a <= 0 || total_b <= 0)
        return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        double p = a[i] / total_a, q = b[i] / total_b;
        sum += towards_middle(p, q) + towards_middle(q, p);
    }
    return sum > 0 ? sum : 0; /* equal ones can come out a rounding error below */
}
