/* Words, openings and the sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/hash.h"
#include "server/domain/openings.h"
#include "server/domain/sample.h"
#include "server/domain/terms.h"

/* The words that come out of a text must be these, in lower case. */
static void expect_words(const char *text, const char *const *expected)
{
    struct terms w = {0};
    size_t n = 0;
    assert_true(terms_split(&w, str_of(text)));
    for (; expected[n]; n++) {
        assert_true(n < w.n);
        assert_int_equal(w.hash[n], term_hash(str_of(expected[n])));
    }
    assert_int_equal(w.n, n);
    terms_free(&w);
}

#define WORDS(text, ...) expect_words((text), (const char *const[]){__VA_ARGS__, NULL})

static void words_are_runs_of_letters_and_digits(void **state)
{
    (void)state;
    const char *const none[] = {NULL};
    expect_words("", none);
    expect_words(" .,;-- \xe2\x80\x94 '' !", none);
    WORDS("A red BICYCLE, leaning.", "a", "red", "bicycle", "leaning");
    WORDS("well-lit 3.5 m2", "well", "lit", "3", "5", "m2");
    WORDS("x", "x");
    WORDS("the end", "the", "end");
}

static void apostrophes_stay_inside_words_only(void **state)
{
    (void)state;
    WORDS("don't 'quoted' boys' o'clock", "don't", "quoted", "boys", "o'clock");
    WORDS("don\xe2\x80\x99t rock\xe2\x80\x98n", "don't", "rock", "n");
    WORDS("a''b '", "a", "b");
}

static void letters_of_all_scripts_count(void **state)
{
    (void)state;
    WORDS("Caf\xc3\x89 \xc3\x89t\xc3\xa9", "caf\xc3\xa9", "\xc3\xa9t\xc3\xa9");
    WORDS("\xce\xa3\xce\xbf\xcf\x86\xce\xaf\xce\xb1", "\xcf\x83\xce\xbf\xcf\x86\xce\xaf\xce\xb1");
    WORDS("\xe7\x8a\xac\xe3\x80\x82\xe7\x8c\xab", "\xe7\x8a\xac", "\xe7\x8c\xab");
    /* A combining mark goes on with its word; what is not UTF-8 parts words. */
    WORDS("e\xcc\x81t a\xff"
          "b",
          "e\xcc\x81t", "a", "b");
}

static void hashes_have_one_documented_form(void **state)
{
    (void)state;
    const uint64_t ab[] = {term_hash(STR("a")), term_hash(STR("b"))};
    const uint64_t ba[] = {ab[1], ab[0]};
    /* FNV-1a of "a" is af63dc4c8601ec8c. */
    assert_int_equal(term_hash(STR("a")), hash_mix(0xaf63dc4c8601ec8cU));
    assert_int_equal(terms_gram(ab, 1), ab[0]);
    assert_int_not_equal(terms_gram(ab, 2), terms_gram(ba, 2));
}

static void first_words_are_written_whole(void **state)
{
    (void)state;
    char out[12];
    terms_first(STR("  The RED-hot iron"), 3, out, sizeof(out));
    assert_string_equal(out, "the red hot");
    terms_first(STR("The redder hotter iron"), 3, out, sizeof(out));
    assert_string_equal(out, "the redder");
    terms_first(STR("one"), 3, out, sizeof(out));
    assert_string_equal(out, "one");
    terms_first(STR("incomprehensibilities"), 3, out, sizeof(out));
    assert_string_equal(out, "");
}

static void add_opening(struct openings *o, struct terms *w, const char *text)
{
    assert_true(terms_split(w, str_of(text)));
    openings_add(o, w, str_of(text));
}

static void commonest_openings_come_first(void **state)
{
    (void)state;
    struct openings o;
    struct terms w = {0};
    const struct opening *top[3];
    assert_true(openings_init(&o));
    assert_int_equal(openings_top(&o, top, 3), 0);
    add_opening(&o, &w, "too short");
    for (int i = 0; i < 5; i++)
        add_opening(&o, &w, i % 2 ? "In the picture, a dog." : "in THE picture: cats");
    add_opening(&o, &w, "A man walks.");
    add_opening(&o, &w, "A dog runs away.");
    add_opening(&o, &w, "A cat sits.");
    assert_int_equal(o.total, 8);
    assert_int_equal(o.n, 4);
    assert_int_equal(openings_top(&o, top, 3), 3);
    assert_string_equal(opening_text(&o, top[0]), "in the picture");
    assert_int_equal(top[0]->count, 5);
    assert_string_equal(opening_text(&o, top[1]), "a cat sits");
    assert_string_equal(opening_text(&o, top[2]), "a dog runs");
    terms_free(&w);
    openings_free(&o);
    openings_free(&o);
}

static void openings_are_bounded(void **state)
{
    (void)state;
    struct openings o;
    struct terms w = {0};
    const struct opening *top[1];
    char text[64];
    assert_true(openings_init(&o));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < OPENINGS_MAX + 100; i++) {
            (void)snprintf(text, sizeof(text), "w%d begins here", i);
            add_opening(&o, &w, text);
        }
    assert_int_equal(o.n, OPENINGS_MAX);
    assert_int_equal(o.total, 2 * (OPENINGS_MAX + 100));
    assert_int_equal(o.missed, 200);
    assert_int_equal(openings_top(&o, top, 1), 1);
    assert_int_equal(top[0]->count, 2);
    terms_free(&w);
    openings_free(&o);
}

static void the_lowest_keys_are_the_sample(void **state)
{
    (void)state;
    struct sample s;
    char text[16];
    assert_true(sample_init(&s, 10));
    /* 7919 is prime, so that every key below 5000 comes once, in a mixed order. */
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t key = i * 7919 % 5000;
        (void)snprintf(text, sizeof(text), "%d", (int)key);
        const struct str extra = {key % 2 ? "odd" : NULL, key % 2 ? 3 : 0};
        assert_true(sample_add(&s, key, str_of(text), extra));
    }
    sample_sort(&s);
    assert_int_equal(s.n, 10);
    for (size_t i = 0; i < s.n; i++) {
        (void)snprintf(text, sizeof(text), "%d", (int)i);
        assert_int_equal(s.items[i].key, i);
        assert_true(str_is(s.items[i].text, text));
        assert_true(i % 2 ? str_is(s.items[i].extra, "odd") : !s.items[i].extra.p);
    }
    sample_free(&s);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_runs_of_letters_and_digits),
        cmocka_unit_test(apostrophes_stay_inside_words_only),
        cmocka_unit_test(letters_of_all_scripts_count),
        cmocka_unit_test(hashes_have_one_documented_form),
        cmocka_unit_test(first_words_are_written_whole),
        cmocka_unit_test(commonest_openings_come_first),
        cmocka_unit_test(openings_are_bounded),
        cmocka_unit_test(the_lowest_keys_are_the_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
