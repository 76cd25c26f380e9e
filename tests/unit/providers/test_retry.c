/* The rules about failures: what a status, a word, a broken transfer mean, how long to wait, and
 * what the endpoint as a whole makes of it. No sockets; times are made up. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/endpoint.h"
#include "providers/retry.h"
#include "providers/verdict.h"

static const int64_t second = 1000000;

static void test_retry_after_forms(void **state)
{
    static const struct {
        const char *value, *date;
        int64_t us;
    } cases[] = {
        {"2", "", 2000000},
        {" 0.25 ", "", 250000},
        {"0", "", 0},
        {"99999999999", "", RETRY_PAUSE_MAX_S * 1000000LL},
        {"1e300", "", RETRY_PAUSE_MAX_S * 1000000LL},
        {"-3", "", -1},
        {"soon", "", -1},
        {"", "", -1},
        {"Wed, 21 Oct 2026 07:28:10 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 10000000},
        {"Wed, 21 Oct 2026 07:28:10 GMT", "Wed, 21 Oct 2026 07:29:00 GMT", 0},
        {"Wed, 21 Oct 2099 07:28:10 GMT", "", RETRY_PAUSE_MAX_S * 1000000LL},
        {"Thu, 01 Jan 1970 00:20:00 GMT", "", 100000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(retry_after_us(str_of(cases[i].value), str_of(cases[i].date), 1100),
                         cases[i].us);
}

static void test_retry_prose(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"Rate limit reached. Please try again in 20ms.", 20000},
        {"try again in 1.5s", 1500000},
        {"Please try again in 1m0.5s. Visit", 60500000},
        {"Try again in 2 minutes", RETRY_PAUSE_MAX_S * 1000000LL},
        {"please retry after 7 seconds", 7000000},
        {"retry in 3.", 3000000},
        {"try again in a while", -1},
        {"nothing of the kind", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(retry_prose_us(str_of(cases[i].text)), cases[i].us);
}

static void test_backoff_grows_within_bounds(void **state)
{
    (void)state;
    for (int n = 1; n < 40; n++) {
        for (uint64_t random = 0; random < 5; random++) {
            int64_t us = retry_backoff_us(n, random * 0x123456789abcdefULL);
            assert_in_range(us, 62500, 8000000);
        }
    }
    assert_true(retry_backoff_us(6, 0) > retry_backoff_us(1, 0));
}

struct status_case {
    int status;
    const char *body;
    enum verdict_kind kind;
    enum verdict_fault fault;
    const char *reason;
};

static void test_verdict_of_status(void **state)
{
    static const struct status_case cases[] = {
        {400, "{}", VERDICT_ROW, FAULT_NONE, "http_400"},
        {400, "{\"error\":{\"code\":\"content_filter\"}}", VERDICT_ROW, FAULT_NONE,
         "content_filter"},
        {400, "{\"error\":{\"code\":\"model_not_found\"}}", VERDICT_STOP, FAULT_NONE, "http_400"},
        {400, "API key not valid. Please pass a valid API key.", VERDICT_STOP, FAULT_NONE,
         "http_400"},
        {401, "", VERDICT_STOP, FAULT_NONE, "http_401"},
        {402, "", VERDICT_STOP, FAULT_NONE, "http_402"},
        {403, "", VERDICT_STOP, FAULT_NONE, "http_403"},
        {403, "input flagged by moderation", VERDICT_ROW, FAULT_NONE, "content_filter"},
        {404, "", VERDICT_STOP, FAULT_NONE, "http_404"},
        {408, "", VERDICT_AGAIN, FAULT_CALL, "http_408"},
        {409, "", VERDICT_AGAIN, FAULT_CALL, "http_409"},
        {413, "", VERDICT_ROW, FAULT_NONE, "http_413"},
        {422, "", VERDICT_ROW, FAULT_NONE, "http_422"},
        {429, "", VERDICT_WAIT, FAULT_BUSY, "http_429"},
        {429, "{\"error\":{\"code\":\"insufficient_quota\"}}", VERDICT_STOP, FAULT_NONE,
         "http_429"},
        {500, "", VERDICT_AGAIN, FAULT_CALL, "http_500"},
        {500, "The request queue is full.", VERDICT_WAIT, FAULT_BUSY, "http_500"},
        {501, "", VERDICT_STOP, FAULT_NONE, "http_501"},
        {502, "", VERDICT_WAIT, FAULT_LINE, "http_502"},
        {503, "", VERDICT_WAIT, FAULT_BUSY, "http_503"},
        {504, "", VERDICT_AGAIN, FAULT_CALL, "http_504"},
        {529, "", VERDICT_WAIT, FAULT_BUSY, "http_529"},
        {302, "", VERDICT_STOP, FAULT_NONE, "http_302"},
        {204, "", VERDICT_AGAIN, FAULT_CALL, "invalid_reply"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct reply_view r = {.status = cases[i].status, .body = str_of(cases[i].body)};
        struct verdict v;
        verdict_of_status(&r, 0, &v);
        assert_int_equal(v.kind, cases[i].kind);
        assert_int_equal(v.fault, cases[i].fault);
        assert_string_equal(v.reason, cases[i].reason);
        assert_true(v.detail[0] != 0);
    }
}

static void test_pause_comes_from_the_first_that_says(void **state)
{
    struct reply_view r = {
        .status = 429,
        .body = STR("try again in 9s"),
        .retry_after = STR("3"),
        .retry_after_ms = STR("1500"),
    };
    struct verdict v;

    (void)state;
    verdict_of_status(&r, 0, &v);
    assert_int_equal(v.pause_us, 1500000);
    r.retry_after_ms.n = 0;
    verdict_of_status(&r, 0, &v);
    assert_int_equal(v.pause_us, 3000000);
    r.retry_after.n = 0;
    verdict_of_status(&r, 0, &v);
    assert_int_equal(v.pause_us, 9000000);
    r.body.n = 0;
    verdict_of_status(&r, 0, &v);
    assert_int_equal(v.pause_us, -1);
}

static void test_verdict_of_transfer(void **state)
{
    static const struct {
        struct transfer_view t;
        enum verdict_kind kind;
        enum verdict_fault fault;
        const char *reason;
    } cases[] = {
        {{.code = CURLE_COULDNT_CONNECT}, VERDICT_WAIT, FAULT_LINE, "unreachable"},
        {{.code = CURLE_COULDNT_RESOLVE_HOST}, VERDICT_WAIT, FAULT_LINE, "unreachable"},
        {{.code = CURLE_OPERATION_TIMEDOUT}, VERDICT_WAIT, FAULT_LINE, "unreachable"},
        {{.code = CURLE_OPERATION_TIMEDOUT, .sent = true}, VERDICT_AGAIN, FAULT_CALL, "timeout"},
        {{.code = CURLE_RECV_ERROR, .sent = true}, VERDICT_WAIT, FAULT_LINE, "reset"},
        {{.code = CURLE_RECV_ERROR, .sent = true, .answered = true},
         VERDICT_AGAIN,
         FAULT_LINE,
         "reset"},
        {{.code = CURLE_PARTIAL_FILE, .sent = true, .answered = true},
         VERDICT_AGAIN,
         FAULT_LINE,
         "reset"},
        {{.code = CURLE_GOT_NOTHING, .sent = true}, VERDICT_WAIT, FAULT_LINE, "reset"},
        {{.code = CURLE_PEER_FAILED_VERIFICATION}, VERDICT_STOP, FAULT_NONE, "unreachable"},
        {{.code = CURLE_WRITE_ERROR, .too_large = true}, VERDICT_ROW, FAULT_NONE, "too_large"},
        {{.code = CURLE_WRITE_ERROR}, VERDICT_AGAIN, FAULT_CALL, "invalid_reply"},
        {{.code = CURLE_WEIRD_SERVER_REPLY}, VERDICT_AGAIN, FAULT_CALL, "invalid_reply"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct verdict v;
        verdict_of_transfer(&cases[i].t, &v);
        assert_int_equal(v.kind, cases[i].kind);
        assert_int_equal(v.fault, cases[i].fault);
        assert_string_equal(v.reason, cases[i].reason);
    }
}

static void test_message_is_found_wherever_it_is(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":{\"message\":\"no luck\",\"code\":7}}",
        "{\"error\":\"no luck\"}",
        "{\"object\":\"error\",\"message\":\"no luck\"}",
        "{\"detail\":\"no luck\"}",
        "{\"detail\":[{\"msg\":\"no luck\"}]}",
        "  no luck\n",
        "no\tluck",
    };
    char out[40];

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        verdict_message(str_of(bodies[i]), out, sizeof(out));
        assert_string_equal(out, "no luck");
    }
    verdict_message(STR("\xff\x01 half a euro \xe2\x82"), out, sizeof(out));
    assert_string_equal(out, "?  half a euro ");
    verdict_message(STR("{\"error\":{\"message\":\"cut in the middle of \xe2\x82\xac\"}}"), out,
                    24);
    assert_string_equal(out, "cut in the middle of ");
}

static struct endpoint *new_endpoint(int stop_after)
{
    struct endpoint_settings s = {
        .name = "llm",
        .url = "http://127.0.0.1:1/v1/",
        .path = "/chat/completions",
        .max_in_flight = 8,
        .timeout_s = 1,
        .connect_timeout_s = 1,
        .attempts = 3,
        .stop_after = stop_after,
    };
    struct err e = {0};

    return endpoint_new(&s, &e);
}

static struct verdict fault(enum verdict_kind kind, enum verdict_fault of, int64_t pause_us)
{
    struct verdict v;

    verdict_set(&v, kind, of, "x", "HTTP 500: boom");
    v.pause_us = pause_us;
    return v;
}

/* Starts n calls at `at`, all of which end at `at` + 1000 with v. */
static void burst(struct endpoint *ep, int n, const struct verdict *v, int64_t at)
{
    int64_t again;

    for (int i = 0; i < n; i++)
        assert_true(endpoint_take(ep, at, &again));
    for (int i = 0; i < n; i++)
        endpoint_give(ep, v, at, at + 1000);
}

