#include "providers/clip/pack.h"

#include <stdlib.h>

static size_t common(const struct clip_sequence *a, const struct clip_sequence *b)
{
    size_t n = a->n < b->n ? a->n : b->n, i = 0;

    while (i < n && a->ids[i] == b->ids[i])
        i++;
    return i;
}

/* A text comes right after those that it begins with, so that only equal ones are shared whole. */
static int compare(const void *left, const void *right)
{
    const struct clip_sequence *a = left, *b = right;
    size_t i = common(a, b);

    if (i < a->n && i < b->n)
        return a->ids[i] < b->ids[i] ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

static void add_to_part(struct clip_part *p, const struct clip_sequence *s)
{
    p->n++;
    p->rows += s->n - s->shared;
    p->distinct += s->shared < s->n;
}

/* Equal shares rather than full parts and a rest: threads end together. */
static size_t rows_of_part(size_t rows, const struct clip_pack_limits *l)
{
    size_t parts = (rows + l->rows_max - 1) / l->rows_max;

    if (parts < l->parts)
        parts = l->parts;
    else if (parts % l->parts != 0)
        parts += l->parts - parts % l->parts;
    size_t share = (rows + parts - 1) / parts;
    return share < l->rows_min ? l->rows_min : share;
}

/* A part ends where all up to it have their share: there are no more parts than shares. */
static void cut(struct clip_pack *p, size_t share)
{
    struct clip_part *part = NULL;
    size_t rows = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct clip_sequence *s = &p->sequences[i];
        size_t own = s->n - s->shared;
        if (!part || (own > 0 && rows >= share * p->n_parts)) {
            part = &p->parts[p->n_parts++];
            *part = (struct clip_part){.sequences = s};
            s->shared = 0;
        }
        add_to_part(part, s);
        rows += own;
    }
}

int clip_pack_make(struct clip_sequence *sequences, size_t n, const struct clip_pack_limits *l,
                   struct clip_pack *ret, struct err *e)
{
    size_t rows = 0;

    *ret = (struct clip_pack){.sequences = sequences, .n = n};
    ret->parts = calloc(n, sizeof(*ret->parts));
    if (!ret->parts)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    qsort(sequences, n, sizeof(*sequences), compare);
    for (size_t i = 0; i < n; i++) {
        sequences[i].shared = i > 0 ? common(&sequences[i - 1], &sequences[i]) : 0;
        rows += sequences[i].n - sequences[i].shared;
    }
    cut(ret, rows_of_part(rows, l));
    return 0;
}

void clip_pack_free(struct clip_pack *p)
{
    free(p->parts);
    *p = (struct clip_pack){0};
}
