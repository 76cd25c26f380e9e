/* What a provider makes of what comes of its calls: pauses, outages, stops, the window and the
 * limits, one URL and several. No sockets; times are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/providers/upstream_calls.h"

static void test_pause_is_shared_and_counted_once(void **state)
{
    struct upstream *u = stopping_after(3);
    struct verdict busy = fault(VERDICT_WAIT, FAULT_BUSY, 10 * second);
    struct permit p;
    int64_t again = 0;

    (void)state;
    burst(u, 8, &busy, second);
    assert_false(take(u, 2 * second, &p, &again));
    assert_in_range(again, 11 * second, 12 * second + 2000);
    assert_true(take(u, 13 * second, &p, &again));
    assert_false(upstream_stopped(u, NULL));
    unmade(u);
}

static void test_refusals_for_ever_stop(void **state)
{
    struct upstream *u = stopping_after(3);
    struct verdict busy = fault(VERDICT_WAIT, FAULT_BUSY, second);
    char reason[200] = "";

    (void)state;
    for (int64_t at = second; at < (ENDPOINT_BUSY_S - 10) * second; at += 10 * second)
        burst(u, 1, &busy, at);
    assert_false(upstream_stopped(u, reason));
    burst(u, 1, &busy, (ENDPOINT_BUSY_S + 20) * second);
    assert_true(upstream_stopped(u, reason));
    assert_non_null(strstr(reason, "llm: nothing but refusals for 15 minutes"));
    unmade(u);
}

static void test_streak_stops_with_its_cause(void **state)
{
    struct upstream *u = stopping_after(5);
    struct verdict bad = fault(VERDICT_AGAIN, FAULT_CALL, -1);
    char reason[200] = "";

    (void)state;
    burst(u, 4, &bad, second);
    burst(u, 1, &good, 2 * second);
    burst(u, 4, &bad, 3 * second);
    assert_false(upstream_stopped(u, reason));
    burst(u, 1, &bad, 4 * second);
    assert_true(upstream_stopped(u, reason));
    assert_string_equal(reason, "llm: 5 calls in a row failed, the last with HTTP 500: boom");
    upstream_reset(u);
    assert_false(upstream_stopped(u, reason));
    unmade(u);
}

/* A server that restarts under many calls is one incident, and then one call at a time tries it. */
static void test_outage_is_one_incident(void **state)
{
    struct upstream *u = stopping_after(10);
    struct verdict lost = fault(VERDICT_WAIT, FAULT_LINE, -1);
    struct permit p, other;
    int64_t again = 0;
    char reason[200] = "";

    (void)state;
    burst(u, 8, &lost, second);
    assert_false(upstream_stopped(u, reason));
    assert_true(take(u, 2 * second, &p, &again));
    assert_false(take(u, 2 * second, &other, &again));
    assert_true(again > 2 * second);
    give(u, &p, &lost, 2 * second + 1000);
    burst(u, 1, &lost, (ENDPOINT_OUTAGE_S + 3) * second);
    assert_true(upstream_stopped(u, reason));
    assert_non_null(strstr(reason, "out of reach"));
    unmade(u);
}

static void test_stop_keeps_the_first_cause(void **state)
{
    struct upstream *u = stopping_after(5);
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    char reason[200] = "";

    (void)state;
    burst(u, 1, &stop, second);
    upstream_stop(u, "another cause");
    assert_true(upstream_stopped(u, reason));
    assert_string_equal(reason, "llm: HTTP 500: boom");
    unmade(u);
}

/* After a stop one call goes first; when it fares no better, no more are wasted. */
static void test_half_open(void **state)
{
    struct upstream *u = stopping_after(5);
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    struct permit p, other;
    int64_t again;

    (void)state;
    burst(u, 1, &stop, second);
    assert_int_equal(upstream_room(u, &seat, second), 0);
    upstream_reset(u);
    assert_true(take(u, 10 * second, &p, &again));
    assert_false(take(u, 10 * second, &other, &again));
    give(u, &p, &stop, 11 * second);
    assert_true(upstream_stopped(u, NULL));
    upstream_reset(u);
    assert_true(take(u, 20 * second, &p, &again));
    give(u, &p, &good, 21 * second);
    assert_true(take(u, 21 * second, &p, &again));
    assert_true(take(u, 21 * second, &other, &again));
    unmade(u);
}

static const struct upstream_settings three = {.urls = "http://a/v1, http://b/v1\n http://c/v1/"};

static void test_least_busy_first(void **state)
{
    struct upstream *u = made(&three);
    struct permit p[9];
    int64_t again;
    int at[3] = {0};

    (void)state;
    assert_int_equal(upstream_endpoints(u), 3);
    assert_string_equal(upstream_route(u, 1)->url, "http://b/v1/chat/completions");
    assert_string_equal(upstream_route(u, 2)->url, "http://c/v1/chat/completions");
    for (int i = 0; i < 6; i++) {
        assert_true(take(u, second, &p[i], &again));
        at[p[i].endpoint]++;
    }
    assert_true(at[0] == 2 && at[1] == 2 && at[2] == 2);
    int freed = p[3].endpoint;
    give(u, &p[3], &good, 2 * second);
    assert_true(take(u, 2 * second, &p[6], &again));
    assert_int_equal(p[6].endpoint, freed);
    assert_true(upstream_take(u, &seat, 1, 100, 2 * second, &p[7], &again));
    assert_int_not_equal(p[7].endpoint, 1);
    unmade(u);
}