static void test_pause_is_shared_and_counted_once(void **state)
{
    struct endpoint *ep = new_endpoint(3);
    struct verdict busy = fault(VERDICT_WAIT, FAULT_BUSY, 10 * second);
    int64_t again = 0;

    (void)state;
    burst(ep, 50, &busy, second);
    assert_false(endpoint_take(ep, 2 * second, &again));
    assert_in_range(again, 11 * second, 12 * second + 2000);
    assert_true(endpoint_take(ep, 13 * second, &again));
    assert_false(endpoint_stopped(ep, NULL));
    endpoint_unref(ep);
}

static void test_refusals_teach_the_width(void **state)
{
    struct endpoint *ep = new_endpoint(3);
    struct verdict busy = fault(VERDICT_WAIT, FAULT_BUSY, 0);
    int64_t again = 0;
    int taken = 0;

    (void)state;
    burst(ep, 40, &busy, second);
    while (endpoint_take(ep, 2 * second, &again))
        taken++;
    assert_int_equal(taken, 30);
    assert_true(again > 2 * second);
    endpoint_unref(ep);
}

static void test_refusals_for_ever_stop(void **state)
{
    struct endpoint *ep = new_endpoint(3);
    struct verdict busy = fault(VERDICT_WAIT, FAULT_BUSY, second);
    char reason[200] = "";

    (void)state;
    for (int64_t at = second; at < (ENDPOINT_BUSY_S - 10) * second; at += 10 * second)
        burst(ep, 1, &busy, at);
    assert_false(endpoint_stopped(ep, reason));
    burst(ep, 1, &busy, (ENDPOINT_BUSY_S + 20) * second);
    assert_true(endpoint_stopped(ep, reason));
    assert_non_null(strstr(reason, "llm: nothing but refusals for 15 minutes"));
    endpoint_unref(ep);
}

