/* What a provider makes of what comes of its calls: pauses, outages, stops, the window and the
 * limits, one URL and several. No sockets; times are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "providers/upstream.h"
#include "server/base/clock.h"

static const int64_t second = 1000000;
static struct seat seat;

static struct upstream *made(const struct upstream_settings *change)
{
    struct upstream_settings s = {
        .name = "llm",
        .urls = change->urls ? change->urls : "http://127.0.0.1:1/v1/",
        .path = "/chat/completions",
        .max_in_flight = change->max_in_flight ? change->max_in_flight : 256,
        .timeout_s = 1,
        .connect_timeout_s = 1,
        .attempts = 3,
        .stop_after = change->stop_after ? change->stop_after : 5,
        .rpm = change->rpm,
        .tpm = change->tpm,
        .api_key = change->api_key,
    };
    struct err e = {0};
    struct upstream *u = upstream_new(&s, &e);

    assert_non_null(u);
    seat = (struct seat){0};
    upstream_join(u, &seat, NULL);
    return u;
}

static struct upstream *stopping_after(int faults)
{
    return made(&(struct upstream_settings){.stop_after = faults});
}

static void unmade(struct upstream *u)
{
    upstream_leave(u, &seat);
    upstream_unref(u);
}

static struct verdict fault(enum verdict_kind kind, enum verdict_fault of, int64_t pause_us)
{
    struct verdict v;

    verdict_set(&v, kind, of, "x", "HTTP 500: boom");
    v.pause_us = pause_us;
    return v;
}

static const struct verdict good = {.kind = VERDICT_OK, .pause_us = -1};

static bool take(struct upstream *u, int64_t at, struct permit *p, int64_t *again_us)
{
    return upstream_take(u, &seat, -1, 100, at, p, again_us);
}

static void give(struct upstream *u, const struct permit *p, const struct verdict *v, int64_t at)
{
    struct outcome o = {.verdict = v, .now_us = at, .sent = true, .served = v->kind == VERDICT_OK};

    upstream_give(u, &seat, p, &o, 100);
}

/* Starts n calls at `at`, all of which end at `at` + 1000 with v. */
static void burst(struct upstream *u, int n, const struct verdict *v, int64_t at)
{
    struct permit p[64];
    int64_t again;

    assert_true(n <= 64);
    for (int i = 0; i < n; i++)
        assert_true(take(u, at, &p[i], &again));
    for (int i = 0; i < n; i++)
        give(u, &p[i], v, at + 1000);
}

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

static void test_window_is_shared(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.max_in_flight = 10});
    struct seat other = {0};

    (void)state;
    upstream_join(u, &other, NULL);
    for (int i = 0; i < 10; i++)
        assert_true(upstream_hold(u, &seat, second));
    assert_false(upstream_hold(u, &seat, second));
    assert_int_equal(upstream_room(u, &other, second), 0);
    /* What comes free goes to the one that has less, up to its part. */
    for (int i = 0; i < 5; i++) {
        upstream_release(u, &seat);
        assert_int_equal(upstream_room(u, &seat, second), i < 5 && seat.held >= 5 ? 0 : 1);
        assert_true(upstream_hold(u, &other, second));
        assert_int_equal(upstream_room(u, &other, second), 0);
    }
    upstream_release(u, &seat);
    assert_true(upstream_hold(u, &seat, second));
    /* Nobody waits for one that has not asked for a while. */
    upstream_release(u, &other);
    assert_true(upstream_hold(u, &seat, 2 * second));
    upstream_leave(u, &other);
    unmade(u);
}

static int takes_within(struct upstream *u, int64_t from, int64_t until)
{
    struct permit p;
    int64_t again = from;
    int n = 0;

    for (int64_t at = from; at < until; at += 1000)
        while (at >= again && take(u, at, &p, &again)) {
            give(u, &p, &good, at);
            n++;
        }
    return n;
}

