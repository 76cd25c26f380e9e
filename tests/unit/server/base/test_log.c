#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/log.h"
#include "server/base/text.h"

enum { CAPTURE_MAX = 1 << 16 };

static char captured[CAPTURE_MAX];
static size_t captured_n;
static int pipe_fds[2], real_stderr;

static void begin_capture(void)
{
    assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
    assert_true(fcntl(pipe_fds[1], F_SETPIPE_SZ, CAPTURE_MAX) >= 0);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
}

static const char *end_capture(void)
{
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    ssize_t n = read(pipe_fds[0], captured, sizeof(captured) - 1);
    captured_n = n > 0 ? (size_t)n : 0;
    captured[captured_n] = '\0';
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    (void)close(real_stderr);
    return captured;
}

/* The captured bytes as one line of JSON. */
static json_t *one_line(void)
{
    assert_true(captured_n > 0 && captured_n <= 8192);
    assert_ptr_equal(strchr(captured, '\n'), captured + captured_n - 1);
    json_error_t error;
    json_t *line =
        json_loadb(captured, captured_n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!line)
        fail_msg("not JSON: %s: %s", error.text, captured);
    return line;
}

static const char *member(const json_t *line, const char *key)
{
    const char *value = json_string_value(json_object_get(line, key));
    return value ? value : "(none)";
}

static int set_up(void **state)
{
    (void)state;
    log_setup(LOG_INFO, true);
    log_context(NULL, NULL, NULL);
    return 0;
}

static void test_a_line(void **state)
{
    (void)state;
    log_context("r-1", NULL, "t-9");
    begin_capture();
    log_event(LOG_WARN, "run_started", log_z("dataset", "a \"b\" \\ \xc3\xa9"), log_i("seeds", -42),
              log_s("none", (struct str){NULL, 0}));
    (void)end_capture();
    json_t *line = one_line();
    assert_int_equal(strlen(member(line, "time")), 24);
    assert_string_equal(member(line, "level"), "warn");
    assert_string_equal(member(line, "event"), "run_started");
    assert_string_equal(member(line, "request_id"), "r-1");
    assert_null(json_object_get(line, "run"));
    assert_string_equal(member(line, "task"), "t-9");
    assert_string_equal(member(line, "dataset"), "a \"b\" \\ \xc3\xa9");
    assert_int_equal(json_integer_value(json_object_get(line, "seeds")), -42);
    assert_string_equal(member(line, "none"), "");
    json_decref(line);
}

static void test_levels(void **state)
{
    (void)state;
    begin_capture();
    log_write(LOG_DEBUG, "quiet", NULL, 0);
    assert_string_equal(end_capture(), "");
    log_setup(LOG_DEBUG, true);
    begin_capture();
    log_write(LOG_DEBUG, "loud", NULL, 0);
    (void)end_capture();
    json_t *line = one_line();
    assert_string_equal(member(line, "level"), "debug");
    json_decref(line);
}

static void test_unsafe_characters_are_escaped(void **state)
{
    (void)state;
    begin_capture();
    log_event(LOG_INFO, "x",
              log_s("v", STR("a\nb\r\x1b[0m\0\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6"
                             "\xd8\x9c\xef\xbb\xbf z")));
    const char *text = end_capture();
    assert_non_null(strstr(text, "\"a\\u000ab\\u000d\\u001b[0m\\u0000\\u007f\\u0085\\u2028\\u202e"
                                 "\\u2066\\u061c\\ufeff z\""));
    json_decref(one_line());
}

static void test_broken_utf8_is_replaced(void **state)
{
    (void)state;
    begin_capture();
    log_event(LOG_INFO, "x", log_s("v", STR("a\xff\xc3(\xed\xa0\x80\xf0\x9f\x98")));
    (void)end_capture();
    json_t *line = one_line();
    assert_memory_equal(member(line, "v"), "a\xef\xbf\xbd\xef\xbf\xbd(", 8);
    assert_true(text_is_valid(str_of(captured), NULL));
    json_decref(line);
}

static void test_any_bytes_make_one_line(void **state)
{
    (void)state;
    static char bytes[2000];
    uint32_t x = 99;
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            x = x * 1664525U + 1013904223U;
            bytes[i] = (char)(x >> 24);
        }
        begin_capture();
        log_event(LOG_INFO, "x", log_s("a", (struct str){bytes, (size_t)round * 6}),
                  log_s("b", (struct str){bytes, sizeof(bytes)}),
                  log_s("c", (struct str){bytes, sizeof(bytes)}), log_i("d", round));
        (void)end_capture();
        json_decref(one_line());
        for (size_t i = 0; i + 1 < captured_n; i++)
            assert_true((unsigned char)captured[i] >= 0x20 && captured[i] != 0x7f);
    }
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof(text));
    const struct str huge = {text, sizeof(text)};
    begin_capture();
    log_event(LOG_INFO, "x", log_s("a", huge), log_s("b", huge), log_s("c", huge),
              log_i("d", INT64_MIN), log_s("e", huge));
    (void)end_capture();
    json_t *line = one_line();
    assert_int_equal(strlen(member(line, "a")), 4096);
    assert_true(json_is_true(json_object_get(line, "cut")));
    json_decref(line);
    begin_capture();
    log_event(LOG_INFO, "x", log_s("a", (struct str){text, 4096}));
    (void)end_capture();
    line = one_line();
    assert_null(json_object_get(line, "cut"));
    json_decref(line);
}

static void test_text_form(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    log_context(NULL, "run-1", NULL);
    begin_capture();
    log_event(LOG_ERROR, "failed", log_z("why", "a \"b\"\nc"), log_i("n", 3));
    const char *text = end_capture();
    assert_string_equal(text + 24, " error failed run=\"run-1\" why=\"a \\\"b\\\"\\u000ac\" n=3\n");
    log_setup(LOG_INFO, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_line, set_up),
        cmocka_unit_test_setup(test_levels, set_up),
        cmocka_unit_test_setup(test_unsafe_characters_are_escaped, set_up),
        cmocka_unit_test_setup(test_broken_utf8_is_replaced, set_up),
        cmocka_unit_test_setup(test_any_bytes_make_one_line, set_up),
        cmocka_unit_test_setup(test_long_lines_are_cut, set_up),
        cmocka_unit_test_setup(test_text_form, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
