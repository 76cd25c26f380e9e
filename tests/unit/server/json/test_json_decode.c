#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/decode.h"

struct item {
    struct str text;
    struct opt_int rank;
};

struct inner {
    struct opt_number share;
    struct str kind;
};

struct body {
    struct str name, mode, metadata;
    struct opt_int count;
    struct opt_bool flag;
    struct inner *inner;
    struct list tags, numbers, items;
};

static const char *const modes[] = {"fast", "slow", NULL};
static const char *const kinds[] = {"x", "y", NULL};

static const struct field inner_fields[] = {
    {.type = FIELD_NUMBER, .name = "share", .offset = offsetof(struct inner, share), .max = 1},
    {.type = FIELD_STRING, .name = "a/b~c", .offset = offsetof(struct inner, kind), .max = 4},
    {.type = FIELD_END},
};
static const struct field item_fields[] = {
    {.type = FIELD_STRING,
     .name = "text",
     .required = true,
     .offset = offsetof(struct item, text),
     .min = 1,
     .max = 5},
    {.type = FIELD_INT, .name = "rank", .offset = offsetof(struct item, rank)},
    {.type = FIELD_END},
};
static const struct field fields[] = {
    {.type = FIELD_STRING,
     .name = "name",
     .required = true,
     .offset = offsetof(struct body, name),
     .min = 1,
     .max = 8},
    {.type = FIELD_ENUM, .name = "mode", .offset = offsetof(struct body, mode), .values = modes},
    {.type = FIELD_INT,
     .name = "count",
     .offset = offsetof(struct body, count),
     .min = -5,
     .max = 100},
    {.type = FIELD_BOOL, .name = "flag", .offset = offsetof(struct body, flag)},
    {.type = FIELD_OBJECT,
     .name = "inner",
     .offset = offsetof(struct body, inner),
     .fields = inner_fields,
     .size = sizeof(struct inner)},
    {.type = FIELD_STRINGS,
     .name = "tags",
     .offset = offsetof(struct body, tags),
     .max = 3,
     .len_max = 3,
     .values = kinds},
    {.type = FIELD_NUMBERS,
     .name = "numbers",
     .offset = offsetof(struct body, numbers),
     .min = 1,
     .max = 4},
    {.type = FIELD_OBJECTS,
     .name = "items",
     .offset = offsetof(struct body, items),
     .fields = item_fields,
     .max = 100,
     .size = sizeof(struct item)},
    {.type = FIELD_MAP, .name = "metadata", .offset = offsetof(struct body, metadata), .max = 60},
    {.type = FIELD_END},
};

static struct arena *arena;
static struct body body;
static struct err err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static int decode(struct str text)
{
    memset(&err, 0, sizeof(err));
    memset(&body, 0x55, sizeof(body));
    return json_decode(text, fields, 1000, arena, &body, sizeof(body), &err);
}

static void expect_field(const char *text, const char *pointer, const char *detail)
{
    assert_int_equal(decode(str_of(text)), -1);
    assert_int_equal(err.code, ERR_VALIDATION);
    assert_int_equal(err.n_fields, 1);
    assert_string_equal(err.fields[0].pointer, pointer);
    assert_string_equal(err.fields[0].detail, detail);
}

static void expect_error(struct str text, enum err_code code, const char *sentence)
{
    assert_int_equal(decode(text), -1);
    assert_string_equal(err.msg, sentence);
    assert_int_equal(err.code, code);
}