/* What one cannot do, the others do; with all of them gone the provider is stopped. */
static void test_failover(void **state)
{
    struct upstream *u = made(&three);
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    struct verdict lost = fault(VERDICT_WAIT, FAULT_LINE, -1);
    struct permit p[3];
    int64_t again, at = second;
    char reason[200];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(take(u, at, &p[i], &again));
    give(u, &p[0], &stop, at + 1);
    assert_false(upstream_stopped(u, NULL));
    give(u, &p[1], &lost, at + 2);
    give(u, &p[2], &good, at + 3);
    for (int i = 0; i < 5; i++) {
        assert_true(take(u, at + 4, &p[0], &again));
        assert_int_equal(p[0].endpoint, p[2].endpoint);
        give(u, &p[0], &good, at + 5);
    }
    /* The broken line is tried again soon, the stopped one in a minute, with one call each. */
    at += 10 * second;
    assert_true(upstream_take(u, &seat, p[2].endpoint, 100, at, &p[0], &again));
    assert_int_equal(p[0].endpoint, p[1].endpoint);
    give(u, &p[0], &stop, at + 1);
    assert_true(take(u, at, &p[0], &again));
    give(u, &p[0], &stop, at + 1);
    assert_true(upstream_stopped(u, reason));
    assert_non_null(strstr(reason, "llm: http://"));
    assert_false(take(u, at + 3600 * second, &p[0], &again));
    unmade(u);
}

static void test_a_stopped_url_comes_back(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.urls = "http://a/v1 http://b/v1"});
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    struct permit p[2], more;
    int64_t again, at = second;

    (void)state;
    assert_true(take(u, at, &p[0], &again));
    assert_true(take(u, at, &p[1], &again));
    give(u, &p[0], &stop, at + 1);
    give(u, &p[1], &good, at + 1);
    assert_true(upstream_take(u, &seat, p[1].endpoint, 100, at + 30 * second, &more, &again));
    assert_int_equal(more.endpoint, p[1].endpoint);
    assert_true(upstream_take(u, &seat, p[1].endpoint, 100, at + 61 * second, &more, &again));
    assert_int_equal(more.endpoint, p[0].endpoint);
    struct permit second_probe;
    assert_true(
        upstream_take(u, &seat, p[1].endpoint, 100, at + 61 * second, &second_probe, &again));
    assert_int_equal(second_probe.endpoint, p[1].endpoint);
    give(u, &more, &good, at + 62 * second);
    assert_true(upstream_take(u, &seat, p[1].endpoint, 100, at + 62 * second, &more, &again));
    assert_int_equal(more.endpoint, p[0].endpoint);
    unmade(u);
}

static void test_patience(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.urls = "http://a/v1"});
    struct patience p[ENDPOINTS_MAX];
    struct verdict hang = fault(VERDICT_WAIT, FAULT_HANG, -1);
    struct permit call;
    int64_t again;

    (void)state;
    upstream_patience(u, p);
    assert_true(p[0].hang_us == 0 && p[0].stopped_us == 0);
    for (int i = 0; i < 60; i++) {
        int64_t at = i * 10 * second + second;
        assert_true(take(u, at, &call, &again));
        give(u, &call, &good, at + 5 * second);
    }
    upstream_patience(u, p);
    assert_in_range(p[0].hang_us, 40 * second, 48 * second);
    /* With others answered meanwhile it stays at that; when all hang, the server is given more
     * time. */
    for (int i = 0; i < 2; i++) {
        int64_t at = (i + 100) * 100 * second;
        assert_true(take(u, at, &call, &again));
        give(u, &call, &hang, at + 45 * second);
    }
    upstream_patience(u, p);
    assert_in_range(p[0].hang_us, 80 * second, 96 * second);
    assert_true(take(u, 20000 * second, &call, &again));
    give(u, &call, &good, 20001 * second);
    upstream_patience(u, p);
    assert_in_range(p[0].hang_us, 40 * second, 48 * second);
    assert_false(upstream_stopped(u, NULL));
    unmade(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pause_is_shared_and_counted_once),
        cmocka_unit_test(test_refusals_for_ever_stop),
        cmocka_unit_test(test_streak_stops_with_its_cause),
        cmocka_unit_test(test_outage_is_one_incident),
        cmocka_unit_test(test_stop_keeps_the_first_cause),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_least_busy_first),
        cmocka_unit_test(test_failover),
        cmocka_unit_test(test_a_stopped_url_comes_back),
        cmocka_unit_test(test_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
