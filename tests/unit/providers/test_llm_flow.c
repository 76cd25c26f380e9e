/* Many calls at once: the window, connections, shared pauses, stops, cancelling, several threads,
 * poisonous rows. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "providers/llm.h"
#include "tests/support/model_server.h"

enum { CALLS_MAX = 1000 };

static struct model_server server;

struct calls {
    int times[CALLS_MAX];
    enum llm_outcome outcome[CALLS_MAX];
    char reason[CALLS_MAX][24];
    int n; /* answered */
};

static struct calls seen;

static void on_reply(void *arg, const struct llm_reply *r)
{
    struct calls *c = arg;
    size_t i = (size_t)((int *)r->ctx - c->times);

    c->times[i]++;
    c->outcome[i] = r->outcome;
    snprintf(c->reason[i], sizeof(c->reason[i]), "%s", r->reason ? r->reason : "");
    c->n++;
}

static struct llm_settings settings(int window)
{
    return (struct llm_settings){
        .name = "llm",
        .kind = "openai",
        .url = server.url,
        .model = "some-model",
        .max_in_flight = window,
        .timeout_s = 30,
        .connect_timeout_s = 5,
        .attempts = 3,
        .stop_after = 50,
    };
}

static int submit(struct engine *g, struct llm_provider *p, struct calls *c, int i)
{
    char user[80];
    struct err e = {0};

    int n = snprintf(user, sizeof(user), "Describe it.\nScene number %d", i);
    struct llm_request r = {.user = {user, (size_t)n}, .temperature = -1, .top_p = -1, .seed = -1};
    return llm_submit(g, p, &r, &c->times[i], on_reply, c, &e);
}

/* Keeps the window full until n calls are answered. */
static void run(struct engine *g, struct llm_provider *p, struct calls *c, int n)
{
    int next = 0;

    memset(c, 0, sizeof(*c));
    while (c->n < n) {
        while (next < n && llm_room(g, p) > 0)
            assert_int_equal(submit(g, p, c, next++), 0);
        engine_poll(g, 1000);
    }
    assert_int_equal(engine_in_flight(g), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(c->times[i], 1);
}

static int count(const struct calls *c, int n, enum llm_outcome outcome)
{
    int hits = 0;

    for (int i = 0; i < n; i++)
        hits += c->times[i] == 1 && c->outcome[i] == outcome;
    return hits;
}

static void set_up(const struct llm_settings *s, struct engine **g, struct llm_provider **p,
                   const char *change)
{
    struct err e = {0};

    assert_true(model_server_control(&server, "{\"reset\": true, \"faults\": [], \"delay_ms\": 0,"
                                              " \"capacity\": null}"));
    assert_true(model_server_control(&server, change));
    memset(&seen, 0, sizeof(seen));
    *g = engine_new(&e);
    *p = llm_provider_new(s, &e);
    assert_non_null(*g);
    assert_non_null(*p);
}

static void tear_down(struct engine *g, struct llm_provider *p)
{
    assert_int_equal(engine_in_flight(g), 0);
    engine_free(g);
    llm_provider_free(p);
}

static void test_thousand_calls_share_connections(void **state)
{
    struct llm_settings s = settings(256);
    struct engine *g;
    struct llm_provider *p;

    (void)state;
    set_up(&s, &g, &p, "{\"delay_ms\": [5, 50]}");
    long before = model_server_stat(&server, "connections");
    run(g, p, &seen, 1000);
    long now = model_server_stat(&server, "connections");
    assert_int_equal(count(&seen, 1000, LLM_OK), 1000);
    assert_int_equal(model_server_stat(&server, "chat_requests"), 1000);
    assert_int_equal(model_server_stat(&server, "distinct_texts"), 1000);
    assert_in_range(model_server_stat(&server, "max_in_flight"), 2, 256);
    assert_in_range(now - before, 2, 256 + 2); /* two of them asked for the statistics */
    tear_down(g, p);
}

static void test_window_is_held(void **state)
{
    struct llm_settings s = settings(4);
    struct engine *g;
    struct llm_provider *p;

    (void)state;
    set_up(&s, &g, &p, "{}");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(llm_room(g, p), 4 - i);
        assert_int_equal(submit(g, p, &seen, i), 0);
    }
    assert_int_equal(llm_room(g, p), 0);
    assert_int_equal(submit(g, p, &seen, 4), -1);
    while (seen.n < 4)
        engine_poll(g, 1000);
    assert_int_equal(count(&seen, 4, LLM_OK), 4);
    assert_int_equal(llm_room(g, p), 4);
    tear_down(g, p);
}

