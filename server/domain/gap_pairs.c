/* The figures of the modality gap that need every pair of rows: tiles of dot products, of which
 * nothing is kept but sums and each row's nearest. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"
#include "server/domain/dots.h"
#include "server/domain/gap.h"

/* The k nearest of each row, nearest first; of equal ones the lower number. */
struct nearest {
    size_t n, k;
    size_t *held;    /* n */
    float *cosine;   /* n x k */
    uint32_t *index; /* n x k */
};

static bool nearest_init(struct nearest *t, size_t n)
{
    size_t k = n - 1 < GAP_NEIGHBOURS ? n - 1 : GAP_NEIGHBOURS;
    *t = (struct nearest){.n = n, .k = k};
    t->held = calloc(n, sizeof(*t->held));
    t->cosine = calloc(n * k + 1, sizeof(*t->cosine));
    t->index = calloc(n * k + 1, sizeof(*t->index));
    return t->held && t->cosine && t->index;
}

static void nearest_free(struct nearest *t)
{
    free(t->held);
    free(t->cosine);
    free(t->index);
}

/* Whether (cosine, index) comes before what stands at `at`. */
static bool before(const struct nearest *t, float cosine, size_t index, size_t at)
{
    return cosine > t->cosine[at] || (cosine >= t->cosine[at] && index < t->index[at]);
}

static void nearest_add(struct nearest *t, size_t row, size_t other, float cosine)
{
    size_t base = row * t->k, at = t->held[row];
    if (at == t->k && !before(t, cosine, other, base + at - 1))
        return;
    if (at < t->k)
        t->held[row]++;
    else
        at--;
    for (; at > 0 && before(t, cosine, other, base + at - 1); at--) {
        t->cosine[base + at] = t->cosine[base + at - 1];
        t->index[base + at] = t->index[base + at - 1];
    }
    t->cosine[base + at] = cosine;
    t->index[base + at] = (uint32_t)other;
}

struct tile {
    size_t i, j, ni, nj; /* first rows and how many */
    float dots[DOTS_TILE * DOTS_TILE];
};

static void tile_fill(struct tile *t, const struct gap_rows *r, size_t i, size_t j)
{
    t->i = i;
    t->j = j;
    t->ni = r->n - i < DOTS_TILE ? r->n - i : DOTS_TILE;
    t->nj = r->n - j < DOTS_TILE ? r->n - j : DOTS_TILE;
    dots_f32(gap_row(r, i), t->ni, gap_row(r, j), t->nj, r->stride, t->dots);
}

static float tile_dot(const struct tile *t, size_t i, size_t j)
{
    return t->dots[i * DOTS_TILE + j];
}

/* The first j of a tile's row i that makes a new pair. */
static size_t first_of(const struct tile *t, size_t i)
{
    return t->i == t->j ? i + 1 : 0;
}

static void nearest_look(struct nearest *n, const struct tile *t)
{
    for (size_t i = 0; i < t->ni; i++)
        for (size_t j = first_of(t, i); j < t->nj; j++) {
            nearest_add(n, t->i + i, t->j + j, tile_dot(t, i, j));
            nearest_add(n, t->j + j, t->i + i, tile_dot(t, i, j));
        }
}

struct products {
    double n, x, y, xx, yy, xy;
};

static void products_add(struct products *p, const struct tile *a, const struct tile *b)
{
    for (size_t i = 0; i < a->ni; i++)
        for (size_t j = first_of(a, i); j < a->nj; j++) {
            double x = (double)tile_dot(a, i, j), y = (double)tile_dot(b, i, j);
            p->n++;
            p->x += x;
            p->y += y;
            p->xx += x * x;
            p->yy += y * y;
            p->xy += x * y;
        }
}

/* Spreads this small are the rounding errors of equal cosines. */
#define SPREAD_LEAST 1e-13

