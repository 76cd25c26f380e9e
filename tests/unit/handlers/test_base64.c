/* Both alphabets, and that a URL text has one spelling only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/base64.h"

static void expect(const char *in, const char *standard, const char *url)
{
    struct buf b;
    buf_init(&b, 1000);
    base64_encode(&b, in, strlen(in));
    assert_string_equal(buf_z(&b), standard);
    struct buf back;
    buf_init(&back, 1000);
    assert_true(base64_decode(&back, buf_str(&b)));
    assert_true(str_is(buf_str(&back), in));
    buf_reset(&b);
    buf_reset(&back);
    base64url_encode(&b, in, strlen(in));
    assert_string_equal(buf_z(&b), url);
    assert_true(base64url_decode(&back, buf_str(&b)));
    assert_true(str_is(buf_str(&back), in));
    buf_free(&back);
    buf_free(&b);
}

static void test_encode(void **state)
{
    (void)state;
    expect("", "", "");
    expect("f", "Zg==", "Zg");
    expect("fo", "Zm8=", "Zm8");
    expect("foo", "Zm9v", "Zm9v");
    expect("foobar", "Zm9vYmFy", "Zm9vYmFy");
    expect("\xfb\xff\xfe?", "+//+Pw==", "-__-Pw");
}

static void test_decode_refuses(void **state)
{
    (void)state;
    const char *const bad[] = {"A", "Zg==", "Zm9v!", "Zh", "Zm9", "Zm 9v", "+//+", "Zm9vY"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_false(base64url_decode(&b, str_of(bad[i])));
        buf_free(&b);
    }
}

static void test_padding_is_exact(void **state)
{
    (void)state;
    const char *const bad[] = {"A",     "Zg",   "Zg=",  "Zg===", "Zm8",
                               "Zm9v=", "====", "Z===", "Zh==",  "-__-Pw=="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_false(base64_decode(&b, str_of(bad[i])));
        buf_free(&b);
    }
}

static void test_decode_is_bounded(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 2);
    assert_false(base64url_decode(&b, STR("Zm9v")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_padding_is_exact),
        cmocka_unit_test(test_decode_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
