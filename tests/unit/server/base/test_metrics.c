#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/metrics.h"

enum { THREADS = 4, ROUNDS = 20000, MANY = 300 };

static struct buf out;
static const char items[] = "stage=\"captions\",outcome=\"done\"";

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, 1 << 22);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

static const char *render(void)
{
    buf_reset(&out);
    metrics_render(&out, "1.2.3");
    assert_false(out.failed);
    return buf_z(&out);
}

static void expect_line(const char *line)
{
    const char *text = render(), *found = strstr(text, line);
    size_t n = strlen(line);
    if (!found || (found != text && found[-1] != '\n') || found[n] != '\n')
        fail_msg("no line %s in:\n%s", line, text);
}

static void test_before_anything(void **state)
{
    (void)state;
    expect_line("monoceros_build_info{version=\"1.2.3\"} 1");
    expect_line("monoceros_leases 0");
    expect_line("monoceros_database_errors_total 0");
    expect_line("# TYPE monoceros_items_total counter");
    expect_line("# TYPE monoceros_http_request_duration_seconds histogram");
    assert_null(strstr(render(), "monoceros_items_total{"));
}

static void test_counters_and_gauges(void **state)
{
    (void)state;
    char same_text[64];
    (void)snprintf(same_text, sizeof(same_text), "%s", items);
    metric_add(METRIC_ITEMS, items, 2);
    metric_add(METRIC_ITEMS, same_text, 3);
    metric_add(METRIC_ITEMS, "stage=\"dialogues\",outcome=\"failed\"", 1);
    expect_line("monoceros_items_total{stage=\"captions\",outcome=\"done\"} 5");
    expect_line("monoceros_items_total{stage=\"dialogues\",outcome=\"failed\"} 1");
    metric_set(METRIC_LEASES, NULL, 7);
    expect_line("monoceros_leases 7");
    metric_add(METRIC_LEASES, NULL, -7);
    expect_line("monoceros_leases 0");
}

static void test_histogram(void **state)
{
    (void)state;
    static const char label[] = "operation=\"get\"";
    static const double seconds[] = {0.0005, 0.0004, 0.003, 0.75, 100, -1};
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
        metric_observe(METRIC_HTTP_DURATION, label, seconds[i]);
    expect_line(
        "monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"0.0005\"} 3");
    expect_line("monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"0.001\"} 3");
    expect_line("monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"0.005\"} 4");
    expect_line("monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"1\"} 5");
    expect_line("monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"30\"} 5");
    expect_line("monoceros_http_request_duration_seconds_bucket{operation=\"get\",le=\"+Inf\"} 6");
    expect_line("monoceros_http_request_duration_seconds_count{operation=\"get\"} 6");
    expect_line("monoceros_http_request_duration_seconds_sum{operation=\"get\"} 100.753900000");
}

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(METRIC_PROVIDER_CALLS, i % 2 ? "outcome=\"ok\"" : "outcome=\"failed\"", 1);
        metric_observe(METRIC_HTTP_DURATION, "operation=\"threads\"", 0.002);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    expect_line("monoceros_provider_calls_total{outcome=\"ok\"} 40000");
    expect_line("monoceros_provider_calls_total{outcome=\"failed\"} 40000");
    expect_line("monoceros_http_request_duration_seconds_count{operation=\"threads\"} 80000");
}

static void test_label_sets_are_bounded(void **state)
{
    (void)state;
    static char labels[MANY][24];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(labels[i], sizeof(labels[i]), "stage=\"%d\"", i);
        metric_add(METRIC_TASKS_CLAIMED, labels[i], 1);
    }
    expect_line("monoceros_tasks_claimed_total{stage=\"255\"} 1");
    expect_line("monoceros_tasks_claimed_total{other=\"true\"} 44");
    assert_null(strstr(render(), "stage=\"256\""));
}

static void test_process_figures(void **state)
{
    (void)state;
    static const char *const names[] = {"\nprocess_cpu_seconds_total ",
                                        "\nprocess_resident_memory_bytes ", "\nprocess_open_fds "};
    const char *text = render();
    for (size_t i = 0; i < 3; i++) {
        const char *line = strstr(text, names[i]);
        assert_non_null(line);
        assert_true(strtod(line + strlen(names[i]), NULL) > 0);
    }
}

/* Each line is a comment or a name, maybe labels, one space and a number. */
static void test_form(void **state)
{
    (void)state;
    const char *text = render();
    assert_int_equal(text[out.n - 1], '\n');
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0)
            continue;
        const char *name = line + strspn(line, "abcdefghijklmnopqrstuvwxyz_");
        assert_true(name > line);
        const char *space = *name == '{' ? strstr(name, "} ") + 1 : name;
        assert_int_equal(*space, ' ');
        char *end = NULL;
        assert_true(strtod(space + 1, &end) >= 0);
        assert_int_equal(*end, '\n');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_anything),
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_label_sets_are_bounded),
        cmocka_unit_test(test_process_figures),
        cmocka_unit_test(test_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
