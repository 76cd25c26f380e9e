#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/write.h"

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

static const char *text_of_float(float v)
{
    buf_reset(&out);
    json_float(&out, v);
    return buf_z(&out);
}

static const char *text_of_double(double v)
{
    buf_reset(&out);
    json_double(&out, v);
    return buf_z(&out);
}

static float float_of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static uint64_t next_random(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15U;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static size_t count_digits(const char *text)
{
    size_t n = 0, zeros = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p < '0' || *p > '9')
            continue;
        if (*p == '0' && n == 0)
            continue;
        n++;
        zeros = *p == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

static size_t shortest_digits(float v)
{
    char text[64];
    for (int precision = 0; precision < 9; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, (double)v);
        float back = strtof(text, NULL);
        if (memcmp(&back, &v, sizeof(v)) == 0)
            break;
    }
    return count_digits(text);
}

static void check_float(uint32_t bits)
{
    float v = float_of_bits(bits);
    const char *text = text_of_float(v);
    float back = strtof(text, NULL);
    if (memcmp(&back, &v, sizeof(v)) != 0)
        fail_msg("%08x was written as %s", bits, text);
}

static void test_float_forms(void **state)
{
    (void)state;
    assert_string_equal(text_of_float(0.0f), "0");
    assert_string_equal(text_of_float(-0.0f), "-0.0");
    assert_string_equal(text_of_float(1.0f), "1");
    assert_string_equal(text_of_float(-1.5f), "-1.5");
    assert_string_equal(text_of_float(0.1f), "0.1");
    assert_string_equal(text_of_float(0.3f), "0.3");
    assert_string_equal(text_of_float(100.0f), "100");
    assert_string_equal(text_of_float(16777216.0f), "16777216");
    assert_string_equal(text_of_float(33554432.0f), "33554432");
    assert_string_equal(text_of_float(0.00001f), "0.00001");
    assert_string_equal(text_of_float(0.000001f), "1e-6");
    assert_string_equal(text_of_float(3.4028235e38f), "3.4028235e38");
    assert_string_equal(text_of_float(1e-45f), "1e-45");
    assert_string_equal(text_of_float(-1.17549435e-38f), "-1.1754944e-38");
    assert_string_equal(text_of_float(9.8765434e-3f), "0.009876544");
    assert_string_equal(text_of_float(NAN), "null");
    assert_string_equal(text_of_float(-INFINITY), "null");
}

static void test_float_any_bits_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 1000000; i++) {
        uint32_t bits = (uint32_t)next_random();
        if ((bits & 0x7f800000) != 0x7f800000)
            check_float(bits);
    }
    for (uint32_t bits = 1; bits < 3000; bits++)
        check_float(bits);
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (int32_t near = -3; near <= 3; near++)
            check_float((exponent << 23) + (uint32_t)(exponent ? near : 0));
}

static void test_float_is_shortest(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        float v = float_of_bits((uint32_t)next_random() % 0x18000000 + 0x2d000000);
        size_t least = shortest_digits(v);
        const char *text = text_of_float(v);
        if (count_digits(text) > least)
            fail_msg("%s has more than %zu digits", text, least);
    }
}

static void test_float_of_few_digits(void **state)
{
    (void)state;
    for (int i = 1; i < 100000; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "0.%05d", i);
        size_t n = strlen(expected);
        while (expected[n - 1] == '0')
            expected[--n] = '\0';
        assert_string_equal(text_of_float(strtof(expected, NULL)), expected);
    }
}

static void test_double_forms(void **state)
{
    (void)state;
    assert_string_equal(text_of_double(0.0), "0");
    assert_string_equal(text_of_double(-0.0), "-0.0");
    assert_string_equal(text_of_double(0.1), "0.1");
    assert_string_equal(text_of_double(1.0 / 3.0), "0.3333333333333333");
    assert_string_equal(text_of_double(-12345.678), "-12345.678");
    assert_string_equal(text_of_double(1e15), "1000000000000000");
    assert_string_equal(text_of_double(1e16), "1e16");
    assert_string_equal(text_of_double(5e-324), "4.94065645841247e-324");
    assert_string_equal(text_of_double(1.7976931348623157e308), "1.7976931348623157e308");
    assert_string_equal(text_of_double((double)NAN), "null");
}

