/* The search for duplicates against one that compares every pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/hash.h"
#include "server/domain/duplicates.h"

enum { CAPTIONS = 1500, TEXT_WORDS = 60, CLUSTERS = 200, FLOOD = 5000 };

struct caption {
    struct duplicate_caption c;
    struct duplicate_text text;
};

struct corpus {
    size_t n;
    struct caption *of;
    size_t fetched;
};

static uint64_t random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(mix64(random_state) % n);
}

static void set_text(struct caption *c, const char *text)
{
    uint8_t digest[SHA256_BYTES];
    sha256(str_of(text), digest);
    memcpy(c->text.digest, digest, sizeof(c->text.digest));
    memcpy(&c->c.text_hash, digest, sizeof(c->c.text_hash));
    c->text.known = minhash_text(str_of(text), c->text.signature);
    assert_true(c->text.known);
}

/* Clusters of texts that differ in a few words or not at all, one in three of an earlier run, with
 * labels that some of a cluster share. */
static void make_corpus(struct corpus *all)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    random_state = 3;
    *all = (struct corpus){.n = CAPTIONS, .of = calloc(CAPTIONS, sizeof(struct caption))};
    assert_non_null(all->of);
    for (unsigned i = 0; i < CAPTIONS; i++) {
        struct caption *c = &all->of[i];
        unsigned cluster = below(CLUSTERS), spoilt = below(4), first = below(TEXT_WORDS);
        buf_reset(&b);
        for (unsigned k = 0; k < TEXT_WORDS; k++)
            buf_addf(&b, "w%u%s ", cluster * 1000 + k,
                     (k - first) % TEXT_WORDS < spoilt ? (i % 2 ? "x" : "y") : "");
        for (size_t k = 0; k < sizeof(c->c.id); k++)
            c->c.id[k] = (uint8_t)below(256);
        c->c.mine = below(3) != 0;
        c->c.label = below(2) ? 1 + cluster : 0;
        set_text(c, buf_z(&b));
    }
    buf_free(&b);
}

static int fetch(void *arg, const uint32_t *rows, size_t n, struct duplicate_text *out,
                 struct err *e)
{
    struct corpus *all = arg;
    (void)e;
    assert_in_range(n, 1, DUPLICATE_FETCH_MAX);
    for (size_t i = 0; i < n; i++)
        out[i] = all->of[rows[i]].text;
    all->fetched += n;
    return 0;
}

static struct duplicates *search(struct corpus *all, const struct filter_settings *s)
{
    struct duplicates *d = duplicates_new(s);
    struct err e = {0};
    assert_non_null(d);
    for (size_t i = 0; i < all->n; i++)
        assert_int_equal(duplicates_add(d, &all->of[i].c, all->of[i].text.signature), 0);
    assert_int_equal(duplicates_find(d, fetch, all, &e), 0);
    return d;
}

/* What the search stands for, by the definition. */
struct plain {
    size_t component[CAPTIONS];
};

static bool share_a_band(const struct caption *a, const struct caption *b)
{
    for (int i = 0; i < MINHASH_BANDS; i++)
        if (minhash_band(a->text.signature, i) == minhash_band(b->text.signature, i))
            return true;
    return false;
}

static bool are_near(const struct caption *a, const struct caption *b)
{
    double least = a->c.label && a->c.label == b->c.label ? 0.95 : 0.8;
    return share_a_band(a, b) && minhash_similarity(a->text.signature, b->text.signature) >= least;
}

static bool are_same(const struct caption *a, const struct caption *b)
{
    return a->c.text_hash == b->c.text_hash;
}

static void connect(const struct corpus *all, bool near, struct plain *p)
{
    for (size_t i = 0; i < all->n; i++)
        p->component[i] = i;
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct caption *a = &all->of[i], *b = &all->of[k];
            if ((!a->c.mine && !b->c.mine) || !(are_same(a, b) || (near && are_near(a, b))))
                continue;
            size_t from = p->component[i], to = p->component[k];
            for (size_t m = 0; m < all->n && from != to; m++)
                if (p->component[m] == from)
                    p->component[m] = to;
        }
}

