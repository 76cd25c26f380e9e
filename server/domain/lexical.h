/* Lexical diversity: of single texts, averaged, and of all texts together. Words are those of
 * terms.h. Definitions, for a text of N words of which V differ and word w stands c(w) times:
 *   type-token ratio         V / N
 *   entropy                  -sum of p log2 p over p = c(w) / N, in bits
 *   moving type-token ratio  mean of V / 50 over all stretches of 50 words in a row (Covington and
 *                            McFall, 2010); the plain ratio when N < 50
 *   normalised entropy       entropy / log2 N; 1 when N = 1
 *   distinct-n               different runs of n words / all runs of n words, over all texts (Li
 * and others, 2016) The first two shrink or grow with length, the next two hardly do. */
#ifndef MONOCEROS_DOMAIN_LEXICAL_H
#define MONOCEROS_DOMAIN_LEXICAL_H

#include "server/domain/distinct.h"
#include "server/domain/terms.h"

enum {
    LEXICAL_WINDOW = 50,
    LEXICAL_GRAMS = 3,
    LEXICAL_EXACT_MAX = 1 << 19, /* different runs of a length that are counted exactly */
    LEXICAL_BUCKETS = 1 << 16,
};

enum lexical_mean {
    LEXICAL_TYPE_TOKEN_RATIO,
    LEXICAL_ENTROPY,
    LEXICAL_MOVING_RATIO,
    LEXICAL_NORMALISED_ENTROPY,
    LEXICAL_MEANS
};

struct lexical_grams {
    int64_t total;
    struct distinct distinct;
};

/* Room to work on one text; grows to the longest. */
struct lexical_scratch {
    struct terms terms;
    size_t cap;      /* of the arrays by word */
    uint64_t *grams; /* runs of n words */
    uint32_t *type;  /* the number of each word's type, from 0 */
    uint32_t *count; /* by type */
    uint32_t *window;
    size_t slots; /* of the table of types, a power of two */
    uint64_t *key;
    uint32_t *slot_type, *mark; /* a slot is taken when it carries this text's mark */
    uint32_t now;
};

struct lexical {
    int64_t texts; /* that have a word */
    double sums[LEXICAL_MEANS];
    struct lexical_grams grams[LEXICAL_GRAMS];
    uint32_t *buckets; /* words by the last 16 bits of their hash */
    struct lexical_scratch scratch;
};

bool lexical_init(struct lexical *l); /* false when there is no memory */
void lexical_free(struct lexical *l); /* also of a zeroed struct */
/* Leaves the text's words in l->scratch.terms, and its figures in `one` when that is given, which
 * are unset for a text without a word. False when there is no memory. */
bool lexical_add(struct lexical *l, struct str text, double one[LEXICAL_MEANS]);
/* NaN when there are no texts. */
double lexical_mean(const struct lexical *l, enum lexical_mean which);
/* Different runs over all runs of n words, n from 1; NaN when there are none. */
double lexical_distinct(const struct lexical *l, int n);
/* The Jensen-Shannon divergence in bits, 0 to 1, of two distributions given as counts; NaN when one
 * of them is empty. */
double jensen_shannon(const uint32_t *a, const uint32_t *b, size_t n);

#endif
