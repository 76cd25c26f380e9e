#include "server/domain/spread.h"

#include <math.h>
#include <stdlib.h>

bool spread_init(struct spread *s, size_t bound)
{
    *s = (struct spread){.bound = bound};
    s->counts = calloc(bound + 1, sizeof(*s->counts));
    return s->counts;
}

void spread_free(struct spread *s)
{
    free(s->counts);
    s->counts = NULL;
}

void spread_add(struct spread *s, int64_t v)
{
    if (v < 0)
        v = 0;
    s->min = s->n && s->min < v ? s->min : v;
    s->max = s->n && s->max > v ? s->max : v;
    s->n++;
    s->sum += v;
    s->counts[(size_t)v < s->bound ? (size_t)v : s->bound]++;
}

double spread_mean(const struct spread *s)
{
    return s->n ? (double)s->sum / (double)s->n : (double)NAN;
}

int64_t spread_percentile(const struct spread *s, int percent)
{
    int64_t rank = (s->n * percent + 99) / 100, seen = 0;
    if (rank < 1)
        return s->min;
    for (size_t v = 0; v < s->bound; v++) {
        seen += s->counts[v];
        if (seen >= rank)
            return (int64_t)v;
    }
    return s->max;
}

int64_t spread_between(const struct spread *s, int64_t from, int64_t to)
{
    int64_t sum = 0;
    for (size_t v = (size_t)from; v <= s->bound && (int64_t)v < to; v++)
        sum += s->counts[v];
    return sum;
}