static size_t keeper(const struct corpus *all, const struct plain *p, size_t i)
{
    size_t best = i;
    for (size_t k = 0; k < all->n; k++) {
        const struct duplicate_caption *x = &all->of[k].c, *y = &all->of[best].c;
        if (p->component[k] != p->component[i])
            continue;
        if (x->mine != y->mine ? y->mine : memcmp(x->id, y->id, sizeof(x->id)) < 0)
            best = k;
    }
    return best;
}

static void the_search_is_the_definition(void **state)
{
    (void)state;
    static struct plain exact, near;
    struct corpus all;
    struct filter_settings s;
    int dropped[2] = {0};
    filters_preset(PRESET_STANDARD, &s);
    make_corpus(&all);
    struct duplicates *d = search(&all, &s);
    connect(&all, false, &exact);
    connect(&all, true, &near);
    for (size_t i = 0; i < all.n; i++) {
        struct duplicate_verdict v;
        if (!all.of[i].c.mine)
            continue;
        duplicates_judge(d, i, &v);
        size_t same = keeper(&all, &exact, i), like = keeper(&all, &near, i);
        enum filter_id expected = same != i   ? FILTER_EXACT_DUPLICATE
                                  : like != i ? FILTER_NEAR_DUPLICATE
                                              : FILTER_COUNT;
        assert_int_equal(v.dropped, expected);
        assert_int_equal(v.keeper, like);
        assert_int_equal(v.flags, 0);
        dropped[0] += expected == FILTER_EXACT_DUPLICATE;
        dropped[1] += expected == FILTER_NEAR_DUPLICATE;
    }
    print_message("%d exact and %d near duplicates, %zu texts read\n", dropped[0], dropped[1],
                  all.fetched);
    assert_true(dropped[0] > 20 && dropped[1] > 20);
    duplicates_free(&d);
    free(all.of);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct caption *)a)->c.id, ((const struct caption *)b)->c.id,
                  DUPLICATE_ID_BYTES);
}

/* The verdicts in the order of ids, as text. */
static void write_verdicts(const struct corpus *all, const struct filter_settings *s, struct buf *b)
{
    struct corpus copy = *all;
    struct duplicates *d = search(&copy, s);
    struct caption *sorted = calloc(all->n, sizeof(*sorted));
    assert_non_null(sorted);
    for (size_t i = 0; i < all->n; i++) {
        struct duplicate_verdict v;
        sorted[i] = all->of[i];
        duplicates_judge(d, i, &v);
        sorted[i].c.shard = (uint16_t)v.dropped;
        sorted[i].c.recipe = (uint16_t)v.flags;
        memcpy(sorted[i].text.digest, all->of[v.keeper].c.id, sizeof(sorted[i].text.digest));
    }
    qsort(sorted, all->n, sizeof(*sorted), by_id);
    for (size_t i = 0; i < all->n; i++)
        if (sorted[i].c.mine)
            buf_addf(b, "%d %d %02x%02x\n", sorted[i].c.shard, sorted[i].c.recipe,
                     sorted[i].text.digest[0], sorted[i].text.digest[1]);
    free(sorted);
    duplicates_free(&d);
}

static void the_order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    struct corpus all;
    struct filter_settings s;
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    filters_preset(PRESET_STANDARD, &s);
    make_corpus(&all);
    write_verdicts(&all, &s, &first);
    for (size_t i = all.n; i-- > 1;) {
        size_t k = below((unsigned)i);
        struct caption swap = all.of[i];
        all.of[i] = all.of[k];
        all.of[k] = swap;
    }
    write_verdicts(&all, &s, &second);
    assert_true(first.n > 0 && str_eq(buf_str(&first), buf_str(&second)));
    buf_free(&first);
    buf_free(&second);
    free(all.of);
}

