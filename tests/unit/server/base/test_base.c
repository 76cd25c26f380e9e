/* Arena, buffers, views, errors and text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/hash.h"
#include "server/base/text.h"

static void arena_is_bounded_and_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 10);
    for (size_t n = 1; n < 200; n++) {
        unsigned char *p = arena_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    assert_null(arena_alloc(a, 64 << 10));
    arena_reset(a);
    unsigned char *again = arena_alloc(a, 100);
    assert_int_equal(again[99], 0);
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_dup(a, "abc", 2), "ab");
    arena_free(a);
    arena_free(NULL);
}

static void buf_fails_once_and_stays_failed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    for (int i = 0; i < 10; i++)
        buf_addz(&b, "0123456789");
    assert_false(b.failed);
    assert_int_equal(b.n, 100);
    for (int i = 0; i < 30; i++)
        buf_addz(&b, "0123456789");
    assert_true(b.failed);
    assert_int_equal(b.n, 300);
    buf_addc(&b, 'x');
    assert_int_equal(b.n, 300);
    assert_null(buf_z(&b));
    buf_reset(&b);
    buf_addi(&b, INT64_MIN);
    buf_addf(&b, "|%s", "y");
    assert_string_equal(buf_z(&b), "-9223372036854775808|y");
    buf_free(&b);
}

static void numbers_are_read_whole(void **state)
{
    (void)state;
    int64_t v = 5;
    double d = 0;
    assert_true(str_to_i64(STR("-12"), -20, 20, &v));
    assert_int_equal(v, -12);
    const char *const bad[] = {"", " 1", "1 ", "+1", "1x", "0x10", "21", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(str_to_i64(str_of(bad[i]), -20, 20, &v));
    assert_int_equal(v, -12);
    assert_true(str_to_double(STR("1.5e2"), &d));
    assert_true(d > 149.9 && d < 150.1);
    assert_false(str_to_double(STR("nan"), &d));
    assert_false(str_to_double(STR("1e999"), &d));
}

static void views_are_searched(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("hello world"), STR("wor")), 6);
    assert_int_equal(str_find(STR("hello"), STR("hello!")), -1);
    assert_int_equal(str_ifind(STR("In The CAPTION"), STR("caption")), 7);
    assert_true(str_ieq(STR("Content-Type"), STR("content-type")));
    assert_true(str_is(str_trim(STR("\t a b \r\n")), "a b"));
    struct str rest = STR("a,,b,"), none = {NULL, 0};
    assert_true(str_is(str_next(&rest, ','), "a"));
    assert_true(str_is(str_next(&rest, ','), ""));
    assert_true(str_is(str_next(&rest, ','), "b"));
    assert_int_equal(rest.n, 0);
    assert_int_equal(str_next(&rest, ',').n, 0);
    assert_int_equal(str_next(&none, ',').n, 0);
    assert_true(str_is(str_from(STR("abc"), 2), "c"));
    assert_int_equal(str_from(STR("abc"), 9).n, 0);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no %s", "seed"), -1);
    (void)err_set(&e, ERR_INTERNAL, "later");
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "no seed");
    (void)err_field(&e, "/x", "too late");
    assert_int_equal(e.n_fields, 0);
    err_clear(&e);
    for (int i = 0; i < 12; i++)
        (void)err_field(&e, "/seeds/3/text", "is empty");
    assert_int_equal(e.code, ERR_VALIDATION);
    assert_int_equal(e.n_fields, ERR_FIELDS_MAX);
    assert_string_equal(e.fields[0].pointer, "/seeds/3/text");
}

static void invalid_utf8_is_found(void **state)
{
    (void)state;
    const struct {
        struct str s;
        size_t bad;
    } cases[] = {
        {STR("ab\xff"), 2},       {STR("a\0b"), 1},        {STR("\xc0\x80"), 0},
        {STR("\xed\xa0\x80"), 0}, {STR("ok \xe2\x82"), 3}, {STR("\xf4\x90\x80\x80"), 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t bad = 99;
        assert_false(text_is_valid(cases[i].s, &bad));
        assert_int_equal(bad, cases[i].bad);
    }
    assert_true(text_is_valid(STR("caf\xc3\xa9 \xf0\x9f\x90\xb6"), NULL));
}

static void texts_have_one_stored_form(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    static const char *const same[] = {"A caf\xc3\xa9 dog .", "  A cafe\xcc\x81 dog . ",
                                       "A\xc2\xa0"
                                       "caf\xc3\xa9\t\n dog\xe2\x80\x89.",
                                       "\xe3\x80\x80"
                                       "A caf\xc3\xa9 dog ."};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct str n = text_normalise(a, str_of(same[i]));
        assert_int_equal(n.n, strlen(same[0]));
        assert_memory_equal(n.p, same[0], n.n);
    }
    assert_int_equal(text_normalise(a, STR(" \t ")).n, 0);
    struct str plain = STR("already plain");
    assert_ptr_equal(text_normalise(a, plain).p, plain.p);
    assert_int_equal(text_length(STR("caf\xc3\xa9")), 4);
    assert_int_equal(text_words(STR("  two  words ")), 2);
    assert_int_equal(text_sentences(STR("One. Two! Is it 3.5 m? \"Yes.\" (No.) And")), 6);
    assert_int_equal(text_sentences(STR("He said \xe2\x80\x9cno.\xe2\x80\x9d Then... no")), 3);
    assert_int_equal(text_sentences(STR(" ... ")), 0);
    assert_int_equal(text_sentences(STR("")), 0);
    arena_free(a);
}

/* RFC 4231, test case 1 with its key of 20 bytes filled up by zeros, as HMAC does itself. */
static void macs_are_hmac_sha256(void **state)
{
    (void)state;
    uint8_t key[SHA256_BYTES] = {0}, mac[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    memset(key, 0x0b, 20);
    const struct str parts[] = {STR("Hi "), STR("There")};
    hmac_sha256(key, parts, 2, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

static void hashes_are_sha256(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES], back[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256(STR("abc"), digest);
    hex_encode(digest, SHA256_BYTES, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hex_decode(str_of(hex), back, SHA256_BYTES));
    assert_memory_equal(back, digest, SHA256_BYTES);
    assert_false(hex_decode(STR("0g"), back, 1));
    assert_false(hex_decode(STR("00ff"), back, 1));
    assert_true(hash_choice(STR("a"), STR("bc")) == load_be64(digest));
}

static void digests_take_pieces(void **state)
{
    (void)state;
    static const char text[] = "a text that comes in pieces of growing size, some of them empty";
    uint8_t whole[SHA256_BYTES], pieces[SHA256_BYTES];
    struct sha256_state s = {NULL};
    sha256_drop(&s);
    sha256(STR(text), whole);
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        sha256_begin(&s);
        for (size_t n = 0; at < sizeof(text) - 1; at += n++) {
            size_t rest = sizeof(text) - 1 - at;
            sha256_add(&s, (struct str){text + at, n < rest ? n : rest});
        }
        sha256_end(&s, pieces);
        assert_memory_equal(pieces, whole, sizeof(whole));
    }
    sha256_begin(&s);
    sha256_drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_is_bounded_and_aligned),
        cmocka_unit_test(buf_fails_once_and_stays_failed),
        cmocka_unit_test(numbers_are_read_whole),
        cmocka_unit_test(views_are_searched),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(invalid_utf8_is_found),
        cmocka_unit_test(texts_have_one_stored_form),
        cmocka_unit_test(hashes_are_sha256),
        cmocka_unit_test(digests_take_pieces),
        cmocka_unit_test(macs_are_hmac_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
