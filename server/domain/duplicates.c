#include "server/domain/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"

enum {
    KEYS = 1 + MINHASH_BANDS, /* of the text, then of each band */
    ROWS_FIRST = 1024,
    /* Of captions that share a key, up to so many are all compared with each other. In a larger
     * group each is compared with so many unlike ones, the first in order. */
    LEADERS_MAX = 256,
};

struct row {
    struct duplicate_caption c;
    uint32_t keys[KEYS];
    uint32_t parent[2]; /* towards the root of its component: exact, near */
    bool has_signature;
};

enum { EXACT, NEAR };

struct leader {
    uint32_t row;
    struct duplicate_text text;
};

struct candidate {
    uint32_t key, row;
    bool large; /* of a group of more than LEADERS_MAX */
};

struct duplicates {
    enum filter_action action[2];
    double similarity, label_similarity;
    struct row *rows;
    size_t n, cap;
    uint32_t *best[2]; /* of each root, the one that stays */
    /* The search through the groups of one key. */
    int key;
    size_t n_candidates, n_leaders;
    uint32_t leaders_key;
    struct candidate candidates[DUPLICATE_FETCH_MAX];
    struct duplicate_text texts[DUPLICATE_FETCH_MAX];
    struct leader leaders[LEADERS_MAX];
};

struct duplicates *duplicates_new(const struct filter_settings *s)
{
    struct duplicates *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->action[EXACT] = s->of[FILTER_EXACT_DUPLICATE].action;
    d->action[NEAR] = s->of[FILTER_NEAR_DUPLICATE].action;
    d->similarity = s->of[FILTER_NEAR_DUPLICATE].param[0];
    d->label_similarity = s->of[FILTER_NEAR_DUPLICATE].param[1];
    return d;
}

void duplicates_free(struct duplicates **d)
{
    if (!*d)
        return;
    free((*d)->rows);
    free((*d)->best[EXACT]);
    free((*d)->best[NEAR]);
    free(*d);
    *d = NULL;
}

static int make_room(struct duplicates *d)
{
    if (d->n < d->cap)
        return 0;
    size_t cap = d->cap ? d->cap + d->cap / 2 : ROWS_FIRST;
    struct row *rows = cap > UINT32_MAX ? NULL : realloc(d->rows, cap * sizeof(*rows));
    if (!rows)
        return -1;
    d->rows = rows;
    d->cap = cap;
    return 0;
}

int duplicates_add(struct duplicates *d, const struct duplicate_caption *c,
                   const uint8_t *signature)
{
    if (make_room(d) < 0)
        return -1;
    uint32_t at = (uint32_t)d->n++;
    struct row *r = &d->rows[at];
    *r = (struct row){.c = *c, .parent = {at, at}, .has_signature = signature != NULL};
    r->keys[0] = (uint32_t)(mix64(c->text_hash) >> 32);
    for (int i = 0; signature && i < MINHASH_BANDS; i++)
        r->keys[1 + i] = minhash_band(signature, i);
    return 0;
}

static uint32_t root(struct duplicates *d, int kind, uint32_t i)
{
    while (d->rows[i].parent[kind] != i) {
        uint32_t up = d->rows[i].parent[kind];
        d->rows[i].parent[kind] = d->rows[up].parent[kind];
        i = up;
    }
    return i;
}

static void unite(struct duplicates *d, int kind, uint32_t a, uint32_t b)
{
    a = root(d, kind, a);
    b = root(d, kind, b);
    d->rows[a > b ? a : b].parent[kind] = a > b ? b : a;
}

static int kind_of(const struct duplicates *d)
{
    return d->key == 0 ? EXACT : NEAR;
}

static bool are_alike(const struct duplicates *d, uint32_t a, const struct duplicate_text *left,
                      uint32_t b, const struct duplicate_text *right)
{
    const struct row *x = &d->rows[a], *y = &d->rows[b];
    if (!left->known || !right->known)
        return false;
    if (d->key == 0)
        return memcmp(left->digest, right->digest, sizeof(left->digest)) == 0;
    bool one_label = x->c.label && x->c.label == y->c.label;
    return minhash_similarity(left->signature, right->signature) >=
           (one_label ? d->label_similarity : d->similarity);
}

/* Compares a caption with those of its group that came before; whether it is like one of them. */
static bool compare(struct duplicates *d, uint32_t row, const struct duplicate_text *text)
{
    int kind = kind_of(d);
    bool alike = false;
    for (size_t i = 0; i < d->n_leaders; i++) {
        const struct leader *l = &d->leaders[i];
        if (!d->rows[row].c.mine && !d->rows[l->row].c.mine)
            continue; /* made and decided before this run */
        if (root(d, kind, row) == root(d, kind, l->row)) {
            alike = true;
            continue;
        }
        if (!are_alike(d, row, text, l->row, &l->text))
            continue;
        alike = true;
        unite(d, kind, row, l->row);
        if (kind == EXACT)
            unite(d, NEAR, row, l->row);
    }
    return alike;
}

