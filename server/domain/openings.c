#include "server/domain/openings.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * OPENINGS_MAX };

bool openings_init(struct openings *o)
{
    *o = (struct openings){0};
    buf_init(&o->texts, (size_t)OPENINGS_MAX * OPENING_TEXT);
    o->table = calloc(SLOTS, sizeof(*o->table));
    return o->table;
}

void openings_free(struct openings *o)
{
    free(o->table);
    o->table = NULL;
    buf_free(&o->texts);
}

static void take_place(struct openings *o, struct opening *slot, uint64_t hash, struct str text)
{
    char first[OPENING_TEXT];
    if (o->n == OPENINGS_MAX) {
        o->missed++;
        return;
    }
    terms_first(text, OPENING_WORDS, first, sizeof(first));
    *slot = (struct opening){.hash = hash, .count = 1, .text = (uint32_t)o->texts.n};
    buf_add(&o->texts, first, strlen(first) + 1);
    if (o->texts.failed) {
        *slot = (struct opening){0};
        o->texts.failed = false;
        o->missed++;
    } else {
        o->n++;
    }
}

void openings_add(struct openings *o, const struct terms *w, struct str text)
{
    if (w->n < OPENING_WORDS)
        return;
    uint64_t hash = terms_gram(w->hash, OPENING_WORDS);
    size_t slot = hash % SLOTS;
    o->total++;
    while (o->table[slot].count && o->table[slot].hash != hash)
        slot = (slot + 1) % SLOTS;
    if (o->table[slot].count)
        o->table[slot].count++;
    else
        take_place(o, &o->table[slot], hash, text);
}

static bool comes_before(const struct openings *o, const struct opening *a, const struct opening *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return strcmp(opening_text(o, a), opening_text(o, b)) < 0;
}

size_t openings_top(const struct openings *o, const struct opening **out, size_t k)
{
    size_t n = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct opening *one = &o->table[i];
        if (!one->count || (n == k && !comes_before(o, one, out[n - 1])))
            continue;
        size_t at = n < k ? n++ : n - 1;
        for (; at > 0 && comes_before(o, one, out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = one;
    }
    return n;
}