static void test_fills_every_kind(void **state)
{
    (void)state;
    assert_int_equal(
        decode(STR("{\"name\":\"\\u00e9t\xc3\xa9\",\"mode\":\"slow\",\"count\":-5,\"flag\":false,"
                   "\"inner\":{\"share\":1,\"a/b~c\":\"y\"},\"tags\":[\"x\",\"y\"],"
                   "\"numbers\":[1,2.5,-3e2],\"items\":[{\"text\":\"one\",\"rank\":7},"
                   "{\"text\":\"two\"}],\"metadata\":{ \"b\" : [1, 0.1], \"a\" : \"\xc3\xa9\"}}")),
        0);
    assert_true(str_is(body.name, "\xc3\xa9t\xc3\xa9"));
    assert_true(str_is(body.mode, "slow"));
    assert_true(body.count.set);
    assert_int_equal(body.count.v, -5);
    assert_true(body.flag.set);
    assert_false(body.flag.v);
    assert_non_null(body.inner);
    assert_true(body.inner->share.v > 0.999);
    assert_true(str_is(body.inner->kind, "y"));
    assert_int_equal(body.tags.n, 2);
    assert_true(str_is(((struct str *)body.tags.items)[1], "y"));
    assert_int_equal(body.numbers.n, 3);
    assert_true(((double *)body.numbers.items)[2] < -299);
    const struct item *items = body.items.items;
    assert_int_equal(body.items.n, 2);
    assert_int_equal(items[0].rank.v, 7);
    assert_true(str_is(items[1].text, "two"));
    assert_false(items[1].rank.set);
    assert_true(str_is(body.metadata, "{\"b\":[1,0.1],\"a\":\"\xc3\xa9\"}"));
}

static void test_absent_is_unset(void **state)
{
    (void)state;
    assert_int_equal(decode(STR(" {\"name\":\"n\",\"items\":[]}\r\n")), 0);
    assert_null(body.mode.p);
    assert_null(body.metadata.p);
    assert_null(body.inner);
    assert_false(body.count.set || body.flag.set || body.tags.set || body.numbers.set);
    assert_true(body.items.set);
    assert_int_equal(body.items.n, 0);
}

static void test_points_at_the_field(void **state)
{
    (void)state;
    expect_field("{}", "/name", "is required");
    expect_field("{\"name\":\"\"}", "/name", "must have at least 1 character");
    expect_field("{\"name\":\"123456789\"}", "/name", "must have at most 8 characters, has 9");
    expect_field("{\"name\":null}", "/name", "must be a string, not null");
    expect_field("{\"name\":\"n\",\"mode\":\"Fast\"}", "/mode", "must be one of: fast, slow");
    expect_field("{\"name\":\"n\",\"count\":101}", "/count", "must be from -5 to 100");
    expect_field("{\"name\":\"n\",\"count\":1.5}", "/count", "must be an integer, not a number");
    expect_field("{\"name\":\"n\",\"flag\":1}", "/flag", "must be true or false, not an integer");
    expect_field("{\"name\":\"n\",\"inner\":[]}", "/inner", "must be an object, not an array");
    expect_field("{\"name\":\"n\",\"inner\":{\"share\":1.01}}", "/inner/share",
                 "must be from 0 to 1");
    expect_field("{\"name\":\"n\",\"inner\":{\"a/b~c\":true}}", "/inner/a~1b~0c",
                 "must be a string, not true");
    expect_field("{\"name\":\"n\",\"tags\":{}}", "/tags", "must be an array, not an object");
    expect_field("{\"name\":\"n\",\"tags\":[\"x\",\"z\"]}", "/tags/1", "must be one of: x, y");
    expect_field("{\"name\":\"n\",\"tags\":[\"x\",\"x\",\"x\",\"x\"]}", "/tags",
                 "must have 0 to 3 items, has 4");
    expect_field("{\"name\":\"n\",\"numbers\":[]}", "/numbers", "must have 1 to 4 items, has 0");
    expect_field("{\"name\":\"n\",\"numbers\":[0,\"1\"]}", "/numbers/1",
                 "must be a number, not a string");
    expect_field("{\"name\":\"n\",\"items\":[{\"text\":\"a\"},{\"rank\":1}]}", "/items/1/text",
                 "is required");
    expect_field("{\"name\":\"n\",\"items\":[{\"text\":\"a\",\"id\":1}]}", "/items/0/id",
                 "is not a known member");
    expect_field("{\"name\":\"n\",\"items\":[4]}", "/items/0", "must be an object, not an integer");
    expect_field("{\"name\":\"n\",\"metadata\":\"x\"}", "/metadata",
                 "must be an object, not a string");
    expect_field("{\"name\":\"n\",\"~/\":0}", "/~0~1", "is not a known member");
    expect_field("[1]", "", "must be an object, not an array");
    expect_field("17", "", "must be an object, not an integer");
}