/* A server that takes eight at a time refuses the rest without saying for how long. */
static void test_capacity_is_learned(void **state)
{
    struct llm_settings s = settings(64);
    struct engine *g;
    struct llm_provider *p;

    (void)state;
    set_up(&s, &g, &p, "{\"capacity\": 8, \"delay_ms\": 5}");
    run(g, p, &seen, 300);
    assert_int_equal(count(&seen, 300, LLM_OK), 300);
    assert_true(model_server_stat(&server, "chat_requests") >= 300);
    tear_down(g, p);
}

/* One refusal with a long Retry-After holds everything back, also on another engine; a reset lets
 * it go. */
static void test_pause_is_shared(void **state)
{
    struct llm_settings s = settings(32);
    struct engine *g, *other;
    struct llm_provider *p;
    struct err e = {0};

    (void)state;
    set_up(&s, &g, &p,
           "{\"faults\": [{\"kind\": \"status\", \"status\": 429, \"first\": 1,"
           " \"headers\": {\"Retry-After\": \"90\"}}]}");
    other = engine_new(&e);
    assert_int_equal(submit(g, p, &seen, 0), 0);
    for (int i = 0; i < 100 && model_server_stat(&server, "chat_requests") == 0; i++)
        engine_poll(g, 20);
    engine_poll(g, 100);
    for (int i = 1; i < 20; i++)
        assert_int_equal(submit(i % 2 ? g : other, p, &seen, i), 0);
    engine_poll(g, 50);
    engine_poll(other, 50);
    assert_int_equal(model_server_stat(&server, "chat_requests"), 1);
    assert_int_equal(seen.n, 0);
    llm_provider_reset(p);
    while (seen.n < 20) {
        engine_poll(g, 20);
        engine_poll(other, 20);
    }
    assert_int_equal(count(&seen, 20, LLM_OK), 20);
    assert_int_equal(model_server_stat(&server, "chat_requests"), 21);
    engine_free(other);
    tear_down(g, p);
}

/* Scene 0 breaks its connection each time, the others are answered: it fails, they do not wait. */
static void test_poisonous_row_fails_alone(void **state)
{
    struct llm_settings s = settings(4);
    struct engine *g;
    struct llm_provider *p;
    char reason[200];

    (void)state;
    set_up(
        &s, &g, &p,
        "{\"faults\": [{\"kind\": \"reset\", \"match\": \"Scene number 0\"}], \"delay_ms\": 10}");
    run(g, p, &seen, 200);
    assert_int_equal(count(&seen, 200, LLM_OK), 199);
    assert_int_equal(seen.outcome[0], LLM_FAILED);
    assert_string_equal(seen.reason[0], "reset");
    assert_false(llm_provider_stopped(p, reason));
    tear_down(g, p);
}

