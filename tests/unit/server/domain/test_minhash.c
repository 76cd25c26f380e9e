/* Words, and the signatures made of them, against the sets that they stand for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/domain/minhash.h"

static void words_are_folded_and_divided(void **state)
{
    (void)state;
    static const char text[] = "“It’s Joe's”—a black-and-white CAFÉ, 24th… ";
    static const char *const expected[] = {"its", "joes",  "a",           "black",
                                           "and", "white", "caf\xC3\x89", "24th"};
    struct words w, one;
    assert_int_equal(words_split(str_of(text), &w), 0);
    assert_int_equal(w.n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < w.n; i++) {
        assert_int_equal(words_split(str_of(expected[i]), &one), 0);
        assert_int_equal(one.n, 1);
        assert_true(one.of[0].hash == w.of[i].hash);
        words_free(&one);
    }
    assert_memory_equal(text + w.of[1].at, "Joe's", 5);
    assert_int_equal(w.of[1].n, 5);
    assert_true(words_contain(&w, &w.of[3], 3));
    const struct word swapped[] = {w.of[5], w.of[4]};
    assert_false(words_contain(&w, swapped, 2));
    words_free(&w);
}

static void texts_without_words_have_no_signature(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "... – “”", "'’"};
    uint8_t signature[MINHASH_BYTES];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(minhash_text(str_of(texts[i]), signature));
}

static void case_and_punctuation_do_not_count(void **state)
{
    (void)state;
    uint8_t a[MINHASH_BYTES], b[MINHASH_BYTES];
    assert_true(minhash_text(STR("A dog runs over the grass, and it's wet."), a));
    assert_true(minhash_text(STR("a DOG runs - over the grass and it’s wet"), b));
    assert_memory_equal(a, b, sizeof(a));
    assert_true(minhash_text(STR("Dog."), a));
    assert_true(minhash_text(STR("dog"), b));
    assert_memory_equal(a, b, sizeof(a));
}

/* Signatures are stored: the same text must have the same one for ever. */
static void signatures_do_not_change(void **state)
{
    (void)state;
    static const uint8_t expected[8] = {0x24, 0xfb, 0x10, 0x7e, 0x92, 0x54, 0x50, 0x4b};
    uint8_t a[MINHASH_BYTES];
    assert_true(minhash_text(STR("A brown dog runs along the wet sand of a wide beach."), a));
    assert_memory_equal(a, expected, sizeof(expected));
}

static uint64_t random_state = 7;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(mix64(random_state) % n);
}

enum { TEXT_WORDS = 120, PAIRS = 400 };

static const char *write_text(struct buf *b, const unsigned *words)
{
    buf_reset(b);
    for (int i = 0; i < TEXT_WORDS; i++)
        buf_addf(b, "w%u ", words[i]);
    return buf_z(b);
}

static int has_gram(const unsigned *words, const unsigned *gram)
{
    for (int i = 0; i + MINHASH_GRAM <= TEXT_WORDS; i++)
        if (memcmp(words + i, gram, MINHASH_GRAM * sizeof(*gram)) == 0)
            return 1;
    return 0;
}

/* The similarity of the sets; the words are so many that no gram comes twice in a text. */
static double jaccard(const unsigned *a, const unsigned *b)
{
    int common = 0, grams = TEXT_WORDS - MINHASH_GRAM + 1;
    for (int i = 0; i < grams; i++)
        common += has_gram(b, a + i);
    return (double)common / (2 * grams - common);
}

/* Two texts that differ in `changes` words. */
static double make_pair(unsigned changes, uint8_t *a, uint8_t *b)
{
    unsigned left[TEXT_WORDS], right[TEXT_WORDS];
    struct buf text;
    buf_init(&text, 1 << 16);
    for (int i = 0; i < TEXT_WORDS; i++)
        left[i] = right[i] = below(1000000);
    for (unsigned i = 0; i < changes; i++)
        right[below(TEXT_WORDS)] = below(1000000);
    assert_true(minhash_text(str_of(write_text(&text, left)), a));
    assert_true(minhash_text(str_of(write_text(&text, right)), b));
    buf_free(&text);
    return jaccard(left, right);
}

static int in_a_band(const uint8_t *a, const uint8_t *b)
{
    for (int i = 0; i < MINHASH_BANDS; i++)
        if (minhash_band(a, i) == minhash_band(b, i))
            return 1;
    return 0;
}

/* Over pairs of about the same similarity, the estimates' mean is within three standard errors of
 * the true mean, single ones spread as the theory says, and as many pairs meet in a band. */
static void estimates_and_bands_are_as_in_theory(void **state)
{
    (void)state;
    for (unsigned changes = 0; changes <= 30; changes += 3) {
        uint8_t a[MINHASH_BYTES], b[MINHASH_BYTES];
        double error = 0, variance = 0, squares = 0, found = 0, expected = 0, band_variance = 0;
        for (int i = 0; i < PAIRS; i++) {
            double j = make_pair(changes, a, b), off = minhash_similarity(a, b) - j;
            double meets = 1 - pow(1 - pow(j, MINHASH_ROWS), MINHASH_BANDS);
            error += off;
            squares += off * off;
            variance += j * (1 - j) / MINHASH_HASHES;
            found += in_a_band(a, b);
            expected += meets;
            band_variance += meets * (1 - meets);
        }
        print_message(
            "%u words changed: mean error %+.4f, spread %.3f of theory, %.0f of %.1f meet\n",
            changes, error / PAIRS, variance > 0 ? sqrt(squares / variance) : 1, found, expected);
        assert_true(fabs(error) <= 3 * sqrt(variance));
        assert_true(fabs(found - expected) <= 3 * sqrt(band_variance) + 1e-9);
        /* The spread of a variance estimated from 400 pairs is about 7 %. */
        assert_true(squares <= 1.21 * variance);
    }
}

static void unlike_texts_have_little_in_common(void **state)
{
    (void)state;
    uint8_t a[MINHASH_BYTES], b[MINHASH_BYTES], c[MINHASH_BYTES];
    (void)make_pair(0, a, b);
    (void)make_pair(0, c, b);
    assert_true(minhash_similarity(a, c) < 0.02);
    assert_true(minhash_similarity(a, a) > 0.99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_folded_and_divided),
        cmocka_unit_test(texts_without_words_have_no_signature),
        cmocka_unit_test(case_and_punctuation_do_not_count),
        cmocka_unit_test(signatures_do_not_change),
        cmocka_unit_test(estimates_and_bands_are_as_in_theory),
        cmocka_unit_test(unlike_texts_have_little_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