static void test_collects_errors_up_to_eight(void **state)
{
    (void)state;
    assert_int_equal(decode(STR("{\"name\":1,\"count\":\"x\",\"flag\":0,\"zz\":1}")), -1);
    assert_int_equal(err.n_fields, 4);
    assert_string_equal(err.fields[0].pointer, "/name");
    assert_string_equal(err.fields[1].pointer, "/count");
    assert_string_equal(err.fields[2].pointer, "/flag");
    assert_string_equal(err.fields[3].pointer, "/zz");

    char text[1024] = "{\"name\":\"n\",\"items\":[";
    for (int i = 0; i < 40; i++)
        (void)strncat(text, i ? ",{}" : "{}", sizeof(text) - strlen(text) - 1);
    (void)strncat(text, "]}", sizeof(text) - strlen(text) - 1);
    assert_int_equal(decode(str_of(text)), -1);
    assert_int_equal(err.n_fields, ERR_FIELDS_MAX);
    assert_string_equal(err.fields[7].pointer, "/items/7/text");
    assert_string_equal(err.msg, "more than 8 fields are not as documented");
}

static void test_cuts_long_pointers_at_a_character(void **state)
{
    (void)state;
    char text[1024] = "{\"name\":\"n\",\"";
    for (int i = 0; i < 90; i++)
        (void)strncat(text, "\xe2\x82\xac", sizeof(text) - strlen(text) - 1);
    (void)strncat(text, "\":0}", sizeof(text) - strlen(text) - 1);
    assert_int_equal(decode(str_of(text)), -1);
    size_t n = strlen(err.fields[0].pointer);
    assert_true(n > 100);
    assert_int_equal((n - 1) % 3, 0);
}

static void test_syntax_has_line_and_column(void **state)
{
    (void)state;
    expect_error(STR(""), ERR_MALFORMED, "line 1, column 1: there is no JSON value");
    expect_error(STR(" \n\n"), ERR_MALFORMED, "line 3, column 1: there is no JSON value");
    expect_error(STR("{\"name\":\"n\",\n  \"name\":\"m\"}"), ERR_MALFORMED,
                 "line 2, column 8: a member's name stands twice in one object");
    expect_error(STR("{\"name\":\n\"\\u0000\"}"), ERR_MALFORMED,
                 "line 2, column 8: a string contains the character U+0000");
    expect_error(STR("{\"name\":1} x"), ERR_MALFORMED,
                 "line 1, column 12: something follows the JSON value");
    expect_error(STR("{\"name\""), ERR_MALFORMED,
                 "line 1, column 8: the text ends within an object or an array");
    expect_error(STR("{\"name\":\"\xc3\xa9"), ERR_MALFORMED,
                 "line 1, column 9: a string does not end");
    expect_error(STR("{'name':1}"), ERR_MALFORMED,
                 "line 1, column 2: a byte that JSON does not allow here");
    expect_error(STR("[1}"), ERR_MALFORMED,
                 "line 1, column 3: a closing bracket has no opening one");
    expect_error(STR("{\"count\":99999999999999999999}"), ERR_MALFORMED,
                 "line 1, column 29: a number is larger than can be represented");
}