static void test_mixed_faults_all_end_well(void **state)
{
    struct llm_settings s = settings(128);
    struct engine *g;
    struct llm_provider *p;
    char reason[200];

    (void)state;
    s.attempts = 6;
    set_up(&s, &g, &p,
           "{\"faults\": ["
           "{\"kind\": \"status\", \"status\": 429, \"every\": 17,"
           " \"headers\": {\"Retry-After\": \"0.02\"}},"
           "{\"kind\": \"status\", \"status\": 500, \"every\": 11},"
           "{\"kind\": \"reset\", \"every\": 29}, {\"kind\": \"reset_body\", \"every\": 31},"
           "{\"kind\": \"truncated_json\", \"every\": 23}, {\"kind\": \"empty\", \"every\": 19},"
           "{\"kind\": \"cut_headers\", \"every\": 37}]}");
    run(g, p, &seen, 500);
    assert_int_equal(count(&seen, 500, LLM_OK), 500);
    assert_true(model_server_stat(&server, "chat_requests") > 560);
    assert_false(llm_provider_stopped(p, reason));
    tear_down(g, p);
}

static void test_stop_returns_everything(void **state)
{
    struct llm_settings s = settings(32);
    struct engine *g;
    struct llm_provider *p;
    struct err e = {0};
    char reason[200];

    (void)state;
    set_up(&s, &g, &p, "{\"faults\": [{\"kind\": \"unauthorized\"}], \"delay_ms\": 20}");
    for (int i = 0; i < 32; i++)
        assert_int_equal(submit(g, p, &seen, i), 0);
    while (seen.n < 32)
        engine_poll(g, 1000);
    assert_int_equal(count(&seen, 32, LLM_RETURNED), 32);
    assert_true(llm_provider_stopped(p, reason));
    assert_non_null(strstr(reason, "401"));
    assert_int_equal(llm_room(g, p), 0);
    struct llm_request r = {.user = STR("x"), .temperature = -1, .top_p = -1, .seed = -1};
    assert_int_equal(llm_submit(g, p, &r, &seen.times[40], on_reply, &seen, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_true(model_server_control(&server, "{\"faults\": []}"));
    llm_provider_reset(p);
    assert_false(llm_provider_stopped(p, reason));
    run(g, p, &seen, 8);
    assert_int_equal(count(&seen, 8, LLM_OK), 8);
    tear_down(g, p);
}

/* What is under way when another call stops the provider still arrives. */
static void test_stop_lets_good_answers_arrive(void **state)
{
    struct llm_settings s = settings(8);
    struct engine *g;
    struct llm_provider *p;

    (void)state;
    set_up(&s, &g, &p,
           "{\"faults\": [{\"kind\": \"unauthorized\", \"match\": \"Scene number 0\"}],"
           " \"delay_ms\": 0}");
    assert_int_equal(submit(g, p, &seen, 0), 0);
    assert_true(model_server_control(&server, "{\"delay_ms\": 200}"));
    for (int i = 1; i < 8; i++)
        assert_int_equal(submit(g, p, &seen, i), 0);
    while (seen.n < 8)
        engine_poll(g, 1000);
    assert_int_equal(seen.outcome[0], LLM_RETURNED);
    assert_int_equal(count(&seen, 8, LLM_OK), 7);
    tear_down(g, p);
}

/* What does not arrive soon after a stop is returned instead of being waited for. */
static void test_stop_does_not_wait_for_ever(void **state)
{
    struct llm_settings s = settings(8);
    struct engine *g;
    struct llm_provider *p;
    char reason[200];

    (void)state;
    s.timeout_s = 3600;
    set_up(&s, &g, &p,
           "{\"faults\": [{\"kind\": \"unauthorized\", \"match\": \"Scene number 0\"},"
           " {\"kind\": \"hang\"}]}");
    for (int i = 1; i < 8; i++)
        assert_int_equal(submit(g, p, &seen, i), 0);
    for (int i = 0; i < 200 && model_server_stat(&server, "in_flight") < 7; i++)
        engine_poll(g, 10);
    assert_int_equal(submit(g, p, &seen, 0), 0);
    while (seen.n < 8)
        engine_poll(g, 1000);
    assert_int_equal(count(&seen, 8, LLM_RETURNED), 8);
    assert_true(llm_provider_stopped(p, reason));
    tear_down(g, p);
}

static void test_cancel_by_argument_and_all(void **state)
{
    static struct calls mine, yours;
    struct llm_settings s = settings(32);
    struct engine *g;
    struct llm_provider *p;

    (void)state;
    set_up(&s, &g, &p, "{\"faults\": [{\"kind\": \"hang\"}]}");
    memset(&mine, 0, sizeof(mine));
    memset(&yours, 0, sizeof(yours));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(submit(g, p, &mine, i), 0);
        assert_int_equal(submit(g, p, &yours, i), 0);
    }
    for (int i = 0; i < 200 && model_server_stat(&server, "in_flight") < 20; i++)
        engine_poll(g, 10);
    engine_cancel(g, &mine);
    engine_poll(g, 0);
    assert_int_equal(mine.n, 10);
    assert_int_equal(count(&mine, 10, LLM_RETURNED), 10);
    assert_string_equal(mine.reason[0], "cancelled");
    assert_int_equal(yours.n, 0);
    assert_int_equal(engine_in_flight(g), 10);
    engine_cancel(g, NULL);
    engine_poll(g, 0);
    assert_int_equal(count(&yours, 10, LLM_RETURNED), 10);
    tear_down(g, p);
}

static void *wake_soon(void *arg)
{
    engine_wake(arg);
    return NULL;
}

static void test_wake_ends_a_long_poll(void **state)
{
    struct err e = {0};
    struct engine *g = engine_new(&e);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, g), 0);
    /* Hangs the test if the wake-up is lost. */
    assert_int_equal(engine_poll(g, 3600 * 1000), 0);
    pthread_join(thread, NULL);
    engine_free(g);
}