static void test_streak_stops_with_its_cause(void **state)
{
    struct endpoint *ep = new_endpoint(5);
    struct verdict bad = fault(VERDICT_AGAIN, FAULT_CALL, -1);
    struct verdict good = {.kind = VERDICT_OK, .pause_us = -1};
    char reason[200] = "";

    (void)state;
    burst(ep, 4, &bad, second);
    burst(ep, 1, &good, 2 * second);
    burst(ep, 4, &bad, 3 * second);
    assert_false(endpoint_stopped(ep, reason));
    burst(ep, 1, &bad, 4 * second);
    assert_true(endpoint_stopped(ep, reason));
    assert_string_equal(reason, "llm: 5 calls in a row failed, the last with HTTP 500: boom");
    endpoint_reset(ep);
    assert_false(endpoint_stopped(ep, reason));
    endpoint_unref(ep);
}

/* A server that restarts under 64 calls is one incident, and then one call at a time tries it. */
static void test_outage_is_one_incident(void **state)
{
    struct endpoint *ep = new_endpoint(10);
    struct verdict lost = fault(VERDICT_WAIT, FAULT_LINE, -1);
    int64_t again = 0;
    char reason[200] = "";

    (void)state;
    burst(ep, 64, &lost, second);
    assert_false(endpoint_stopped(ep, reason));
    assert_true(endpoint_take(ep, 2 * second, &again));
    assert_false(endpoint_take(ep, 2 * second, &again));
    assert_true(again > 2 * second);
    endpoint_give(ep, &lost, 2 * second, 2 * second + 1000);
    burst(ep, 1, &lost, (ENDPOINT_OUTAGE_S + 3) * second);
    assert_true(endpoint_stopped(ep, reason));
    assert_non_null(strstr(reason, "out of reach"));
    endpoint_unref(ep);
}