static void expect_malformed(struct str text)
{
    assert_int_equal(decode(text), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_memory_equal(err.msg, "line ", 5);
}

static void test_refuses_what_is_not_json(void **state)
{
    (void)state;
    expect_malformed(STR("{\"name\":\"\xff\"}"));
    expect_malformed(STR("{\"name\":\"\xed\xa0\x80\"}"));
    expect_malformed(STR("{\"name\":\"\\ud800\"}"));
    expect_malformed(STR("{\"name\":\"a\0b\"}"));
    expect_malformed(STR("{\"name\":\"n\"}\0"));
    expect_malformed(STR("{\"name\":nan}"));
    expect_malformed(STR("{\"name\":1e999}"));
    expect_malformed(STR("{\"name\":\"n\",}"));
    expect_malformed(STR("{\"na\\u0000me\":\"n\"}"));
    expect_malformed(STR("{\"\\u0061\":1,\"a\":2}"));
    expect_malformed(STR("{\"name\":\"tab\there\"}"));
    expect_malformed(STR("\xef\xbb\xbf{}"));
    expect_malformed(STR("{]"));
    expect_malformed(STR("{\"a\\"));
}

static void test_map_is_bounded_and_keeps_values(void **state)
{
    (void)state;
    assert_int_equal(decode(STR("{\"name\":\"n\",\"metadata\":{\"big\":9007199254740993,"
                                "\"f\":1.5e300,\"s\":\"\\n\\/\"}}")),
                     0);
    assert_true(str_is(body.metadata, "{\"big\":9007199254740993,\"f\":1.5e300,\"s\":\"\\n/\"}"));
    assert_int_equal(decode(STR("{\"name\":\"n\",\"metadata\":{}}")), 0);
    assert_true(str_is(body.metadata, "{}"));
    expect_field("{\"name\":\"n\",\"metadata\":{\"k\":"
                 "\"0123456789012345678901234567890123456789012345678901234567890123456789\"}}",
                 "/metadata", "must have at most 60 bytes as JSON, has 78");
}

static int scan(const char *text, size_t max)
{
    memset(&err, 0, sizeof(err));
    return json_scan(str_of(text), max, &err);
}

static void test_scan_counts_values(void **state)
{
    (void)state;
    assert_int_equal(scan("{}", 1), 0);
    assert_int_equal(scan("{\"a\":1}", 2), 0);
    assert_int_equal(scan("{\"a\":1}", 1), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(err.msg, "line 1, column 6: the body has more JSON values than allowed");
    assert_int_equal(scan("[[],[],\"a,b\\\"[\",{\"k\":\"v\",\"l\":[true,null]}]", 9), 0);
    assert_int_equal(scan("[[],[],\"a,b\\\"[\",{\"k\":\"v\",\"l\":[true,null]}]", 8), -1);
}

static void test_scan_bounds_depth(void **state)
{
    (void)state;
    char text[64] = "";
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(scan(text, 1000), 0);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    assert_int_equal(scan(text, 1000), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_string_equal(err.msg, "line 1, column 17: objects and arrays are nested too deeply");
}

static void test_a_small_arena_is_an_error(void **state)
{
    (void)state;
    struct arena *small = arena_new(8192);
    char text[600] = "{\"name\":\"n\",\"numbers\":[1,2],\"metadata\":{}}";
    for (int i = 0; i < 2000; i++) {
        memset(&err, 0, sizeof(err));
        if (json_decode(str_of(text), fields, 100, small, &body, sizeof(body), &err))
            break;
    }
    assert_int_equal(err.code, ERR_NO_MEMORY);
    arena_free(small);
}

static void test_describes_the_table(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    json_describe(inner_fields, &out);
    assert_string_equal(buf_z(&out),
                        "[{\"name\":\"share\",\"type\":\"number\",\"required\":false,\"min\":0,"
                        "\"max\":1,\"len_max\":0},{\"name\":\"a/b~c\",\"type\":\"string\","
                        "\"required\":false,\"min\":0,\"max\":4,\"len_max\":0}]");
    buf_reset(&out);
    json_describe(fields, &out);
    assert_int_equal(json_scan(buf_str(&out), 1000, &err), 0);
    assert_true(str_find(buf_str(&out), STR("\"values\":[\"fast\",\"slow\"]")) > 0);
    assert_true(str_find(buf_str(&out), STR("\"fields\":[{\"name\":\"share\"")) > 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_every_kind),
        cmocka_unit_test(test_absent_is_unset),
        cmocka_unit_test(test_points_at_the_field),
        cmocka_unit_test(test_collects_errors_up_to_eight),
        cmocka_unit_test(test_cuts_long_pointers_at_a_character),
        cmocka_unit_test(test_syntax_has_line_and_column),
        cmocka_unit_test(test_refuses_what_is_not_json),
        cmocka_unit_test(test_map_is_bounded_and_keeps_values),
        cmocka_unit_test(test_scan_counts_values),
        cmocka_unit_test(test_scan_bounds_depth),
        cmocka_unit_test(test_a_small_arena_is_an_error),
        cmocka_unit_test(test_describes_the_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
