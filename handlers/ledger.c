#include "handlers/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#define OTHERS "(others)"

void ledger_values_add(struct ledger_values *to, const struct ledger_values *v)
{
    for (int i = 0; i < LEDGER_SUMS; i++)
        to->sum[i] += v->sum[i];
    if (v->first_us && (!to->first_us || v->first_us < to->first_us))
        to->first_us = v->first_us;
    if (v->last_us > to->last_us)
        to->last_us = v->last_us;
}

static void set_key(struct ledger_row *r, struct str first, struct str second)
{
    (void)snprintf(r->key[0], LEDGER_KEY, STR_FMT, STR_ARG(first));
    (void)snprintf(r->key[1], LEDGER_KEY, STR_FMT, STR_ARG(second));
}

static struct ledger_row *find(struct ledger *t, struct str first, struct str second)
{
    struct ledger_row wanted;
    set_key(&wanted, first.p ? first : STR(""), second.p ? second : STR(""));
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].key[0], wanted.key[0]) == 0 &&
            strcmp(t->rows[i].key[1], wanted.key[1]) == 0)
            return &t->rows[i];
    if (t->n == LEDGER_ROWS_MAX)
        return &t->rows[LEDGER_ROWS_MAX - 1];
    struct ledger_row *r = &t->rows[t->n++];
    if (t->n == LEDGER_ROWS_MAX)
        set_key(&wanted, STR(OTHERS), STR(OTHERS));
    memcpy(r->key, wanted.key, sizeof(r->key));
    return r;
}

void ledger_add(struct ledger *t, struct str first, struct str second,
                const struct ledger_values *v)
{
    ledger_values_add(&find(t, first, second)->values, v);
}

static int by_key(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    int others = (strcmp(x->key[0], OTHERS) == 0) - (strcmp(y->key[0], OTHERS) == 0);
    int first = strcmp(x->key[0], y->key[0]);
    return others ? others : first ? first : strcmp(x->key[1], y->key[1]);
}

void ledger_sort(struct ledger *t)
{
    qsort(t->rows, (size_t)t->n, sizeof(t->rows[0]), by_key);
}