static void test_double_any_bits_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next_random();
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        double back = strtod(text_of_double(v), NULL);
        assert_memory_equal(&back, &v, sizeof(v));
    }
}

static void test_numbers_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    bool set = false;
    for (size_t i = 0; i < 4 && !set; i++)
        set = setlocale(LC_NUMERIC, with_comma[i]) != NULL;
    assert_string_equal(text_of_double(0.25), "0.25");
    assert_string_equal(text_of_float(1.25e-30f), "1.25e-30");
    (void)setlocale(LC_NUMERIC, "C");
}

static void test_commas_and_escapes(void **state)
{
    (void)state;
    json_open(&out, '{');
    json_key(&out, "a");
    json_int(&out, INT64_MIN);
    json_key(&out, "b\"");
    json_open(&out, '[');
    json_bool(&out, true);
    json_write_null(&out);
    json_open(&out, '[');
    json_close(&out, ']');
    json_open(&out, '{');
    json_close(&out, '}');
    json_float(&out, 0.5f);
    json_double(&out, 2.5);
    json_z(&out, NULL);
    json_str(&out, (struct str){0});
    json_close(&out, ']');
    json_key(&out, "c");
    json_raw(&out, STR(" {\"x\":1}\n "));
    json_key(&out, "d");
    json_str(&out, STR("\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9 end:"));
    json_key(&out, "e");
    json_z(&out, ",[{");
    json_close(&out, '}');
    assert_string_equal(buf_z(&out),
                        "{\"a\":-9223372036854775808,\"b\\\"\":[true,null,[],{},0.5,2.5,"
                        "null,\"\"],\"c\":{\"x\":1},\"d\":\"\\\"\\\\/\\b\\f\\n\\r\\t"
                        "\\u0001\\u001f\x7f \xc3\xa9 end:\",\"e\":\",[{\"}");
}

static void test_values_on_lines(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        json_open(&out, '{');
        json_key(&out, "n");
        json_int(&out, i);
        json_close(&out, '}');
        buf_addc(&out, '\n');
    }
    assert_string_equal(buf_z(&out), "{\"n\":0}\n{\"n\":1}\n");
}

static void test_a_full_buffer_fails(void **state)
{
    (void)state;
    struct buf small;
    buf_init(&small, 64);
    json_open(&small, '[');
    for (int i = 0; i < 64; i++) {
        json_float(&small, 0.123f);
        json_str(&small, STR("some text"));
    }
    assert_true(small.failed);
    assert_true(small.n <= 64);
    buf_free(&small);
}

/* Every byte at every place of a text longer than what is looked at together. */
static void test_escapes_at_any_place(void **state)
{
    (void)state;
    enum { LENGTH = 21 };
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < LENGTH; at++) {
            char text[LENGTH], expected[LENGTH + 8], code[8];
            memset(text, c % 2 ? '#' : '\x7f', sizeof(text));
            text[at] = (char)c;
            const char *named = c == 0 ? NULL : strchr("\"\"\\\\\bb\ff\nn\rr\tt", (int)c);
            bool escaped = c < 0x20 || c == '"' || c == '\\';
            if (escaped && named)
                (void)snprintf(code, sizeof(code), "\\%c", named[1]);
            else if (escaped)
                (void)snprintf(code, sizeof(code), "\\u%04x", c);
            else
                (void)snprintf(code, sizeof(code), "%c", (char)c);
            int n = snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", (int)at, text, code,
                             (int)(LENGTH - 1 - at), text + at + 1);
            buf_reset(&out);
            json_str(&out, (struct str){text, sizeof(text)});
            assert_int_equal(out.n, n);
            assert_memory_equal(out.p, expected, out.n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_float_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_float_any_bits_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_float_is_shortest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_float_of_few_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_double_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_double_any_bits_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_ignore_the_locale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commas_and_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_escapes_at_any_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_on_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_buffer_fails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
