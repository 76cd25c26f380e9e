/* Lines come out the same however the stream is cut into chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "handlers/import_lines.h"

/* Lines joined: "[text]" each, "<n bytes>" for one that was too long. */
static int collect(void *arg, struct str line, bool too_long)
{
    struct buf *seen = arg;
    buf_addc(seen, too_long ? '<' : '[');
    if (!too_long && line.n > 100)
        buf_addi(seen, (int64_t)line.n);
    else if (!too_long)
        buf_adds(seen, line);
    buf_addc(seen, too_long ? '>' : ']');
    return 0;
}

static void run(struct str text, size_t chunk, struct buf *seen)
{
    struct line_cutter c;
    line_cutter_init(&c, collect, seen);
    for (size_t at = 0; at < text.n; at += chunk) {
        struct str piece = str_from(text, at);
        piece.n = piece.n < chunk ? piece.n : chunk;
        assert_int_equal(line_cutter_feed(&c, piece), 0);
    }
    assert_int_equal(line_cutter_end(&c), 0);
    line_cutter_free(&c);
}

static void expect(struct str text, const char *lines)
{
    static const size_t chunks[] = {1, 2, 3, 7, 64, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        struct buf seen;
        buf_init(&seen, 100000);
        run(text, chunks[i], &seen);
        assert_string_equal(buf_z(&seen), lines);
        buf_free(&seen);
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    expect(STR(""), "");
    expect(STR("a"), "[a]");
    expect(STR("a\n"), "[a]");
    expect(STR("a\r\nb\n\nc"), "[a][b][][c]");
    expect(STR("\n"), "[]");
    expect(STR("a\rb\r\r\n"), "[a\rb\r]");
    expect(STR("a\n\r\n"), "[a][]");
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    expect(STR("\xef\xbb\xbf"
               "a\n\xef\xbb\xbf"
               "b\n"),
           "[a][\xef\xbb\xbf"
           "b]");
    expect(STR("\xef\xbb\xbf\n"), "[]");
}

/* `n` times `c` between two short lines. */
static void expect_length(size_t n, const char *end, const char *lines)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_addz(&b, "first\n");
    for (size_t i = 0; i < n; i++)
        buf_addc(&b, 'x');
    buf_addz(&b, end);
    buf_addz(&b, "last");
    expect(buf_str(&b), lines);
    buf_free(&b);
}

static void test_longest_line(void **state)
{
    (void)state;
    expect_length(LINE_BYTES_MAX, "\n", "[first][65536][last]");
    expect_length(LINE_BYTES_MAX, "\r\n", "[first][65536][last]");
    expect_length(LINE_BYTES_MAX + 1, "\n", "[first]<>[last]");
    expect_length(LINE_BYTES_MAX + 1, "\r\n", "[first]<>[last]");
    expect_length(LINE_BYTES_MAX + 2, "\n", "[first]<>[last]");
    expect_length(300000, "\n", "[first]<>[last]");
}

static int refuse(void *arg, struct str line, bool too_long)
{
    (void)line;
    (void)too_long;
    ++*(int *)arg;
    return -1;
}

static void test_callback_ends_the_cutting(void **state)
{
    (void)state;
    int calls = 0;
    struct line_cutter c;
    line_cutter_init(&c, refuse, &calls);
    assert_int_equal(line_cutter_feed(&c, STR("a\nb\nc\n")), -1);
    assert_int_equal(calls, 1);
    line_cutter_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_callback_ends_the_cutting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
