/* The governor against simulated servers, for hours of their time: how much of a server it uses,
 * how many calls it leaves waiting there, and how many it wastes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/governor.h"

enum { CALLS_MAX = 8192, CLIENTS_MAX = 4 };

/* A server that works on `slots` calls at a time and queues the others in order of arrival. All
 * that it works on advance together, by `rate` tokens a second each. */
struct model {
    int slots;
    double rate;        /* tokens a second of a call when it is alone */
    double slowdown;    /* share by which each further call slows all: batching */
    double prefill_s;   /* before the first token */
    double least, most; /* tokens of an answer, uniform */
    double noise;       /* of the time that a token takes, by call */
    bool usage;         /* whether it says how many tokens there were */
    int refuses_above;  /* in flight; 0: never */
    int hangs_above;    /* in flight: such calls are never answered; 0: never */
};

struct client {
    struct governor g;
    int running, done;
};

struct call {
    struct client *client;
    double started, ends_at; /* seconds; ends_at: in tokens of the server's progress */
    double tokens;
    int at_once;
    struct call *next; /* in the queue */
};

struct sim {
    struct model m;
    struct client clients[CLIENTS_MAX];
    int n_clients;
    int window; /* of each */
    double now, progress;
    struct call calls[CALLS_MAX], *free;
    struct call *heap[CALLS_MAX];
    int n_active;
    struct call *queue, **queue_tail;
    int n_queued;
    struct call *hung[CALLS_MAX];
    int n_hung;
    struct call *refused[CALLS_MAX];
    int n_refused;
    uint64_t random;
    double hang_s;
    /* since the last mark */
    double busy, could, queued, marked_at;
    int done, wasted;
    double tokens_done;
};

static double random_of(struct sim *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) / 9007199254740992.0;
}

static double rate_now(const struct sim *s)
{
    return s->m.rate / (1 + s->m.slowdown * (s->n_active > 0 ? s->n_active - 1 : 0));
}

static void sift_up(struct sim *s, int i)
{
    for (; i > 0 && s->heap[i]->ends_at < s->heap[(i - 1) / 2]->ends_at; i = (i - 1) / 2) {
        struct call *c = s->heap[i];
        s->heap[i] = s->heap[(i - 1) / 2];
        s->heap[(i - 1) / 2] = c;
    }
}

static struct call *pop(struct sim *s)
{
    struct call *first = s->heap[0];
    int i = 0;

    s->heap[0] = s->heap[--s->n_active];
    for (;;) {
        int least = i, left = 2 * i + 1;
        for (int child = left; child <= left + 1 && child < s->n_active; child++)
            if (s->heap[child]->ends_at < s->heap[least]->ends_at)
                least = child;
        if (least == i)
            return first;
        struct call *c = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = c;
        i = least;
    }
}

static void work_on(struct sim *s, struct call *c)
{
    double slower = 1 + s->m.noise * (2 * random_of(s) - 1);

    c->ends_at = s->progress + c->tokens * slower + s->m.prefill_s * s->m.rate;
    s->heap[s->n_active++] = c;
    sift_up(s, s->n_active - 1);
}

static void take_from_queue(struct sim *s)
{
    while (s->queue && s->n_active < s->m.slots) {
        struct call *c = s->queue;
        s->queue = c->next;
        if (!s->queue)
            s->queue_tail = &s->queue;
        s->n_queued--;
        work_on(s, c);
    }
}

static void arrive(struct sim *s, struct call *c)
{
    int there = s->n_active + s->n_queued;

    if (s->m.refuses_above && there >= s->m.refuses_above) {
        s->refused[s->n_refused++] = c;
    } else if (s->m.hangs_above && there >= s->m.hangs_above) {
        s->hung[s->n_hung++] = c;
    } else {
        c->next = NULL;
        *s->queue_tail = c;
        s->queue_tail = &c->next;
        s->n_queued++;
        take_from_queue(s);
    }
}

static void start_calls(struct sim *s, struct client *k)
{
    while (k->running < s->window && governor_admits(&k->g, k->running, s->window)) {
        struct call *c = s->free;
        s->free = c->next;
        k->running++;
        *c = (struct call){
            .client = k,
            .started = s->now,
            .tokens = s->m.least + (s->m.most - s->m.least) * random_of(s),
            .at_once = k->running,
        };
        arrive(s, c);
    }
}

static struct governor_call ended(const struct sim *s, const struct call *c)
{
    return (struct governor_call){
        .started_us = (int64_t)(c->started * 1e6),
        .now_us = (int64_t)(s->now * 1e6),
        .at_once = c->at_once,
        .tokens = s->m.usage ? (int64_t)c->tokens : 0,
    };
}

static void give_back(struct sim *s, struct call *c)
{
    c->next = s->free;
    s->free = c;
    c->client->running--;
}

static void refuse(struct sim *s, struct call *c)
{
    struct governor_call e = ended(s, c);

    governor_refused(&c->client->g, &e);
    s->wasted++;
    give_back(s, c);
}

/* Refusals come back after ten milliseconds; hung calls are given up after hang_s. */
static double next_trouble(const struct sim *s)
{
    double at = (double)INFINITY;

    if (s->n_refused > 0)
        at = s->refused[0]->started + 0.01;
    if (s->n_hung > 0)
        at = fmin(at, s->hung[0]->started + s->hang_s);
    return at;
}

