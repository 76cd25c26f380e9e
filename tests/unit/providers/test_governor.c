/* The governor against simulated servers, for hours of their time: how much of a server it uses,
 * how many calls it leaves waiting there, and how many it wastes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/providers/governor_sim.h"

static const struct model realistic = {
    .slots = 64,
    .rate = 40,
    .prefill_s = 0.3,
    .least = 80,
    .most = 1600, /* 2 to 40 seconds */
    .noise = 0.05,
    .usage = true,
};

/* Four hours, once a quarter of an hour has passed. */
static struct sim *settled(struct model m, int window)
{
    struct sim *s = start(m, window);

    run_until(s, 900);
    mark(s);
    run_until(s, 900 + 4 * 3600);
    return s;
}

static void test_silent_queue(void **state)
{
    static const int slots[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 500};

    (void)state;
    for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
        struct model m = realistic;
        m.slots = slots[i];
        struct sim *s = settled(m, 1000);
        show("queues without saying no", s);
        assert_true(used(s) >= 0.95);
        assert_true(mean_queue(s) <= 12 + 0.1 * slots[i]);
        free(s);
    }
}

static void test_silent_queue_without_usage(void **state)
{
    static const int slots[] = {8, 16, 32, 64, 128, 256};

    (void)state;
    for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
        struct model m = realistic;
        m.slots = slots[i];
        m.usage = false;
        struct sim *s = settled(m, 1000);
        show("the same, without usage", s);
        assert_true(used(s) >= 0.93);
        assert_true(mean_queue(s) <= 15 + 0.3 * slots[i]);
        free(s);
    }
}

static void test_answers_of_one_length(void **state)
{
    struct model m = realistic;

    (void)state;
    m.least = 800;
    m.most = 850;
    struct sim *s = settled(m, 1000);
    show("answers of one length", s);
    assert_true(used(s) >= 0.94);
    assert_true(mean_queue(s) <= 16);
    free(s);
}

/* A batching server is slower for each call the more it has, and does more in all. */
static void test_batching_is_no_queue(void **state)
{
    static const double noise[] = {0.05, 0.3};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct model m = realistic;
        m.slots = 256;
        m.slowdown = 0.01;
        m.noise = noise[i];
        struct sim *s = settled(m, 1000);
        show("batches", s);
        assert_true(used(s) >= 0.95);
        assert_true(mean_queue(s) <= 30);
        free(s);
    }
}

static void test_refusals(void **state)
{
    struct model m = realistic;

    (void)state;
    m.slots = 1000;
    m.refuses_above = 50;
    struct sim *s = settled(m, 256);
    show("refuses above 50", s);
    /* Of 1000 slots 50 are offered. */
    assert_true(used(s) >= 0.05 * 0.95);
    assert_true(s->wasted * 20 < s->done);
    free(s);
}

/* A refusal costs a second of all calls, twenty times as long as an answer takes. */
static void test_refusals_that_pause(void **state)
{
    struct model m = {.slots = 1000, .rate = 2000, .least = 100, .most = 100, .noise = 0.2};

    (void)state;
    m.refuses_above = 50;
    m.pause_s = 1;
    struct sim *s = start(m, 512);
    run_until(s, 10);
    mark(s);
    run_until(s, 1200);
    show("above 50, with a pause", s);
    assert_true(used(s) >= 0.05 * 0.95);
    assert_true(s->wasted * 1000 < s->done);
    free(s);
}

/* Refusals that have nothing to do with how many there are, on their own and with such that have.
 */
static void test_stray_refusals(void **state)
{
    struct model m = realistic;

    (void)state;
    m.refuses_share = 0.06;
    struct sim *s = settled(m, 256);
    show("refuses at random", s);
    assert_true(used(s) >= 0.95);
    free(s);
    m.slots = 1000;
    m.refuses_above = 50;
    s = settled(m, 256);
    show("and above 50", s);
    assert_true(used(s) >= 0.05 * 0.9);
    assert_true(s->wasted * 8 < s->done);
    free(s);
}

static void test_hangs(void **state)
{
    struct model m = realistic;

    (void)state;
    m.hangs_above = 96;
    struct sim *s = settled(m, 256);
    show("hangs above 96", s);
    assert_true(used(s) >= 0.95);
    assert_true(s->wasted * 20 < s->done);
    free(s);
}

