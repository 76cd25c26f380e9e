/* Sums under a key of two words, such as a stage and a provider. */
#ifndef MONOCEROS_HANDLERS_TALLY_H
#define MONOCEROS_HANDLERS_TALLY_H

#include <stdint.h>

#include "server/base/str.h"

enum tally_sum {
    SUM_ROWS,
    SUM_USABLE,
    SUM_DROPPED,
    SUM_FLAGGED,
    SUM_FAILED,
    SUM_CALLS,
    SUM_TOKENS_IN,
    SUM_TOKENS_CACHED,
    SUM_TOKENS_OUT,
    SUM_TOKENS_REASONING,
    SUM_COST, /* billionths of a dollar, failures included */
    SUM_COST_FAILED,
    SUM_LATENCY_MS,
    SUM_LATENCY_ROWS,
    TALLY_SUMS
};

enum { TALLY_KEY = 72, TALLY_ROWS_MAX = 200 };

/* What is added to a row, and the row's values. Times are microseconds of the Unix epoch, 0 for
 * none. */
struct tally_values {
    int64_t sum[TALLY_SUMS];
    int64_t first_us, last_us;
};

struct tally_row {
    char key[2][TALLY_KEY];
    struct tally_values values;
};

/* Zeroed before the first use. */
struct tally {
    int n;
    struct tally_row rows[TALLY_ROWS_MAX];
};

/* Adds to the row of the key, whose words are cut at TALLY_KEY - 1 bytes. When all rows are taken,
 * to the last one, which is then named "(others)". */
void tally_add(struct tally *t, struct str first, struct str second, const struct tally_values *v);
void tally_values_add(struct tally_values *to, const struct tally_values *v);
/* By key, "(others)" last. */
void tally_sort(struct tally *t);

#endif
