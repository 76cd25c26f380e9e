/* Limits per minute: buckets by the settings, the pace that headers ask for. Times are made up. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/latencies.h"
#include "providers/rates.h"
#include "providers/retry.h"

static const int64_t second = 1000000;

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {
        {"120ms", 0.12}, {"6m0s", 360}, {"1h2m3.5s", 3723.5}, {"20", 20},  {" 1s ", 1},
        {"1d", 86400},   {"0", 0},      {"0.25", 0.25},       {"-1", -1},  {"", -1},
        {"soon", -1},    {"1s x", -1},  {"12:30", -1},        {"1e3", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double s = retry_duration_s(str_of(cases[i].text));
        if (cases[i].seconds < 0)
            assert_true(s < 0);
        else
            assert_true(fabs(s - cases[i].seconds) < 1e-9);
    }
}

/* Takes as often as it may for so many seconds; how many that was. */
static int take_for(struct bucket *b, double cost, int64_t *now_us, int64_t seconds)
{
    int64_t end_us = *now_us + seconds * second;
    int n = 0;

    while (*now_us < end_us) {
        int64_t when_us = bucket_when(b, cost, *now_us);
        if (when_us > *now_us) {
            *now_us = when_us < end_us ? when_us : end_us;
            continue;
        }
        bucket_take(b, cost, *now_us);
        n++;
    }
    return n;
}

static void test_bucket_keeps_the_minute(void **state)
{
    static const int limits[] = {1, 10, 500, 60000};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct bucket b = {0};
        int64_t now_us = 77 * second;
        bucket_set(&b, limits[i], now_us);
        int n = take_for(&b, 1, &now_us, 600);
        assert_in_range(n, limits[i] * 10 - 1, limits[i] * 10 + limits[i] / 20 + 1);
    }
}

static void test_bucket_in_debt_waits(void **state)
{
    struct bucket b = {0};
    int64_t now_us = second;

    (void)state;
    bucket_set(&b, 6000, now_us); /* a hundred a second */
    assert_int_equal(bucket_when(&b, 5000, now_us), now_us);
    bucket_take(&b, 5000, now_us);
    assert_in_range(bucket_when(&b, 100, now_us), now_us + 47 * second, now_us + 49 * second);
    bucket_take(&b, -4700, now_us); /* it used less than was thought */
    assert_in_range(bucket_when(&b, 100, now_us), now_us, now_us + 2 * second);
    bucket_set(&b, 0, now_us);
    assert_int_equal(bucket_when(&b, 1e9, now_us), now_us);
}

static void test_changing_a_limit_gives_no_gift(void **state)
{
    struct bucket b = {0};
    int64_t now_us = second;

    (void)state;
    bucket_set(&b, 60, now_us);
    int n = take_for(&b, 1, &now_us, 60);
    for (int i = 0; i < 100; i++)
        bucket_set(&b, 60, now_us);
    n += take_for(&b, 1, &now_us, 60);
    assert_in_range(n, 119, 124);
}

static void say(struct rate_said said[RATE_KINDS], const char *name, const char *value)
{
    rate_header(str_of(name), str_of(value), said);
}

static void test_headers(void **state)
{
    struct rate_said said[RATE_KINDS];

    (void)state;
    rate_said_clear(said);
    say(said, "X-RateLimit-Limit-Requests", "500");
    say(said, "x-ratelimit-remaining-requests", " 499 ");
    say(said, "x-ratelimit-reset-requests", "120ms");
    say(said, "x-ratelimit-limit-tokens", "-1");
    say(said, "x-ratelimit-remaining-tokens", "0");
    say(said, "x-ratelimit-reset-tokens", "never");
    say(said, "x-ratelimit-remaining-images", "3");
    say(said, "x-ratelimit-requests", "3");
    say(said, "retry-after", "3");
    assert_true(fabs(said[RATE_REQUESTS].limit - 500) < 0.1);
    assert_true(fabs(said[RATE_REQUESTS].remaining - 499) < 0.1);
    assert_true(fabs(said[RATE_REQUESTS].reset_s - 0.12) < 1e-9);
    assert_true(said[RATE_TOKENS].limit < 0 && said[RATE_TOKENS].reset_s < 0);
}

