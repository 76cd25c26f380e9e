/* A window over the captions of a run that counts how often each text and each opening is in it: a
 * model server with a fault says the same thing to everybody. */
#include "stages/filters/filters.h"

enum { WINDOW = 1000, SLOTS = 2048 };

struct count {
    uint64_t hash;
    uint32_t n; /* 0: free */
};

/* Open addressing; at most WINDOW of SLOTS are in use. */
struct counts {
    struct count of[SLOTS];
    uint64_t window[WINDOW];
};

struct frequency {
    size_t at, filled;
    struct counts texts, openings;
};

struct frequency *frequency_new(struct arena *a)
{
    return arena_alloc(a, sizeof(struct frequency));
}

static size_t find(const struct counts *c, uint64_t hash)
{
    size_t at = hash % SLOTS;
    while (c->of[at].n > 0 && c->of[at].hash != hash)
        at = (at + 1) % SLOTS;
    return at;
}

/* Frees a slot and moves up what a probe would no longer reach. */
static void vacate(struct counts *c, size_t hole)
{
    c->of[hole].n = 0;
    for (size_t at = (hole + 1) % SLOTS; c->of[at].n > 0; at = (at + 1) % SLOTS) {
        size_t home = c->of[at].hash % SLOTS;
        if ((at - home) % SLOTS < (at - hole) % SLOTS)
            continue;
        c->of[hole] = c->of[at];
        c->of[at].n = 0;
        hole = at;
    }
}

static uint32_t slide(struct counts *c, size_t at, bool full, uint64_t hash)
{
    if (full) {
        size_t oldest = find(c, c->window[at]);
        if (--c->of[oldest].n == 0)
            vacate(c, oldest);
    }
    c->window[at] = hash;
    struct count *found = &c->of[find(c, hash)];
    found->hash = hash;
    return ++found->n;
}

bool frequency_note(struct frequency *f, const struct filter_setting *s,
                    const struct filter_verdict *v)
{
    bool full = f->filled == WINDOW;
    double texts = slide(&f->texts, f->at, full, v->text_hash);
    double openings = slide(&f->openings, f->at, full, v->opening_hash);
    f->at = (f->at + 1) % WINDOW;
    f->filled += !full;
    return texts > s->param[0] || openings > s->param[1];
}