static void test_stop_keeps_the_first_cause(void **state)
{
    struct endpoint *ep = new_endpoint(5);
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    char reason[200] = "";

    (void)state;
    burst(ep, 1, &stop, second);
    endpoint_stop(ep, "another cause");
    assert_true(endpoint_stopped(ep, reason));
    assert_string_equal(reason, "llm: HTTP 500: boom");
    endpoint_unref(ep);
}

static void test_settings_are_checked(void **state)
{
    static const struct {
        const char *url, *key;
        bool ok;
    } cases[] = {
        {"http://localhost:8000/v1", NULL, true},
        {"https://[::1]:8000/v1", "sk-abc", true},
        {"ftp://localhost/v1", NULL, false},
        {"file:///etc/passwd", NULL, false},
        {"http://user:secret@localhost/v1", NULL, false},
        {"http://localhost/v1?x=1", NULL, false},
        {"not a url", NULL, false},
        {"http://localhost/v1", "sk\r\nX-Evil: 1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct endpoint_settings s = {
            .name = "llm", .url = cases[i].url, .path = "/x", .api_key = cases[i].key};
        struct err e = {0};
        struct endpoint *ep = endpoint_new(&s, &e);
        assert_int_equal(ep != NULL, cases[i].ok);
        assert_int_equal(e.code == ERR_NONE, cases[i].ok);
        endpoint_unref(ep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_forms),
        cmocka_unit_test(test_retry_prose),
        cmocka_unit_test(test_backoff_grows_within_bounds),
        cmocka_unit_test(test_verdict_of_status),
        cmocka_unit_test(test_pause_comes_from_the_first_that_says),
        cmocka_unit_test(test_verdict_of_transfer),
        cmocka_unit_test(test_message_is_found_wherever_it_is),
        cmocka_unit_test(test_pause_is_shared_and_counted_once),
        cmocka_unit_test(test_refusals_teach_the_width),
        cmocka_unit_test(test_refusals_for_ever_stop),
        cmocka_unit_test(test_streak_stops_with_its_cause),
        cmocka_unit_test(test_outage_is_one_incident),
        cmocka_unit_test(test_stop_keeps_the_first_cause),
        cmocka_unit_test(test_settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