static void test_nonsense_is_no_limit(void **state)
{
    static const struct rate_said cases[] = {
        {-1, -1, -1},  {0, 0, 0},     {-1, 0, 60},   {0, 0, 60},
        {500, -1, 60}, {500, 500, 0}, {100, 5, 1e9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pace p = {0};
        pace_heed(&p, &cases[i], 0, 0, second);
        assert_int_equal(pace_when(&p, 1, second), second);
    }
}

/* A server that restores `limit` in `period` seconds, steadily or all at once, and refuses beyond.
 */
struct server {
    double limit, period, level;
    int64_t at_us;
    bool at_once;
};

static bool serve(struct server *s, int64_t now_us, struct rate_said *said)
{
    double passed = (double)(now_us - s->at_us) / 1e6;

    if (!s->at_once) {
        s->level = fmin(s->limit, s->level + passed / s->period * s->limit);
        s->at_us = now_us;
    } else if (passed >= s->period) {
        s->level = s->limit;
        s->at_us += (int64_t)(floor(passed / s->period) * s->period * 1e6);
    }
    bool ok = s->level >= 1;
    s->level -= ok;
    said->limit = s->limit;
    said->remaining = floor(s->level);
    said->reset_s = s->at_once ? s->period - (double)(now_us - s->at_us) / 1e6
                               : (s->limit - s->level) / s->limit * s->period;
    return ok;
}

static void run_paced(bool at_once, int64_t latency_us)
{
    struct server s = {.limit = 500, .period = 60, .level = 500, .at_once = at_once};
    struct rate_said said[4096];
    int64_t sent_us[4096], now_us = 0;
    struct pace p = {0};
    double taken = 0, taken_at[4096];
    unsigned head = 0, tail = 0;
    int ok = 0, refused = 0;

    while (now_us < 1800 * second) {
        if (head != tail && sent_us[head % 4096] + latency_us <= now_us) {
            unsigned i = head++ % 4096;
            pace_heed(&p, &said[i], latency_us, taken - taken_at[i], now_us);
        }
        if (tail - head < 300 && pace_when(&p, 1, now_us) <= now_us) {
            unsigned i = tail++ % 4096;
            taken_at[i] = ++taken;
            sent_us[i] = now_us;
            pace_take(&p, 1, now_us);
            bool good = serve(&s, now_us, &said[i]);
            ok += good;
            refused += !good;
            continue;
        }
        now_us += 2000;
    }
    print_message("at once %d, latency %.1f s: %d of 15000, %d refused\n", at_once,
                  (double)latency_us / 1e6, ok, refused);
    assert_true(ok > 0.9 * 500 * 30);
    assert_true(refused * 20 < ok);
}

static void test_pace_uses_what_there_is(void **state)
{
    (void)state;
    run_paced(false, 100000);
    run_paced(false, 5 * second);
    run_paced(true, 100000);
    run_paced(true, 5 * second);
}

static void test_latencies(void **state)
{
    struct latencies l = {0};

    (void)state;
    assert_int_equal(latencies_quantile(&l, 0.5), 0);
    for (int i = 1; i <= 100; i++)
        latencies_add(&l, i * 100000);
    assert_in_range(latencies_quantile(&l, 0.5), 5000000, 6000000);
    assert_in_range(latencies_quantile(&l, 0.99), 9900000, 11900000);
    for (int i = 0; i < 10000; i++)
        latencies_add(&l, 500);
    assert_in_range(latencies_quantile(&l, 0.99), 1000, 1200);
    latencies_add(&l, INT64_MAX);
    latencies_add(&l, -5);
    assert_true(latencies_quantile(&l, 1) > 3600 * second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bucket_keeps_the_minute),
        cmocka_unit_test(test_bucket_in_debt_waits),
        cmocka_unit_test(test_changing_a_limit_gives_no_gift),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_nonsense_is_no_limit),
        cmocka_unit_test(test_pace_uses_what_there_is),
        cmocka_unit_test(test_latencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