static double correlation(const struct products *p)
{
    double xx = p->xx / p->n - p->x / p->n * (p->x / p->n);
    double yy = p->yy / p->n - p->y / p->n * (p->y / p->n);
    if (!(xx > SPREAD_LEAST) || !(yy > SPREAD_LEAST))
        return (double)NAN;
    return (p->xy / p->n - p->x / p->n * (p->y / p->n)) / sqrt(xx * yy);
}

static size_t shared(const struct nearest *a, const struct nearest *b, size_t row)
{
    size_t n = 0, base = row * a->k;
    for (size_t i = 0; i < a->k; i++)
        for (size_t j = 0; j < a->k; j++)
            n += a->index[base + i] == b->index[base + j];
    return n;
}

static double overlap(const struct nearest *a, const struct nearest *b)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        n += shared(a, b, i);
    return (double)n / (double)(a->n * a->k);
}

static bool goes_on(const struct gap_go_on *g)
{
    return !g || g->ask(g->arg);
}

static bool look_at_pairs(const struct gap_rows *a, const struct gap_rows *b,
                          const struct gap_go_on *go_on, struct nearest near[2],
                          struct products *sums)
{
    struct tile x, y;
    for (size_t i = 0; i < a->n; i += DOTS_TILE) {
        if (!goes_on(go_on))
            return false;
        for (size_t j = i; j < a->n; j += DOTS_TILE) {
            tile_fill(&x, a, i, j);
            tile_fill(&y, b, i, j);
            nearest_look(&near[0], &x);
            nearest_look(&near[1], &y);
            products_add(sums, &x, &y);
        }
    }
    return true;
}

bool gap_compare_pairs(const struct gap_rows *a, const struct gap_rows *b,
                       const struct gap_go_on *go_on, struct gap_pairs *out)
{
    struct nearest near[2] = {{0}, {0}};
    struct products sums = {0};
    bool ok = nearest_init(&near[0], a->n) && nearest_init(&near[1], a->n) &&
              look_at_pairs(a, b, go_on, near, &sums);
    if (ok)
        *out = (struct gap_pairs){.neighbours = near[0].k,
                                  .overlap = overlap(&near[0], &near[1]),
                                  .correlation = correlation(&sums),
                                  .cosine = {sums.x / sums.n, sums.y / sums.n}};
    nearest_free(&near[0]);
    nearest_free(&near[1]);
    return ok;
}

static bool both_of(const struct gap_rows *a, const struct gap_rows *b, struct gap_rows *both)
{
    if (!gap_rows_init(both, a->n + b->n, a->d))
        return false;
    memcpy(both->values, a->values, a->n * a->stride * sizeof(*a->values));
    memcpy(gap_row(both, a->n), b->values, b->n * b->stride * sizeof(*b->values));
    return true;
}

/* Of the rows from `lo` to `hi`: the share of their neighbours that are not among these. */
static double share_of_others(const struct nearest *t, size_t lo, size_t hi)
{
    size_t others = 0;
    for (size_t i = lo * t->k; i < hi * t->k; i++)
        others += t->index[i] < lo || t->index[i] >= hi;
    return (double)others / (double)((hi - lo) * t->k);
}

static bool look_at_all(const struct gap_rows *r, const struct gap_go_on *go_on,
                        struct nearest *near)
{
    struct tile t;
    for (size_t i = 0; i < r->n; i += DOTS_TILE) {
        if (!goes_on(go_on))
            return false;
        for (size_t j = i; j < r->n; j += DOTS_TILE) {
            tile_fill(&t, r, i, j);
            nearest_look(near, &t);
        }
    }
    return true;
}

bool gap_mixing(const struct gap_rows *a, const struct gap_rows *b, const struct gap_go_on *go_on,
                double out[2])
{
    struct gap_rows both = {0};
    struct nearest near = {0};
    bool ok =
        both_of(a, b, &both) && nearest_init(&near, both.n) && look_at_all(&both, go_on, &near);
    if (ok) {
        out[0] = share_of_others(&near, 0, a->n);
        out[1] = share_of_others(&near, a->n, both.n);
    }
    gap_rows_free(&both);
    nearest_free(&near);
    return ok;
}