static int compare_candidates(struct duplicates *d, duplicate_fetch_fn fetch, void *arg,
                              struct err *e)
{
    uint32_t rows[DUPLICATE_FETCH_MAX];
    for (size_t i = 0; i < d->n_candidates; i++)
        rows[i] = d->candidates[i].row;
    memset(d->texts, 0, sizeof(d->texts));
    if (d->n_candidates > 0 && fetch(arg, rows, d->n_candidates, d->texts, e) < 0)
        return -1;
    for (size_t i = 0; i < d->n_candidates; i++) {
        const struct candidate *c = &d->candidates[i];
        if (c->key != d->leaders_key)
            d->n_leaders = 0;
        d->leaders_key = c->key;
        bool alike = compare(d, c->row, &d->texts[i]);
        if (d->n_leaders < LEADERS_MAX && !(alike && c->large))
            d->leaders[d->n_leaders++] = (struct leader){c->row, d->texts[i]};
    }
    d->n_candidates = 0;
    return 0;
}

/* Whether a group has anything to find: a caption of this run, and two that are not known to belong
 * together. */
static bool is_open(struct duplicates *d, const uint64_t *group, size_t n)
{
    bool mine = false, apart = false;
    uint32_t first = root(d, kind_of(d), (uint32_t)group[0]);
    for (size_t i = 0; i < n && !(mine && apart); i++) {
        mine = mine || d->rows[(uint32_t)group[i]].c.mine;
        apart = apart || root(d, kind_of(d), (uint32_t)group[i]) != first;
    }
    return mine && apart;
}

static int compare_group(struct duplicates *d, const uint64_t *group, size_t n,
                         duplicate_fetch_fn fetch, void *arg, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        d->candidates[d->n_candidates++] =
            (struct candidate){(uint32_t)(group[i] >> 32), (uint32_t)group[i], n > LEADERS_MAX};
        if (d->n_candidates == DUPLICATE_FETCH_MAX && compare_candidates(d, fetch, arg, e) < 0)
            return -1;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The captions with an equal key stand next to each other in `sorted`, in the order of their rows.
 */
static int find_by_key(struct duplicates *d, uint64_t *sorted, duplicate_fetch_fn fetch, void *arg,
                       struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (d->key == 0 || d->rows[i].has_signature)
            sorted[n++] = (uint64_t)d->rows[i].keys[d->key] << 32 | i;
    qsort(sorted, n, sizeof(*sorted), by_value);
    d->n_leaders = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && sorted[end] >> 32 == sorted[i] >> 32;)
            end++;
        if (end - i > 1 && is_open(d, sorted + i, end - i) &&
            compare_group(d, sorted + i, end - i, fetch, arg, e) < 0)
            return -1;
    }
    return compare_candidates(d, fetch, arg, e);
}

/* What was there before stays; of captions of the same run, the one with the lowest id. */
static bool goes_before(const struct row *a, const struct row *b)
{
    if (a->c.mine != b->c.mine)
        return b->c.mine;
    return memcmp(a->c.id, b->c.id, sizeof(a->c.id)) < 0;
}

static void choose(struct duplicates *d, int kind)
{
    uint32_t *best = d->best[kind];
    for (uint32_t i = 0; i < d->n; i++)
        best[i] = i;
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t r = root(d, kind, i);
        if (goes_before(&d->rows[i], &d->rows[best[r]]))
            best[r] = i;
    }
    for (uint32_t i = 0; i < d->n; i++)
        d->rows[i].parent[kind] = root(d, kind, i);
}

int duplicates_find(struct duplicates *d, duplicate_fetch_fn fetch, void *arg, struct err *e)
{
    uint64_t *sorted _cleanup_(freep) = malloc((d->n + 1) * sizeof(*sorted));
    for (int kind = 0; kind < 2; kind++)
        d->best[kind] = malloc((d->n + 1) * sizeof(uint32_t));
    if (!sorted || !d->best[EXACT] || !d->best[NEAR])
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    for (d->key = 0; d->key < KEYS; d->key++)
        if (d->action[kind_of(d)] != FILTER_OFF && find_by_key(d, sorted, fetch, arg, e) < 0)
            return -1;
    choose(d, EXACT);
    choose(d, NEAR);
    return 0;
}

size_t duplicates_count(const struct duplicates *d)
{
    return d->n;
}

void duplicates_get(const struct duplicates *d, size_t i, struct duplicate_caption *out)
{
    *out = d->rows[i].c;
}

void duplicates_judge(const struct duplicates *d, size_t i, struct duplicate_verdict *v)
{
    static const enum filter_id ids[] = {FILTER_EXACT_DUPLICATE, FILTER_NEAR_DUPLICATE};
    *v = (struct duplicate_verdict){FILTER_COUNT, 0, (uint32_t)i};
    for (int kind = 0; kind < 2; kind++) {
        uint32_t keeper = d->best[kind][d->rows[i].parent[kind]];
        if (keeper == i || v->dropped != FILTER_COUNT)
            continue;
        if (d->action[kind] == FILTER_DROP) {
            /* The keeper of the texts may itself be near another: name the one that is left. */
            bool both = d->action[NEAR] == FILTER_DROP;
            v->dropped = ids[kind];
            v->keeper = both ? d->best[NEAR][d->rows[i].parent[NEAR]] : keeper;
        } else if (d->action[kind] == FILTER_FLAG && v->flags == 0) {
            v->flags = 1U << (unsigned)ids[kind];
        }
    }
}
