#include "server/domain/near.h"

#include <stdlib.h>

#include "server/domain/terms.h"

static size_t bands(const struct near *x)
{
    return x->signature_bytes / NEAR_BAND_BYTES;
}

static size_t slot_of(const struct near *x, const char *signature, size_t band)
{
    uint64_t halves[2];
    memcpy(halves, signature + band * NEAR_BAND_BYTES, sizeof(halves));
    return hash_mix(hash_mix(halves[0] + band) ^ halves[1]) & (x->slots - 1);
}

static void add_item(struct near *x, uint64_t key, const char *signature)
{
    uint32_t item = (uint32_t)x->n++;
    x->items[item] = (struct near_item){key, signature, false};
    for (size_t band = 0; band < bands(x); band++) {
        size_t slot = slot_of(x, signature, band);
        while (x->table[slot])
            slot = (slot + 1) & (x->slots - 1);
        x->table[slot] = 1 + item * (uint32_t)bands(x) + (uint32_t)band;
    }
}

bool near_init(struct near *x, const struct sample *s)
{
    *x = (struct near){.slots = 64};
    for (size_t i = 0; i < s->n && !x->signature_bytes; i++)
        if (s->items[i].extra.n % NEAR_BAND_BYTES == 0)
            x->signature_bytes = s->items[i].extra.n;
    while (x->slots < 2 * s->n * bands(x))
        x->slots *= 2;
    x->items = calloc(s->n + 1, sizeof(*x->items));
    x->table = calloc(x->slots, sizeof(*x->table));
    if (!x->items || !x->table)
        return false;
    for (size_t i = 0; i < s->n && x->signature_bytes; i++)
        if (s->items[i].extra.p && s->items[i].extra.n == x->signature_bytes)
            add_item(x, s->items[i].key, s->items[i].extra.p);
    return true;
}

void near_free(struct near *x)
{
    free(x->items);
    free(x->table);
    *x = (struct near){0};
}

static bool is_near(const char *a, const char *b, size_t bytes)
{
    size_t equal = 0;
    for (size_t i = 0; i < bytes; i += 2)
        equal += memcmp(a + i, b + i, 2) == 0;
    return 5 * equal >= 4 * (bytes / 2);
}

/* Every item that has the band where this one has it; others that share the slot do no harm. */
static void look_at_band(struct near *x, uint64_t key, const char *signature, size_t band)
{
    size_t slot = slot_of(x, signature, band);
    for (; x->table[slot]; slot = (slot + 1) & (x->slots - 1)) {
        uint32_t entry = x->table[slot] - 1;
        struct near_item *item = &x->items[entry / bands(x)];
        if (item->found || item->key == key || entry % bands(x) != band)
            continue;
        item->found = is_near(item->signature, signature, x->signature_bytes);
    }
}

void near_look(struct near *x, uint64_t key, struct str signature)
{
    if (signature.n != x->signature_bytes)
        return;
    for (size_t band = 0; band < bands(x); band++)
        look_at_band(x, key, signature.p, band);
}

size_t near_found(const struct near *x)
{
    size_t found = 0;
    for (size_t i = 0; i < x->n; i++)
        found += x->items[i].found;
    return found;
}