static void test_limits(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.rpm = 600});
    struct upstream_limits l = {.rpm = 120, .max_in_flight = 4};
    int64_t now = clock_us() + second;

    (void)state;
    assert_in_range(takes_within(u, now, now + 60 * second), 590, 640);
    upstream_set_limits(u, &l, 1);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 118, 130);
    assert_int_equal(upstream_room(u, &seat, now), 4);
    upstream_set_limits(u, &l, 2);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 59, 66);
    assert_int_equal(upstream_room(u, &seat, now), 4);
    /* Tokens: 100 a call. */
    l = (struct upstream_limits){.rpm = 100000, .tpm = 30000};
    upstream_set_limits(u, &l, 1);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 295, 320);
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

static json_t *described(struct upstream *u)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    buf_addc(&out, '{');
    upstream_describe(u, NULL, NULL, &out);
    buf_addc(&out, '}');
    assert_null(memmem(out.p, out.n, "sk-0123456789", 13));
    json_t *root = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    buf_free(&out);
    assert_non_null(root);
    return root;
}

static const char *text_at(const json_t *root, const char *a, const char *b, const char *c)
{
    const json_t *at = json_object_get(root, a);

    if (json_is_array(at))
        at = json_array_get(at, 0);
    if (b)
        at = json_object_get(at, b);
    if (c)
        at = json_object_get(at, c);
    const char *text = json_string_value(at);
    return text ? text : "";
}

static void test_describe(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.rpm = 60, .api_key = "sk-0123456789"});
    struct upstream_limits l = {.max_in_flight = 7};
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    struct permit p;
    int64_t again;

    (void)state;
    json_t *root = described(u);
    assert_string_equal(text_at(root, "state", NULL, NULL), "ok");
    assert_string_equal(text_at(root, "endpoints", "binding", NULL), "idle");
    assert_string_equal(text_at(root, "limits", "rpm", "set_by"), "config");
    assert_null(json_object_get(json_object_get(root, "limits"), "tpm"));
    json_decref(root);
    upstream_set_limits(u, &l, 3);
    int64_t now = clock_us();
    assert_true(take(u, now, &p, &again));
    root = described(u);
    assert_string_equal(text_at(root, "limits", "max_in_flight", "set_by"), "operator");
    assert_string_equal(text_at(root, "limits", "rpm", "set_by"), "replicas");
    json_decref(root);
    give(u, &p, &stop, now + second);
    root = described(u);
    assert_string_equal(text_at(root, "state", NULL, NULL), "stopped");
    assert_string_equal(text_at(root, "reason", NULL, NULL), "llm: HTTP 500: boom");
    assert_string_equal(text_at(root, "endpoints", "binding", NULL), "stopped");
    json_decref(root);
    unmade(u);
}

static void test_settings_are_checked(void **state)
{
    static const struct {
        const char *url, *key;
        bool ok;
    } cases[] = {
        {"http://localhost:8000/v1", NULL, true},
        {"https://[::1]:8000/v1", "sk-abc", true},
        {"http://a/v1,http://b/v1", NULL, true},
        {"ftp://localhost/v1", NULL, false},
        {"http://a/v1 ftp://localhost/v1", NULL, false},
        {"file:///etc/passwd", NULL, false},
        {"http://user:secret@localhost/v1", NULL, false},
        {"http://localhost/v1?x=1", NULL, false},
        {"not a url", NULL, false},
        {" , ", NULL, false},
        {"http://localhost/v1", "sk\r\nX-Evil: 1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct upstream_settings s = {
            .name = "llm", .urls = cases[i].url, .path = "/x", .api_key = cases[i].key};
        struct err e = {0};
        struct upstream *u = upstream_new(&s, &e);
        assert_int_equal(u != NULL, cases[i].ok);
        assert_int_equal(e.code == ERR_NONE, cases[i].ok);
        upstream_unref(u);
    }
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
        cmocka_unit_test(test_window_is_shared),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