static void change_and_settle(struct sim *s, double rate, int slots, const char *what)
{
    s->m.rate = rate;
    s->m.slots = slots;
    run_until(s, s->now + 1800);
    mark(s);
    run_until(s, s->now + 2 * 3600);
    show(what, s);
    assert_true(used(s) >= 0.95);
    assert_true(mean_queue(s) <= 12 + 0.15 * slots);
}

static void test_a_server_that_changes(void **state)
{
    struct sim *s = settled(realistic, 1000);

    (void)state;
    change_and_settle(s, 10, 64, "four times slower");
    change_and_settle(s, 40, 64, "fast again");
    change_and_settle(s, 40, 16, "a quarter of the slots");
    change_and_settle(s, 40, 128, "eight times as many");
    free(s);
}

/* Nothing to hold back for: the whole window at once. */
static void test_fast_server(void **state)
{
    static const int windows[] = {256, 1000, 2000};

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        struct model m = {.slots = 4000, .rate = 2000, .least = 100, .most = 100, .noise = 0.2};
        struct sim *s = start(m, windows[i]);
        run_until(s, 1);
        mark(s);
        run_until(s, 60);
        show("fifty milliseconds", s);
        assert_int_equal(governor_limit(&s->clients[0].g), windows[i]);
        assert_true(s->done >= 0.98 * 59 * windows[i] / 0.05);
        free(s);
    }
}

static void test_two_clients_share(void **state)
{
    struct sim *s = start(realistic, 500);

    (void)state;
    s->n_clients = 2;
    run_until(s, 1800);
    mark(s);
    run_until(s, 4 * 3600);
    show("two clients", s);
    assert_true(used(s) >= 0.95);
    assert_true(mean_queue(s) <= 30);
    assert_true(s->clients[0].done * 4 > s->done);
    assert_true(s->clients[1].done * 4 > s->done);
    free(s);
}

static int limit_now(struct governor *g)
{
    governor_admits(g, 0, 256);
    return governor_limit(g);
}

static void test_a_burst_counts_once(void **state)
{
    struct governor g;
    struct governor_call c = {.started_us = 2, .now_us = 1000000, .at_once = 100};

    (void)state;
    governor_init(&g);
    g.limit = g.epoch_limit = g.most = 256;
    assert_true(governor_refused(&g, &c));
    for (c.at_once = 99; c.at_once > 70; c.at_once--)
        assert_false(governor_refused(&g, &c));
    /* Thirty of a hundred were refused: seventy were taken. */
    assert_int_equal(limit_now(&g), 70);
    for (; c.at_once > 50; c.at_once--)
        assert_false(governor_refused(&g, &c));
    assert_int_equal(limit_now(&g), 50);
}

/* A server that takes none at all is not at work: it says nothing about how many it takes. */
static void test_refusals_of_all_teach_nothing(void **state)
{
    struct governor g;
    struct governor_call c = {.started_us = 1, .now_us = 1000};

    (void)state;
    governor_init(&g);
    for (int round = 0; round < 20; round++) {
        for (c.at_once = 1; c.at_once <= 8; c.at_once++)
            governor_refused(&g, &c);
        c.started_us = c.now_us + 500000;
        c.now_us = c.started_us + 1000;
        assert_int_equal(limit_now(&g), 8);
    }
}

static void test_a_single_refusal_changes_nothing(void **state)
{
    struct governor g;
    struct governor_call c = {.started_us = 2, .now_us = 1000000, .at_once = 100};

    (void)state;
    governor_init(&g);
    g.limit = g.epoch_limit = g.most = 256;
    assert_true(governor_refused(&g, &c));
    assert_int_equal(limit_now(&g), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_queue),
        cmocka_unit_test(test_silent_queue_without_usage),
        cmocka_unit_test(test_answers_of_one_length),
        cmocka_unit_test(test_batching_is_no_queue),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusals_that_pause),
        cmocka_unit_test(test_stray_refusals),
        cmocka_unit_test(test_hangs),
        cmocka_unit_test(test_a_server_that_changes),
        cmocka_unit_test(test_fast_server),
        cmocka_unit_test(test_two_clients_share),
        cmocka_unit_test(test_a_burst_counts_once),
        cmocka_unit_test(test_refusals_of_all_teach_nothing),
        cmocka_unit_test(test_a_single_refusal_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
