#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/near.h"
#include "server/domain/terms.h"

enum { HASHES = 112, TEXTS = 40 };

static uint16_t signatures[TEXTS][HASHES];

static struct str bytes_of(const uint16_t *signature)
{
    return (struct str){(const char *)signature, sizeof(signatures[0])};
}

static void start(struct sample *s)
{
    assert_true(sample_init(s, TEXTS));
    for (uint64_t i = 0; i < TEXTS; i++) {
        for (uint64_t k = 0; k < HASHES; k++)
            signatures[i][k] = (uint16_t)hash_mix(1000 * i + k + 1);
        assert_true(sample_add(s, i, STR("text"), bytes_of(signatures[i])));
    }
    sample_sort(s);
}

/* Item 7 with `changed` of its hashes changed, from the front. */
static void look_like_seven(struct near *x, int changed)
{
    uint16_t like[HASHES];
    memcpy(like, signatures[7], sizeof(like));
    for (int i = 0; i < changed; i++)
        like[i]++;
    near_look(x, 1000, bytes_of(like));
}

static void four_fifths_are_near(void **state)
{
    (void)state;
    struct sample s;
    struct near x;
    start(&s);
    assert_true(near_init(&x, &s));
    assert_int_equal(x.n, TEXTS);
    look_like_seven(&x, 23);
    assert_int_equal(near_found(&x), 0);
    look_like_seven(&x, 22);
    assert_int_equal(near_found(&x), 1);
    assert_true(x.items[7].found);
    look_like_seven(&x, 0);
    assert_int_equal(near_found(&x), 1);
    near_free(&x);
    near_free(&x);
    sample_free(&s);
}

static void texts_do_not_find_themselves(void **state)
{
    (void)state;
    struct sample s;
    struct near x;
    start(&s);
    assert_true(near_init(&x, &s));
    for (uint64_t i = 0; i < TEXTS; i++)
        near_look(&x, i, bytes_of(signatures[i]));
    assert_int_equal(near_found(&x), 0);
    near_look(&x, 1000, bytes_of(signatures[3]));
    near_look(&x, 1001, (struct str){"short", 5});
    near_look(&x, 1002, (struct str){NULL, 0});
    assert_int_equal(near_found(&x), 1);
    near_free(&x);
    sample_free(&s);
}

/* Every band changed in one hash: still 98 of 112 are equal, but there is no candidate. */
static void candidates_agree_in_a_band(void **state)
{
    (void)state;
    struct sample s;
    struct near x;
    uint16_t like[HASHES];
    start(&s);
    memcpy(like, signatures[7], sizeof(like));
    for (int i = 0; i < HASHES; i += NEAR_BAND_BYTES / 2)
        like[i]++;
    assert_true(near_init(&x, &s));
    near_look(&x, 1000, bytes_of(like));
    assert_int_equal(near_found(&x), 0);
    near_free(&x);
    sample_free(&s);
}

static void samples_without_signatures(void **state)
{
    (void)state;
    struct sample s;
    struct near x;
    assert_true(sample_init(&s, 4));
    assert_true(near_init(&x, &s));
    assert_int_equal(x.n, 0);
    near_free(&x);
    assert_true(sample_add(&s, 1, STR("a"), (struct str){NULL, 0}));
    assert_true(sample_add(&s, 2, STR("b"), STR("odd")));
    assert_true(near_init(&x, &s));
    assert_int_equal(x.n, 0);
    near_look(&x, 9, STR("odd"));
    assert_int_equal(near_found(&x), 0);
    near_free(&x);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_fifths_are_near),
        cmocka_unit_test(texts_do_not_find_themselves),
        cmocka_unit_test(candidates_agree_in_a_band),
        cmocka_unit_test(samples_without_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
