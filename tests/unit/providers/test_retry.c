/* The rules about failures: what a status, a word, a broken transfer mean, and how long to wait. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/retry.h"
#include "providers/verdict.h"

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
        {{.code = CURLE_OPERATION_TIMEDOUT, .sent = true}, VERDICT_AGAIN, FAULT_SLOW, "timeout"},
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
