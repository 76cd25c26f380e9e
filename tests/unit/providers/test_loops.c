/* Loops in what a model says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/loops.h"
#include "server/base/buf.h"

static const char start[] =
    "A brown dog stands on a wet pier while the light fades behind the hills. ";

static enum loop_kind whole(const struct buf *b)
{
    struct loops l = {0};

    return loops_look(&l, buf_str(b));
}

static struct buf repeated(const char *unit, int times)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_addz(&b, start);
    for (int i = 0; i < times; i++)
        buf_addz(&b, unit);
    return b;
}

static void expect(const char *unit, int times, enum loop_kind kind)
{
    struct buf b = repeated(unit, times);

    if (whole(&b) != kind)
        print_message("%d times %.40s\n", times, unit);
    assert_int_equal(whole(&b), kind);
    buf_free(&b);
}

static void test_white_space(void **state)
{
    (void)state;
    expect(" ", 254, LOOP_NONE);
    expect(" ", 300, LOOP_WHITESPACE);
    expect("\n", 300, LOOP_WHITESPACE);
    expect(" \t\r\n", 100, LOOP_WHITESPACE);
}

static void test_repetition(void **state)
{
    char sentence[200], paragraph[600];

    (void)state;
    snprintf(sentence, sizeof(sentence), "%s", start);
    for (unsigned i = 0, x = 1; i < sizeof(paragraph); i++, x = x * 1103515245 + 12345)
        paragraph[i] = (char)('a' + (x >> 16) % 26);
    paragraph[500] = 0;
    expect("the ", 150, LOOP_REPETITION);
    expect("-", 500, LOOP_REPETITION);
    expect("{\"question\":\"\",\"answer\":\"\"},", 20, LOOP_REPETITION);
    expect(sentence, 3, LOOP_NONE); /* and the start, which is the same */
    expect(sentence, 6, LOOP_REPETITION);
    expect("\xe7\x8a\xac\xe3\x81\xaf", 100, LOOP_REPETITION);
    expect(paragraph, 3, LOOP_NONE);
    expect(paragraph, 5, LOOP_REPETITION);
    expect("ha ", 40, LOOP_NONE);
}

/* A loop in the middle is one, too: what came after it was paid for as well. */
static void test_repetition_that_ends(void **state)
{
    struct buf b = repeated("no, ", 150);

    (void)state;
    buf_addz(&b, start);
    buf_addz(&b, "At last it says something else, and goes on with it for quite a while.");
    assert_int_equal(whole(&b), LOOP_REPETITION);
    buf_free(&b);
}

static void test_lists_are_no_loops(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 500; i++)
        buf_addf(&b, "{\"question\":\"What is number %d?\",\"answer\":\"It is %d.\"},", i,
                 i * 7 % 501);
    assert_int_equal(whole(&b), LOOP_NONE);
    buf_free(&b);
}

/* The same verdict however the text arrives. */
static void test_bit_by_bit(void **state)
{
    struct buf b = repeated("over and over ", 40);

    (void)state;
    for (size_t step = 1; step < 400; step += 7) {
        struct loops l = {0};
        size_t n = 0;
        while (n < b.n && loops_look(&l, (struct str){b.p, n}) == LOOP_NONE)
            n = n + step < b.n ? n + step : b.n;
        assert_int_equal(loops_look(&l, (struct str){b.p, n}), LOOP_REPETITION);
        assert_true(n < strlen(start) + 256 + 48 + 128 + step);
    }
    buf_free(&b);
}

static void test_nothing(void **state)
{
    struct loops l = {0};

    (void)state;
    assert_int_equal(loops_look(&l, (struct str){NULL, 0}), LOOP_NONE);
    assert_null(loop_reason(LOOP_NONE));
    assert_string_equal(loop_reason(LOOP_WHITESPACE), "whitespace_loop");
    assert_string_equal(loop_reason(LOOP_REPETITION), "repetition_loop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white_space),          cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_repetition_that_ends), cmocka_unit_test(test_lists_are_no_loops),
        cmocka_unit_test(test_bit_by_bit),           cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
