#include "server/domain/sample.h"

#include <stdlib.h>

bool sample_init(struct sample *s, size_t size)
{
    *s = (struct sample){.size = size};
    s->items = calloc(size, sizeof(*s->items));
    return s->items;
}

static void free_text(struct str text)
{
    free((void *)(uintptr_t)text.p);
}

void sample_free(struct sample *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_text(s->items[i].text);
    free(s->items);
    *s = (struct sample){0};
}

static void swap(struct sample_item *a, struct sample_item *b)
{
    struct sample_item kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct sample *s, size_t i)
{
    for (; i > 0 && s->items[(i - 1) / 2].key < s->items[i].key; i = (i - 1) / 2)
        swap(&s->items[(i - 1) / 2], &s->items[i]);
}

static void sift_down(struct sample *s)
{
    for (size_t i = 0;;) {
        size_t most = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->n; child++)
            if (s->items[child].key > s->items[most].key)
                most = child;
        if (most == i)
            return;
        swap(&s->items[i], &s->items[most]);
        i = most;
    }
}

static bool copy_item(struct sample_item *item, uint64_t key, struct str text, struct str extra)
{
    char *copy = malloc(text.n + extra.n + 1);
    if (!copy)
        return false;
    memcpy(copy, text.p, text.n);
    if (extra.p)
        memcpy(copy + text.n, extra.p, extra.n);
    *item = (struct sample_item){key, {copy, text.n}, {extra.p ? copy + text.n : NULL, extra.n}};
    return true;
}

bool sample_add(struct sample *s, uint64_t key, struct str text, struct str extra)
{
    struct sample_item item;
    if (s->n == s->size && key >= s->items[0].key)
        return true;
    if (!copy_item(&item, key, text, extra))
        return false;
    if (s->n < s->size) {
        s->items[s->n] = item;
        sift_up(s, s->n++);
    } else {
        free_text(s->items[0].text);
        s->items[0] = item;
        sift_down(s);
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct sample_item *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

void sample_sort(struct sample *s)
{
    if (s->n)
        qsort(s->items, s->n, sizeof(*s->items), by_key);
}
