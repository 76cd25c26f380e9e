/* How texts are put together: nothing is left out, shared beginnings are computed once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "providers/clip/config.h"
#include "providers/clip/pack.h"

enum { N = 200, LENGTH = 12 };

static int32_t ids[N][LENGTH];

/* Texts over an alphabet of three, so that many begin alike and some are equal. */
static void make_texts(struct clip_sequence *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)i % 150 * 2654435761U;
        size_t length = 1 + h % LENGTH;
        for (size_t k = 0; k < length; k++)
            ids[i][k] = (int32_t)(h >> (2 + 2 * k) & 3) % 3;
        s[i] = (struct clip_sequence){.ids = ids[i], .n = length, .item = i};
    }
}

static void check_part(const struct clip_part *p, bool *seen)
{
    size_t rows = 0, distinct = 0;

    assert_int_equal(p->sequences[0].shared, 0);
    for (size_t i = 0; i < p->n; i++) {
        const struct clip_sequence *s = &p->sequences[i], *before = s - 1;
        assert_true(s->shared <= s->n);
        if (s->shared > 0)
            assert_memory_equal(s->ids, before->ids, s->shared * sizeof(*s->ids));
        if (s->shared == s->n)
            assert_int_equal(s->n, before->n);
        else if (i > 0 && s->shared < before->n)
            assert_int_not_equal(s->ids[s->shared], before->ids[s->shared]);
        assert_false(seen[s->item]);
        seen[s->item] = true;
        rows += s->n - s->shared;
        distinct += s->shared < s->n;
    }
    assert_int_equal(p->rows, rows);
    assert_int_equal(p->distinct, distinct);
}

static void test_every_text_once(void **state)
{
    const size_t most[] = {1, 20, 100, 10000};
    struct clip_sequence s[N];
    struct clip_pack p;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
        const struct clip_pack_limits l = {.rows_min = 1, .rows_max = most[i], .parts = 1};
        bool seen[N] = {false};
        make_texts(s, N);
        assert_int_equal(clip_pack_make(s, N, &l, &p, &e), 0);
        for (size_t k = 0; k < p.n_parts; k++) {
            check_part(&p.parts[k], seen);
            assert_true(p.parts[k].rows <= most[i] + 2 * LENGTH);
        }
        for (size_t k = 0; k < N; k++)
            assert_true(seen[k]);
        clip_pack_free(&p);
    }
}

/* What 150 different texts of 200 have in common is not computed twice. */
static void test_shared_beginnings(void **state)
{
    const struct clip_pack_limits l = {.rows_min = 1, .rows_max = 100000, .parts = 1};
    struct clip_sequence s[N];
    struct clip_pack p;
    struct err e = {0};
    size_t tokens = 0;

    (void)state;
    make_texts(s, N);
    for (size_t i = 0; i < N; i++)
        tokens += s[i].n;
    assert_int_equal(clip_pack_make(s, N, &l, &p, &e), 0);
    assert_int_equal(p.n_parts, 1);
    assert_true(p.parts[0].distinct <= 150);
    assert_true(p.parts[0].rows < tokens / 2);
    clip_pack_free(&p);
}

static void test_parts_for_threads(void **state)
{
    struct clip_sequence s[N];
    struct clip_pack p;
    struct err e = {0};
    const struct clip_pack_limits four = {.rows_min = 10, .rows_max = 100000, .parts = 4};
    const struct clip_pack_limits large = {.rows_min = 100000, .rows_max = 100000, .parts = 4};

    (void)state;
    make_texts(s, N);
    assert_int_equal(clip_pack_make(s, N, &four, &p, &e), 0);
    assert_int_equal(p.n_parts, 4);
    clip_pack_free(&p);
    make_texts(s, N);
    assert_int_equal(clip_pack_make(s, N, &large, &p, &e), 0);
    assert_int_equal(p.n_parts, 1);
    clip_pack_free(&p);
}

static void test_end_of_text(void **state)
{
    const int32_t text[] = {8, 1, 2, 9, 3, 9, 9};
    struct clip_config c = {.end_token = 9};

    (void)state;
    assert_int_equal(clip_config_end(&c, text, 7), 3);
    c.end_token = 2; /* the old rule: the first of the highest, although there is a 2 */
    assert_int_equal(clip_config_end(&c, text, 7), 3);
    assert_int_equal(clip_config_end(&c, text, 3), 0);
    c.end_token = 5; /* in no text: the first token */
    assert_int_equal(clip_config_end(&c, text, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_once),
        cmocka_unit_test(test_shared_beginnings),
        cmocka_unit_test(test_parts_for_threads),
        cmocka_unit_test(test_end_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
