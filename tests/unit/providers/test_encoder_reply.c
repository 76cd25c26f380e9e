/* Embedding replies as bytes: taking apart, numbers, base64, unit length. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/encoder/embeddings.h"

static void test_split_orders_by_index(void **state)
{
    struct str values[2];
    struct embeddings_info info;

    (void)state;
    const char *why = embeddings_split(
        STR(" {\"object\" : \"list\", \"data\":[ {\"object\":\"embedding\",\"index\":1,"
            "\"embedding\":[0.5, -1e-3]} , {\"embedding\":\"AAAA\",\"index\":0,\"x\":{\"y\":[]}}],"
            "\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":12,\"total_tokens\":12},"
            "\"note\":\"a \\\"quoted\\\" ] }\"} \n"),
        2, values, &info);
    assert_null(why);
    assert_true(str_is(values[0], "\"AAAA\""));
    assert_true(str_is(values[1], "[0.5, -1e-3]"));
    assert_true(str_is(info.model, "m-1"));
    assert_int_equal(info.tokens_in, 12);
}

#define ITEM(index) "{\"index\":" #index ",\"embedding\":[1]}"
#define DATA(items) "{\"data\":[" items "]}"

static void test_split_refuses(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        DATA(""),
        DATA(ITEM(0)),
        DATA(ITEM(0) "," ITEM(0)),
        DATA(ITEM(0) "," ITEM(2)),
        DATA(ITEM(-1) "," ITEM(1)),
        DATA(ITEM(0) "," ITEM(1) "," ITEM(2)),
        DATA(ITEM(0) ",{\"embedding\":[1]}"),
        DATA(ITEM(0) ",{\"index\":1}"),
        DATA(ITEM(0) ",{\"index\":1,\"embedding\":[1],\"embedding\":[1]}"),
        DATA("{\"index\":0,\"index\":1,\"embedding\":[1]}"),
        DATA("1,2"),
        DATA(ITEM(0) " " ITEM(1)),
        DATA(ITEM(0) "," ITEM(1)) " x",
        "{\"data\":[" ITEM(0) "," ITEM(1) "]",
        "{\"data\":[" ITEM(0) ",{\"index\":1,\"embedding\":[1",
        "{\"data\":[],\"data\":[]}",
        "{\"data\":{\"index\":0}}",
        "{\"error\":{\"message\":\"x\"}}",
        "{\"data",
        "{\"data\\",
    };
    struct str values[2];
    struct embeddings_info info;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        assert_non_null(embeddings_split(str_of(bodies[i]), 2, values, &info));
}

static void test_array_to_unit(void **state)
{
    double scratch[2];
    float out[2];

    (void)state;
    assert_int_equal(vector_dimension(STR("[3.0, -4e0]")), 2);
    assert_int_equal(vector_read(STR("[3.0, -4e0]"), 2, scratch, out), VECTOR_OK);
    assert_float_equal(out[0], 0.6F, 1e-7F);
    assert_float_equal(out[1], -0.8F, 1e-7F);
}

static void test_numbers_are_exact(void **state)
{
    static const char *const numbers[] = {
        "0.1",
        "-0.03125",
        "123456789012345678",
        "1.7976931348623157e308",
        "4.9e-324",
        "1e22",
        "1E-22",
        "0.000000000000000012345",
        "-12.50",
        "0.123456789012345678901234567890",
        "9007199254740993",
        "100000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        char array[64];
        double scratch[1], expected = strtod(numbers[i], NULL);
        float out[1];
        int n = snprintf(array, sizeof(array), "[%s]", numbers[i]);
        vector_read((struct str){array, (size_t)n}, 1, scratch, out);
        assert_memory_equal(scratch, &expected, sizeof(expected));
    }
}

static void test_array_faults(void **state)
{
    static const struct {
        const char *value;
        enum vector_fault fault;
    } cases[] = {
        {"[0.0, 0]", VECTOR_ZERO},       {"[1e-300, 0]", VECTOR_ZERO},
        {"[NaN, 1]", VECTOR_INFINITE},   {"[1, Infinity]", VECTOR_INFINITE},
        {"[null, 1]", VECTOR_INFINITE},  {"[\"1\", 1]", VECTOR_INFINITE},
        {"[1e400, 1]", VECTOR_INFINITE}, {"[1e200, 1]", VECTOR_INFINITE},
        {"[[1], 1]", VECTOR_INFINITE},   {"[true, 1]", VECTOR_INFINITE},
        {"[1, ]", VECTOR_INFINITE},      {"[1 2, 3]", VECTOR_INFINITE},
        {"[1., 2]", VECTOR_INFINITE},    {"[+1, 2]", VECTOR_INFINITE},
        {"[1e, 2]", VECTOR_INFINITE},    {"[1]", VECTOR_DIMENSION},
        {"[1,2,3]", VECTOR_DIMENSION},   {"[]", VECTOR_DIMENSION},
        {"null", VECTOR_INFINITE},       {"17", VECTOR_INVALID},
        {"{\"a\":1}", VECTOR_INVALID},   {"\"\"", VECTOR_DIMENSION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double scratch[2];
        float out[2];
        assert_int_equal(vector_read(str_of(cases[i].value), 2, scratch, out), cases[i].fault);
    }
}

static void test_base64(void **state)
{
    double out[2];

    (void)state;
    /* 1.0 and -2.5 as little-endian float32: 00 00 80 3f, 00 00 20 c0. */
    assert_int_equal(vector_from_base64(STR("AACAPwAAIMA="), 2, out), VECTOR_OK);
    assert_true(fabs(out[0] - 1.0) < 1e-12 && fabs(out[1] + 2.5) < 1e-12);
    assert_int_equal(vector_from_base64(STR("AACAPwAAIMA"), 2, out), VECTOR_OK);
    assert_int_equal(vector_from_base64(STR("AACAPwAAIMA="), 1, out), VECTOR_DIMENSION);
    assert_int_equal(vector_from_base64(STR("AACAPwAAIM"), 2, out), VECTOR_DIMENSION);
    assert_int_equal(vector_from_base64(STR("AACAPwA IMA="), 2, out), VECTOR_INVALID);
    assert_int_equal(vector_from_base64(STR("AACA=wAAIMA="), 2, out), VECTOR_INVALID);
    /* "//9/f" starts the largest float32; "\/" is "/" escaped. */
    assert_int_equal(vector_from_base64(STR("\\/\\/9\\/fw=="), 1, out), VECTOR_OK);
    assert_true(out[0] > 3.4e38);
    assert_int_equal(vector_dimension(STR("\"\\/\\/9\\/fw==\"")), 1);
}

static void test_base64_not_finite(void **state)
{
    double scratch[1];
    float out[1];

    (void)state;
    /* NaN 00 00 c0 7f, infinity 00 00 80 7f, zero. */
    assert_int_equal(vector_read(STR("\"AADAfw==\""), 1, scratch, out), VECTOR_INFINITE);
    assert_int_equal(vector_read(STR("\"AACAfw==\""), 1, scratch, out), VECTOR_INFINITE);
    assert_int_equal(vector_read(STR("\"AAAAAA==\""), 1, scratch, out), VECTOR_ZERO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_orders_by_index), cmocka_unit_test(test_split_refuses),
        cmocka_unit_test(test_array_to_unit),         cmocka_unit_test(test_numbers_are_exact),
        cmocka_unit_test(test_array_faults),          cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
