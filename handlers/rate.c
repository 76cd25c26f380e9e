#include "handlers/rate.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/hash.h"

enum { SETS = 512, WAYS = 8, WINDOW_S = 60 };

struct bucket {
    uint8_t id[RATE_ID_BYTES];
    double tokens;
    int64_t at_us; /* when these were; 0: nobody's */
};

struct rate_table {
    pthread_mutex_t mutex;
    uint8_t salt[RATE_ID_BYTES];    /* so that nobody chooses whom to push out */
    struct bucket sets[SETS][WAYS]; /* under mutex */
};

struct rate_table *rate_table_new(void)
{
    struct rate_table *t = calloc(1, sizeof(*t));
    if (t) {
        (void)pthread_mutex_init(&t->mutex, NULL);
        random_bytes(t->salt, sizeof(t->salt));
    }
    return t;
}

void rate_table_free(struct rate_table *t)
{
    if (!t)
        return;
    (void)pthread_mutex_destroy(&t->mutex);
    free(t);
}

/* The bucket of an id, or the one of its set that has been at rest for the longest time. */
static struct bucket *find(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota)
{
    uint64_t h = hash_choice((struct str){(const char *)t->salt, sizeof(t->salt)},
                             (struct str){(const char *)id, RATE_ID_BYTES});
    struct bucket *set = t->sets[h % SETS], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].at_us && memcmp(set[i].id, id, RATE_ID_BYTES) == 0)
            return &set[i];
        if (set[i].at_us < oldest->at_us)
            oldest = &set[i];
    }
    memcpy(oldest->id, id, RATE_ID_BYTES);
    oldest->tokens = (double)quota;
    oldest->at_us = clock_us();
    return oldest;
}

static int seconds_for(double tokens, double rate)
{
    double s = ceil(fmax(0, tokens) / rate);
    return (int)s;
}

static bool use(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota, double taken,
                struct rate_left *left)
{
    double rate = (double)quota / WINDOW_S; /* a second */
    (void)pthread_mutex_lock(&t->mutex);
    struct bucket *b = find(t, id, quota);
    int64_t now = clock_us();
    double tokens = fmin((double)quota, b->tokens + rate * (double)(now - b->at_us) / 1e6);
    bool enough = tokens >= 1;
    b->tokens = enough ? tokens - taken : tokens;
    b->at_us = now;
    tokens = b->tokens;
    (void)pthread_mutex_unlock(&t->mutex);
    *left = (struct rate_left){.tokens = (int64_t)tokens,
                               .wait_s = seconds_for(1 - tokens, rate),
                               .full_s = seconds_for((double)quota - tokens, rate)};
    return enough;
}

bool rate_take(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota,
               struct rate_left *left)
{
    return use(t, id, quota, 1, left);
}

bool rate_look(struct rate_table *t, const uint8_t id[RATE_ID_BYTES], int64_t quota,
               struct rate_left *left)
{
    return use(t, id, quota, 0, left);
}
