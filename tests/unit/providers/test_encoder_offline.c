/* The offline encoder: unit length, equal bits, and closeness that follows the words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/encoder.h"
#include "server/base/hash.h"

enum { D = OFFLINE_ENCODER_DIMENSION };

static double cosine(const char *a, const char *b)
{
    float u[D], v[D];
    double sum = 0;

    assert_true(offline_encode(str_of(a), u));
    assert_true(offline_encode(str_of(b), v));
    for (int i = 0; i < D; i++)
        sum += (double)u[i] * (double)v[i];
    return sum;
}

static void test_unit_length(void **state)
{
    static const char *const texts[] = {"a",           "7",
                                        "A dog runs.", "Ein Mädchen läuft über die Straße",
                                        "一只狗在跑",  "\xf0\x9f\x90\xb6 dog"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_true(fabs(cosine(texts[i], texts[i]) - 1) < 1e-5);
}

static void test_no_words_no_vector(void **state)
{
    float v[D];

    (void)state;
    assert_false(offline_encode(STR(""), v));
    assert_false(offline_encode(STR("  ... !?\n"), v));
}

static void test_close_texts_are_close(void **state)
{
    static const char base[] = "A brown dog runs across a green field with a red ball.";
    static const char *const nearer[] = {
        "a BROWN dog runs across a green field, with a red ball",
        "A brown dog is running across a green field with a red ball.",
        "Brown dogs run across the field.",
        "A dog sleeps on a sofa.",
        "Three sailing boats lie in the harbour under heavy clouds.",
    };
    double before = 1.1;

    (void)state;
    for (size_t i = 0; i < sizeof(nearer) / sizeof(*nearer); i++) {
        double c = cosine(base, nearer[i]);
        assert_true(c < before);
        before = c;
    }
    assert_true(cosine(base, nearer[0]) > 0.999);
    assert_true(cosine(base, nearer[1]) > 0.7);
    assert_true(before < 0.15);
}

/* Function words shared by everything must not make everything alike. */
static void test_function_words_weigh_little(void **state)
{
    (void)state;
    assert_true(cosine("the cat is on the table and it is in the sun",
                       "the engine is on the truck and it is in the shed") < 0.35);
}

static void test_bits_are_fixed(void **state)
{
    float v[D];
    uint8_t sum[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    (void)state;
    assert_true(offline_encode(STR("A café by the river, painted in blue and white."), v));
    sha256((struct str){(const char *)v, sizeof(v)}, sum);
    hex_encode(sum, sizeof(sum), hex);
    assert_string_equal(hex, "d6e1e859de0d8285bcb300015fcc823cd0d2c37d95e4f77dbefb5c78ba4eb395");
}

static void test_long_text_is_bounded(void **state)
{
    size_t n = 1 << 20;
    char *text = malloc(n);
    float v[D];

    (void)state;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + (i * 7919 + i / 13) % 26);
    assert_true(offline_encode((struct str){text, n}, v));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit_length),
        cmocka_unit_test(test_no_words_no_vector),
        cmocka_unit_test(test_close_texts_are_close),
        cmocka_unit_test(test_function_words_weigh_little),
        cmocka_unit_test(test_bits_are_fixed),
        cmocka_unit_test(test_long_text_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
