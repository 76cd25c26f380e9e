/* Sums under a key of two words, such as a stage and a provider. */
#ifndef MONOCEROS_HANDLERS_LEDGER_H
#define MONOCEROS_HANDLERS_LEDGER_H

#include <stdint.h>

#include "server/base/str.h"

enum ledger_sum {
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
    SUM_TRUNCATED,
    LEDGER_SUMS
};

enum { LEDGER_KEY = 72, LEDGER_ROWS_MAX = 200 };

/* What is added to a row, and the row's values. Times are microseconds of the Unix epoch, 0 for
 * none. */
struct ledger_values {
    int64_t sum[LEDGER_SUMS];
    int64_t first_us, last_us;
};

struct ledger_row {
    char key[2][LEDGER_KEY];
    struct ledger_values values;
};

/* Zeroed before the first use. */
struct ledger {
    int n;
    struct ledger_row rows[LEDGER_ROWS_MAX];
};

/* Adds to the row of the key, whose words are cut at LEDGER_KEY - 1 bytes. When all rows are taken,
 * to the last one, which is then named "(others)". */
void ledger_add(struct ledger *t, struct str first, struct str second,
                const struct ledger_values *v);
void ledger_values_add(struct ledger_values *to, const struct ledger_values *v);
/* By key, "(others)" last. */
void ledger_sort(struct ledger *t);

#endif
