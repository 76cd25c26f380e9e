#include "handlers/tally.h"

#include <stdio.h>
#include <stdlib.h>

#define OTHERS "(others)"

void tally_values_add(struct tally_values *to, const struct tally_values *v)
{
    for (int i = 0; i < TALLY_SUMS; i++)
        to->sum[i] += v->sum[i];
    if (v->first_us && (!to->first_us || v->first_us < to->first_us))
        to->first_us = v->first_us;
    if (v->last_us > to->last_us)
        to->last_us = v->last_us;
}

static void set_key(struct tally_row *r, struct str first, struct str second)
{
    (void)snprintf(r->key[0], TALLY_KEY, STR_FMT, STR_ARG(first));
    (void)snprintf(r->key[1], TALLY_KEY, STR_FMT, STR_ARG(second));
}

static struct tally_row *find(struct tally *t, struct str first, struct str second)
{
    struct tally_row wanted;
    set_key(&wanted, first.p ? first : STR(""), second.p ? second : STR(""));
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].key[0], wanted.key[0]) == 0 &&
            strcmp(t->rows[i].key[1], wanted.key[1]) == 0)
            return &t->rows[i];
    if (t->n == TALLY_ROWS_MAX)
        return &t->rows[TALLY_ROWS_MAX - 1];
    struct tally_row *r = &t->rows[t->n++];
    if (t->n == TALLY_ROWS_MAX)
        set_key(&wanted, STR(OTHERS), STR(OTHERS));
    memcpy(r->key, wanted.key, sizeof(r->key));
    return r;
}

void tally_add(struct tally *t, struct str first, struct str second, const struct tally_values *v)
{
    tally_values_add(&find(t, first, second)->values, v);
}

static int by_key(const void *a, const void *b)
{
    const struct tally_row *x = a, *y = b;
    int others = (strcmp(x->key[0], OTHERS) == 0) - (strcmp(y->key[0], OTHERS) == 0);
    int first = strcmp(x->key[0], y->key[0]);
    return others ? others : first ? first : strcmp(x->key[1], y->key[1]);
}

void tally_sort(struct tally *t)
{
    qsort(t->rows, (size_t)t->n, sizeof(t->rows[0]), by_key);
}
