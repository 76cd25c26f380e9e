#include "providers/clip/tokenizer_bpe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"

/* Words up to SHORT bytes look for the lowest rank one by one; longer ones keep a heap, so that a
 * word of n bytes costs n log n. */
enum { SHORT = 96 };

static size_t slot_of(const struct clip_bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    return (size_t)(key * 0x9e3779b97f4a7c15ULL >> 32) & b->mask;
}

int clip_bpe_init(struct clip_bpe *b, size_t n)
{
    size_t slots = 16;

    while (slots < 2 * n)
        slots *= 2;
    b->mask = slots - 1;
    b->merges = malloc(slots * sizeof(*b->merges));
    if (!b->merges)
        return -1;
    for (size_t i = 0; i < slots; i++)
        b->merges[i].left = -1;
    return 0;
}

void clip_bpe_free(struct clip_bpe *b)
{
    free(b->merges);
    b->merges = NULL;
}

/* The slot of a pair, or the free one where it would stand. */
static struct clip_merge *find(const struct clip_bpe *b, int32_t left, int32_t right)
{
    size_t i = slot_of(b, left, right);

    while (b->merges[i].left != -1 && (b->merges[i].left != left || b->merges[i].right != right))
        i = (i + 1) & b->mask;
    return &b->merges[i];
}

bool clip_bpe_add(struct clip_bpe *b, struct clip_merge m)
{
    struct clip_merge *slot = find(b, m.left, m.right);

    if (slot->left != -1)
        return false;
    *slot = m;
    return true;
}

static void first_ids(const struct clip_bpe *b, struct str word, int32_t *ids)
{
    for (size_t i = 0; i < word.n; i++)
        ids[i] = b->inner[(uint8_t)word.p[i]];
    ids[word.n - 1] = b->last[(uint8_t)word.p[word.n - 1]];
}

/* Of each pair in a short word: what it becomes, and when. */
static void look(const struct clip_bpe *b, const int32_t *ids, size_t i, uint32_t *rank,
                 int32_t *joined)
{
    const struct clip_merge *m = find(b, ids[i], ids[i + 1]);

    rank[i] = m->left == -1 ? UINT32_MAX : m->rank;
    joined[i] = m->joined;
}

static void close_gap(void *items, size_t i, size_t n)
{
    char *p = items;

    memmove(p + i * 4, p + (i + 1) * 4, (n - i - 1) * 4);
}

static size_t encode_short(const struct clip_bpe *b, int32_t *ids, size_t n)
{
    uint32_t rank[SHORT];
    int32_t joined[SHORT];

    for (size_t i = 0; i + 1 < n; i++)
        look(b, ids, i, rank, joined);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            best = rank[i] < rank[best] ? i : best;
        if (rank[best] == UINT32_MAX)
            break;
        ids[best] = joined[best];
        close_gap(ids, best + 1, n);
        close_gap(rank, best, n - 1);
        close_gap(joined, best, n - 1);
        n--;
        if (best + 1 < n)
            look(b, ids, best, rank, joined);
        if (best > 0)
            look(b, ids, best - 1, rank, joined);
    }
    return n;
}

/* ---- long words ---- */

/* A pair that can be joined, unless one of the two has been joined with another since. */
struct pair {
    uint32_t rank;
    uint32_t at; /* position of the left one */
    int32_t left, right, joined;
};

struct word {
    int32_t *ids;     /* by position of the first byte; -1: joined to what is before it */
    uint32_t *before; /* positions of the neighbours, `n` for none */
    uint32_t *behind;
    struct pair *heap; /* lowest rank, and of these the leftmost, at the top */
    size_t n, pairs;
};

static bool comes_first(const struct pair *a, const struct pair *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_put(struct word *w, struct pair p)
{
    size_t i = w->pairs++;

    for (size_t up; i > 0 && comes_first(&p, &w->heap[up = (i - 1) / 2]); i = up)
        w->heap[i] = w->heap[up];
    w->heap[i] = p;
}

static struct pair heap_take(struct word *w)
{
    struct pair top = w->heap[0], p = w->heap[--w->pairs];
    size_t i = 0;

    for (size_t down = 1; down < w->pairs; down = 2 * i + 1) {
        down += down + 1 < w->pairs && comes_first(&w->heap[down + 1], &w->heap[down]);
        if (!comes_first(&w->heap[down], &p))
            break;
        w->heap[i] = w->heap[down];
        i = down;
    }
    w->heap[i] = p;
    return top;
}

static void offer(const struct clip_bpe *b, struct word *w, size_t at)
{
    size_t right = w->behind[at];

    if (right == w->n)
        return;
    const struct clip_merge *m = find(b, w->ids[at], w->ids[right]);
    if (m->left != -1)
        heap_put(w, (struct pair){m->rank, (uint32_t)at, m->left, m->right, m->joined});
}

static void join(const struct clip_bpe *b, struct word *w, const struct pair *p)
{
    size_t right = w->behind[p->at];

    if (right == w->n || w->ids[p->at] != p->left || w->ids[right] != p->right)
        return;
    w->ids[p->at] = p->joined;
    w->ids[right] = -1;
    w->behind[p->at] = w->behind[right];
    if (w->behind[right] != w->n)
        w->before[w->behind[right]] = p->at;
    if (w->before[p->at] != w->n)
        offer(b, w, w->before[p->at]);
    offer(b, w, p->at);
}

/* Every joining takes one pair away and offers at most two. */
static int word_alloc(struct word *w)
{
    w->before = malloc(w->n * sizeof(*w->before));
    w->behind = malloc(w->n * sizeof(*w->behind));
    w->heap = malloc(3 * w->n * sizeof(*w->heap));
    return w->before && w->behind && w->heap ? 0 : -1;
}

static void word_free(struct word *w)
{
    free(w->before);
    free(w->behind);
    free(w->heap);
}

static ptrdiff_t encode_long(const struct clip_bpe *b, int32_t *ids, size_t n)
{
    _cleanup_(word_free) struct word w = {.ids = ids, .n = n};
    size_t out = 0;

    if (n > UINT32_MAX || word_alloc(&w) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        w.before[i] = (uint32_t)(i > 0 ? i - 1 : n);
        w.behind[i] = (uint32_t)(i + 1);
    }
    for (size_t i = 0; i < n; i++)
        offer(b, &w, i);
    while (w.pairs > 0) {
        struct pair p = heap_take(&w);
        join(b, &w, &p);
    }
    for (size_t i = 0; i < n; i++)
        if (ids[i] != -1)
            ids[out++] = ids[i];
    return (ptrdiff_t)out;
}

ptrdiff_t clip_bpe_encode(const struct clip_bpe *b, struct str word, int32_t *ids)
{
    if (word.n == 0)
        return 0;
    first_ids(b, word, ids);
    return word.n <= SHORT ? (ptrdiff_t)encode_short(b, ids, word.n) : encode_long(b, ids, word.n);
}