struct worker {
    struct llm_provider *provider;
    struct calls calls;
};

static void *drive(void *arg)
{
    struct worker *w = arg;
    struct err e = {0};
    struct engine *g = engine_new(&e);
    int next = 0;

    while (g && w->calls.n < 200) {
        /* The other thread may take the room that was there. */
        while (next < 200 && llm_room(g, w->provider) > 0 &&
               submit(g, w->provider, &w->calls, next) == 0)
            next++;
        engine_poll(g, 100);
    }
    engine_free(g);
    return NULL;
}

static void test_two_threads_share_a_provider(void **state)
{
    static struct worker workers[2];
    struct llm_settings s = settings(32);
    struct engine *g;
    struct llm_provider *p;
    pthread_t threads[2];

    (void)state;
    set_up(&s, &g, &p,
           "{\"delay_ms\": 5, \"faults\": [{\"kind\": \"status\", \"status\": 429,"
           " \"every\": 50, \"headers\": {\"Retry-After\": \"0.05\"}}]}");
    for (int i = 0; i < 2; i++) {
        workers[i] = (struct worker){.provider = p};
        assert_int_equal(pthread_create(&threads[i], NULL, drive, &workers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(count(&workers[i].calls, 200, LLM_OK), 200);
    }
    assert_in_range(model_server_stat(&server, "max_in_flight"), 2, 32);
    tear_down(g, p);
}

static int start_server(void **state)
{
    struct err e = {0};

    (void)state;
    if (engine_global_init(&e) != 0)
        return -1;
    return model_server_start(&server, "{}") ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    model_server_stop(&server);
    engine_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousand_calls_share_connections),
        cmocka_unit_test(test_window_is_held),
        cmocka_unit_test(test_capacity_is_learned),
        cmocka_unit_test(test_pause_is_shared),
        cmocka_unit_test(test_poisonous_row_fails_alone),
        cmocka_unit_test(test_mixed_faults_all_end_well),
        cmocka_unit_test(test_stop_returns_everything),
        cmocka_unit_test(test_stop_lets_good_answers_arrive),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
        cmocka_unit_test(test_cancel_by_argument_and_all),
        cmocka_unit_test(test_wake_ends_a_long_poll),
        cmocka_unit_test(test_two_threads_share_a_provider),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