static void actions_are_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        enum filter_action exact, near;
        enum filter_id same_drop, like_drop;
        uint32_t same_flags, like_flags;
    } cases[] = {
        {FILTER_FLAG, FILTER_FLAG, FILTER_COUNT, FILTER_COUNT, 1U << FILTER_EXACT_DUPLICATE,
         1U << FILTER_NEAR_DUPLICATE},
        {FILTER_DROP, FILTER_OFF, FILTER_EXACT_DUPLICATE, FILTER_COUNT, 0, 0},
        {FILTER_OFF, FILTER_DROP, FILTER_NEAR_DUPLICATE, FILTER_NEAR_DUPLICATE, 0, 0},
        {FILTER_DROP, FILTER_FLAG, FILTER_EXACT_DUPLICATE, FILTER_COUNT, 0,
         1U << FILTER_NEAR_DUPLICATE},
        {FILTER_FLAG, FILTER_DROP, FILTER_NEAR_DUPLICATE, FILTER_NEAR_DUPLICATE,
         1U << FILTER_EXACT_DUPLICATE, 0},
        {FILTER_OFF, FILTER_OFF, FILTER_COUNT, FILTER_COUNT, 0, 0},
    };
    static const char like[] =
        "a brown dog runs along the wet sand of a wide beach and its ears are "
        "lifted while small waves with white edges roll in behind it under a "
        "pale sky with one cloud far away on the right near a pier";
    struct caption of[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        of[i].c = (struct duplicate_caption){.id = {(uint8_t)i}, .mine = true};
        set_text(&of[i], like + (i == 2 ? 8 : 0));
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct corpus all = {.n = 3, .of = of};
        struct filter_settings s;
        struct duplicate_verdict first, same, near;
        filters_preset(PRESET_STANDARD, &s);
        s.of[FILTER_EXACT_DUPLICATE].action = cases[i].exact;
        s.of[FILTER_NEAR_DUPLICATE].action = cases[i].near;
        struct duplicates *d = search(&all, &s);
        duplicates_judge(d, 0, &first);
        duplicates_judge(d, 1, &same);
        duplicates_judge(d, 2, &near);
        assert_int_equal(first.dropped, FILTER_COUNT);
        assert_int_equal(first.flags, 0);
        assert_int_equal(same.dropped, cases[i].same_drop);
        assert_int_equal(same.flags, cases[i].same_flags);
        assert_int_equal(near.dropped, cases[i].like_drop);
        assert_int_equal(near.flags, cases[i].like_flags);
        duplicates_free(&d);
    }
}

/* A server with a fault: thousands of equal texts, and as many that share a key and are unlike. */
static void floods_are_bounded(void **state)
{
    (void)state;
    struct corpus all = {.n = 2 * FLOOD, .of = calloc(2 * FLOOD, sizeof(struct caption))};
    struct filter_settings s;
    struct duplicate_verdict v;
    assert_non_null(all.of);
    for (unsigned i = 0; i < all.n; i++) {
        struct caption *c = &all.of[i];
        char text[64];
        c->c.mine = true;
        for (int k = 0; k < 4; k++)
            c->c.id[k] = (uint8_t)(i >> (24 - 8 * k));
        (void)snprintf(text, sizeof(text), "one two three four five six %u", i < FLOOD ? 0 : i);
        set_text(c, text);
        if (i >= FLOOD) {
            /* Of one band, and else of hashes of their own. */
            for (int k = 0; k < MINHASH_BYTES; k++)
                c->text.signature[k] = k < 2 * MINHASH_ROWS ? 1 : (uint8_t)below(256);
        }
    }
    filters_preset(PRESET_STANDARD, &s);
    struct duplicates *d = search(&all, &s);
    for (size_t i = 0; i < all.n; i++) {
        duplicates_judge(d, i, &v);
        assert_int_equal(v.dropped, i > 0 && i < FLOOD ? FILTER_EXACT_DUPLICATE : FILTER_COUNT);
    }
    assert_true(all.fetched <= 2 * FLOOD);
    duplicates_free(&d);
    free(all.of);
}

static int fail_to_fetch(void *arg, const uint32_t *rows, size_t n, struct duplicate_text *out,
                         struct err *e)
{
    (void)arg;
    (void)rows;
    (void)n;
    (void)out;
    return err_set(e, ERR_UNAVAILABLE, "away");
}

static void an_error_ends_the_search(void **state)
{
    (void)state;
    struct corpus all;
    struct filter_settings s;
    struct err e = {0};
    filters_preset(PRESET_STANDARD, &s);
    make_corpus(&all);
    struct duplicates *d = duplicates_new(&s);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(duplicates_add(d, &all.of[i].c, all.of[i].text.signature), 0);
    assert_int_equal(duplicates_find(d, fail_to_fetch, NULL, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    duplicates_free(&d);
    free(all.of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_is_the_definition),
        cmocka_unit_test(the_order_of_arrival_does_not_matter),
        cmocka_unit_test(actions_are_of_each_kind),
        cmocka_unit_test(floods_are_bounded),
        cmocka_unit_test(an_error_ends_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
