/* Keys: form, checksum, and that every part of one counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/domain/key.h"

static void test_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct key made, read;
        key_make(&made, NULL);
        assert_int_equal(strlen(made.text), KEY_CHARS);
        assert_true(key_parse(str_of(made.text), &read));
        assert_string_equal(read.id, made.id);
        assert_true(key_id_is_valid(str_of(read.id)));
        assert_true(sha256_same(read.hash, made.hash));
    }
}

/* The checksum, worked out apart: hashlib of Python. */
static void test_known(void **state)
{
    (void)state;
    struct key k;
    assert_true(
        key_parse(STR("mono_000000000000_0000000000000000000000000000000000000000000QmQpqa"), &k));
    assert_true(
        key_parse(STR("mono_Zz9Zz9Zz9Zz9_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQsvMId7"), &k));
    assert_string_equal(k.id, "Zz9Zz9Zz9Zz9");
}

/* One character changed anywhere, one more or one less. */
static void test_anything_else(void **state)
{
    (void)state;
    struct key made, read;
    key_make(&made, NULL);
    for (size_t i = 0; i < KEY_CHARS; i++) {
        char text[KEY_CHARS + 1];
        memcpy(text, made.text, sizeof(text));
        text[i] = text[i] == 'a' ? 'b' : 'a';
        assert_false(key_parse(str_of(text), &read));
        text[i] = '\0';
        assert_false(key_parse((struct str){text, KEY_CHARS}, &read));
    }
    assert_false(key_parse((struct str){made.text, KEY_CHARS - 1}, &read));
    assert_false(key_parse((struct str){made.text, KEY_CHARS + 1}, &read));
    assert_false(key_parse((struct str){NULL, 0}, &read));
}

/* Each of the 62 digits about as often as any other. */
static void test_digits_are_even(void **state)
{
    (void)state;
    enum { KEYS = 4000 };
    int counts[128] = {0}, kinds = 0;
    for (int i = 0; i < KEYS; i++) {
        struct key k;
        key_make(&k, NULL);
        for (size_t c = 18; c < 18 + KEY_SECRET_CHARS; c++)
            counts[(unsigned char)k.text[c] & 127]++;
    }
    for (int c = 0; c < 128; c++) {
        double expected = (double)KEYS * KEY_SECRET_CHARS / 62;
        kinds += counts[c] > 0;
        /* Eight standard deviations. */
        assert_true(counts[c] == 0 || (counts[c] > expected * 0.84 && counts[c] < expected * 1.16));
    }
    assert_int_equal(kinds, 62);
}

/* A given id is kept, and the secret is random all the same. */
static void test_given_id(void **state)
{
    (void)state;
    uint8_t hash[SHA256_BYTES];
    char id[KEY_ID_CHARS + 1];
    struct key one, two, read;
    sha256(STR("what an id follows from"), hash);
    key_id_from(hash, id);
    assert_true(key_id_is_valid(str_of(id)));
    key_make(&one, id);
    key_make(&two, id);
    assert_string_equal(one.id, id);
    assert_string_equal(two.id, id);
    assert_string_not_equal(one.text, two.text);
    assert_true(key_parse(str_of(one.text), &read));
}

static void test_scopes(void **state)
{
    (void)state;
    unsigned all = 0;
    for (int i = 0; scope_names[i]; i++) {
        assert_string_equal(scope_name(scope_of(str_of(scope_names[i]))), scope_names[i]);
        all |= scope_of(str_of(scope_names[i]));
    }
    assert_int_equal(all, 31);
    assert_int_equal(scope_of(STR("reading")), SCOPE_NONE);
    assert_int_equal(scope_of(STR("")), SCOPE_NONE);
    assert_string_equal(scope_name(SCOPE_NONE), "");
}

static void masks(const char *text, const char *expected)
{
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", text);
    key_mask(copy);
    assert_string_equal(copy, expected);
}

static void test_masks(void **state)
{
    (void)state;
    masks("/v1/keys/mono_0123456789ab_secret/x", "/v1/keys/mono_0123456789ab_******/x");
    masks("mono_mono_0123456789ab_s3cr3t", "mono_mono_0123456789ab_******");
    masks("mono_0123456789ab_a mono_0123456789ab_b", "mono_0123456789ab_* mono_0123456789ab_*");
    masks("mono_0123456789ab_", "mono_0123456789ab_");
    masks("mono_0123456789ab", "mono_0123456789ab");
    masks("mono_0123_secret", "mono_0123_secret");
    masks("mono_", "mono_");
    masks("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back),     cmocka_unit_test(test_known),
        cmocka_unit_test(test_anything_else), cmocka_unit_test(test_digits_are_even),
        cmocka_unit_test(test_given_id),      cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
