/* Token buckets by id, at most some thousands of them: one that has not been used for long makes
 * room, and is full by then as a rule. Any thread. */
#ifndef MONOCEROS_HANDLERS_RATE_H
#define MONOCEROS_HANDLERS_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_ID_BYTES = 16 };

struct rate_left {
    int64_t tokens; /* whole ones */
    int wait_s;     /* until there is one */
    int full_s;     /* until there are all */
};

struct rate_table;

struct rate_table *rate_table_new(void);
void rate_table_free(struct rate_table *t); /* accepts NULL */
/* Takes a token from the bucket of `id`, which holds `quota` and is filled up in a minute; false
 * when there is none. `quota` is positive. */
bool rate_take(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota,
               struct rate_left *left);
/* The same without taking it. */
bool rate_look(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota,
               struct rate_left *left);

#endif