static void end_trouble(struct sim *s)
{
    while (s->n_refused > 0 && s->refused[0]->started + 0.01 <= s->now) {
        refuse(s, s->refused[0]);
        memmove(s->refused, s->refused + 1, (size_t)--s->n_refused * sizeof(s->refused[0]));
    }
    while (s->n_hung > 0 && s->hung[0]->started + s->hang_s <= s->now) {
        refuse(s, s->hung[0]);
        memmove(s->hung, s->hung + 1, (size_t)--s->n_hung * sizeof(s->hung[0]));
    }
}

static void advance_to(struct sim *s, double at)
{
    double took = at - s->now;

    s->progress += took * rate_now(s);
    s->busy += took * s->n_active;
    s->could += took * s->m.slots;
    s->queued += took * s->n_queued;
    s->now = at;
}

static void run_until(struct sim *s, double until)
{
    while (s->now < until) {
        for (int i = 0; i < s->n_clients; i++)
            start_calls(s, &s->clients[i]);
        double answer = s->n_active > 0 ? s->now + (s->heap[0]->ends_at - s->progress) / rate_now(s)
                                        : (double)INFINITY;
        double trouble = next_trouble(s);
        double at = fmin(fmin(fmax(answer, s->now), trouble), until);
        advance_to(s, at);
        if (answer <= at) {
            struct call *c = pop(s);
            struct governor_call e = ended(s, c);
            s->done++;
            s->tokens_done += c->tokens;
            c->client->done++;
            governor_answered(&c->client->g, &e);
            give_back(s, c);
            take_from_queue(s);
        }
        end_trouble(s);
    }
}

static struct sim *start(struct model m, int window)
{
    struct sim *s = calloc(1, sizeof(*s));

    s->m = m;
    s->window = window;
    s->random = 88172645463325252ULL;
    s->queue_tail = &s->queue;
    s->hang_s = 60;
    for (int i = 0; i < CALLS_MAX; i++) {
        s->calls[i].next = s->free;
        s->free = &s->calls[i];
    }
    s->n_clients = 1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        governor_init(&s->clients[i].g);
    return s;
}

static void mark(struct sim *s)
{
    s->busy = s->could = s->queued = s->tokens_done = 0;
    s->done = s->wasted = 0;
    for (int i = 0; i < CLIENTS_MAX; i++)
        s->clients[i].done = 0;
    s->marked_at = s->now;
}

/* Of what the server can do when all of its slots are at work. */
static double used(const struct sim *s)
{
    double took = s->now - s->marked_at;
    double full = s->m.rate * s->m.slots / (1 + s->m.slowdown * (s->m.slots - 1));

    return s->tokens_done / took / full *
           (1 + s->m.prefill_s * s->m.rate / ((s->m.least + s->m.most) / 2));
}

static double mean_queue(const struct sim *s)
{
    return s->queued / (s->now - s->marked_at);
}

static void show(const char *what, const struct sim *s)
{
    print_message(
        "%-34s %5.1f h: used %5.1f %%, queue %6.1f, limit %4d, %7d done, wasted %5.2f %%\n", what,
        (s->now - s->marked_at) / 3600, 100 * used(s), mean_queue(s),
        governor_limit(&s->clients[0].g), s->done,
        100.0 * s->wasted / (s->done + s->wasted + 1e-9));
}

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

static void test_a_burst_counts_once(void **state)
{
    struct governor g;
    struct governor_call c = {.now_us = 1000000, .at_once = 100};

    (void)state;
    governor_init(&g);
    g.limit = g.epoch_limit = g.most = 256;
    assert_true(governor_refused(&g, &c));
    assert_int_equal(governor_limit(&g), 99);
    c.now_us++;
    assert_false(governor_refused(&g, &c));
    assert_int_equal(governor_limit(&g), 98);
    for (int i = 0; i < 200; i++)
        assert_false(governor_refused(&g, &c));
    assert_int_equal(governor_limit(&g), 50);
    c.started_us = 1000001;
    c.at_once = 50;
    assert_true(governor_refused(&g, &c));
    assert_int_equal(governor_limit(&g), 49);
}

/* What was served a moment ago is no level to stay below: a rate, or a passing fault. */
static void test_a_refusal_below_what_is_served_passes(void **state)
{
    struct governor g;
    struct governor_call good = {.now_us = 50000, .at_once = 100, .tokens = 0}, bad = good;

    (void)state;
    governor_init(&g);
    g.limit = g.epoch_limit = 100;
    assert_true(governor_admits(&g, 0, 256));
    governor_answered(&g, &good);
    bad.at_once = 20;
    assert_true(governor_refused(&g, &bad));
    assert_int_equal(governor_limit(&g), 15);
    assert_true(g.roof <= 0);
    governor_forgive(&g);
    for (int i = 0; i < 20000 && governor_limit(&g) < 100; i++) {
        governor_admits(&g, 1000, 256);
        good.started_us = good.now_us;
        good.now_us += 50000;
        good.at_once = governor_limit(&g);
        governor_answered(&g, &good);
    }
    assert_true(governor_limit(&g) >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_queue),
        cmocka_unit_test(test_silent_queue_without_usage),
        cmocka_unit_test(test_answers_of_one_length),
        cmocka_unit_test(test_batching_is_no_queue),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_hangs),
        cmocka_unit_test(test_a_server_that_changes),
        cmocka_unit_test(test_fast_server),
        cmocka_unit_test(test_two_clients_share),
        cmocka_unit_test(test_a_burst_counts_once),
        cmocka_unit_test(test_a_refusal_below_what_is_served_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
