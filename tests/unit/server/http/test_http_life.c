/* Pending requests, deadlines, many connections, drain and stop. */
#include "server.h"

static void test_pending(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    static const char *const targets[] = {"/v1/pending", "/v1/again", "/v1/at-once", "/v1/later"};
    for (int i = 0; i < 200; i++) {
        client_say(c, "GET %s HTTP/1.1\r\nHost: t\r\n\r\n", targets[i % 4]);
        assert_string_equal(client_read(c, 0)->body, "{\"hello\":\"world\"}");
    }
    client_close(c);
}

static void test_client_leaves_pending(void **state)
{
    (void)state;
    int done = atomic_load(&seen.done);
    for (int i = 0; i < 20; i++) {
        struct client *c = client_open(port);
        client_say(c, "GET /v1/later HTTP/1.1\r\nHost: t\r\n\r\n");
        client_close(c);
    }
    wait_for(&seen.done, done + 20);
    while (http_busy(server))
        nap(1);
    assert_int_equal(get("/v1/hello")->status, 200);
}

/* libmicrohttpd stands still when exactly 128 sockets of one daemon are ready. */
static void many(int n)
{
    struct client *clients[256];
    for (int i = 0; i < n; i++)
        clients[i] = client_open(port);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < n; i++)
            client_say(clients[i], "GET %s HTTP/1.1\r\nHost: t\r\n\r\n",
                       round % 2 ? "/v1/hello" : "/v1/later");
        for (int i = 0; i < n; i++)
            assert_int_equal(client_read(clients[i], 0)->status, 200);
    }
    for (int i = 0; i < n; i++)
        client_close(clients[i]);
}

/* With two workers: 120 connections each is all they take. */
static void test_many_connections(void **state)
{
    (void)state;
    many(127);
    many(128);
    many(240);
}

static void test_more_connections(void **state)
{
    (void)state;
    many(255);
    many(256);
}

/* More than there is room for: they wait in the backlog until others leave. */
static void test_over_the_limit(void **state)
{
    (void)state;
    struct client *clients[8];
    for (int i = 0; i < 8; i++) {
        clients[i] = client_open(port);
        client_say(clients[i], "GET /v1/items/%d HTTP/1.1\r\nHost: t\r\n\r\n", i);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(client_read(clients[i], 0)->status, 200);
        client_close(clients[i]);
    }
}

static void test_slow_headers(void **state)
{
    (void)state;
    static const char text[] = "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX-Long: ";
    /* A first request, then the next one on a used connection. */
    for (int used = 0; used < 2; used++) {
        struct client *c = client_open(port);
        if (used) {
            client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
            assert_int_equal(client_read(c, 0)->status, 200);
        }
        for (size_t i = 0; client_send(c, i < sizeof(text) - 1 ? text + i : "x", 1); i++)
            nap(20);
        assert_true(client_ended(c));
        client_close(c);
    }
}

/* Only bytes that arrive start the clock of a used connection, and silence ends a new one. */
static void test_idle_is_not_slow(void **state)
{
    (void)state;
    struct client *idle = client_open(port), *silent = client_open(port);
    client_say(idle, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(idle, 0)->status, 200);
    assert_true(client_ended(silent));
    nap(2000);
    client_say(idle, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(idle, 0)->status, 200);
    client_close(idle);
    client_close(silent);
}

static void test_drain(void **state)
{
    (void)state;
    struct client *parked = client_open(port), *idle = client_open(port);
    client_say(idle, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer *a = client_read(idle, 0);
    assert_string_equal(answer_header(a, "Connection"), "");
    client_say(parked, "GET /v1/long HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for(&seen.parked, 1);
    while (http_busy(server) > 1) /* `idle` has its answer a moment before it is over */
        nap(1);
    http_drain(server);
    a = client_read(parked, 0);
    assert_string_equal(a->body, "draining");
    assert_string_equal(answer_header(a, "Connection"), "close");
    assert_true(client_ended(parked));
    client_say(idle, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_string_equal(answer_header(client_read(idle, 0), "Connection"), "close");
    client_close(parked);
    client_close(idle);
}

static void *release_gate(void *cls)
{
    (void)cls;
    nap(100);
    atomic_store(&seen.gate, true);
    return NULL;
}

/* What has begun is answered before the server goes. */
static void test_stop_waits(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "GET /v1/gate HTTP/1.1\r\nHost: t\r\n\r\n");
    wait_for(&seen.parked, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, release_gate, NULL), 0);
    http_stop(server, 60000);
    server = NULL;
    assert_int_equal(client_read(c, 0)->status, 200);
    (void)pthread_join(thread, NULL);
    client_close(c);
    assert_int_equal(atomic_load(&seen.done), 1);
}

struct late {
    pthread_t thread;
    struct req *q;
};

static struct req *held[3];

static enum http_verdict hold(struct req *q)
{
    held[atomic_fetch_add(&seen.parked, 1)] = q;
    return HTTP_PENDING;
}

/* An operation that does not come back in time loses its connection; its completion is harmless. */
static void test_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    static const struct operation op = {hold, op_hello};
    static const struct route rows[] = {
        {HTTP_GET, "/hold", "hold", 0, BODY_NONE, 0, NULL, NULL, &op},
        {HTTP_POST, "/hold", "hold", 0, BODY_STREAM, 0, NULL, NULL, &op},
    };
    const struct http_settings s = {
        .host = "127.0.0.1",
        .workers = 2,
        .routes = rows,
        .n_routes = 2,
        .ops = {.start = on_start, .finish = on_finish, .done = on_done}};
    struct err e = {0};
    memset(&seen, 0, sizeof(seen));
    struct http *h = http_start(&s, &e);
    assert_non_null(h);
    struct client *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(http_port(h));
        client_say(clients[i], "%s /hold HTTP/1.1\r\nHost: t\r\n", i ? "POST" : "GET");
        if (i)
            client_say(clients[i],
                       "Content-Type: application/octet-stream\r\nContent-Length: 9\r\n");
        client_say(clients[i], "\r\n%s", i ? "x" : "");
        wait_for(&seen.parked, i + 1);
    }
    assert_int_equal(http_busy(h), 3);
    http_stop(h, 10);
    for (int i = 0; i < 3; i++) {
        assert_true(client_ended(clients[i]));
        client_close(clients[i]);
    }
    char byte;
    assert_int_equal(http_body_read(held[1], &byte, 1, &e), 1);
    assert_int_equal(http_body_read(held[1], &byte, 1, &e), -1);
    assert_int_equal(e.code, ERR_IMPORT_BROKEN);
    http_after(held[2], 1000, http_complete);
    http_complete(held[0]);
    http_complete(held[1]);
    assert_int_equal(atomic_load(&seen.done), 0);
}

static void test_start_and_stop(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        server_start(3, 12, 0, 0);
        struct client *c = client_open(port);
        client_say(c, "GET /v1/pending HTTP/1.1\r\nHost: t\r\n\r\n");
        if (i % 2)
            assert_int_equal(client_read(c, 0)->status, 200);
        http_stop(server, 60000);
        server = NULL;
        client_close(c);
    }
}

static void test_start_fails(void **state)
{
    (void)state;
    static const struct route twice[] = {PLAIN(HTTP_GET, "/a/{b}", hello),
                                         PLAIN(HTTP_GET, "/a/{c}", hello)};
    struct http_settings s = {.host = "127.0.0.1",
                              .port = port,
                              .routes = routes,
                              .n_routes = 1,
                              .ops = {.start = on_start, .finish = on_finish}};
    struct err e = {0};
    assert_null(http_start(&s, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    err_clear(&e);
    s.port = 0;
    s.host = "not a host";
    assert_null(http_start(&s, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    err_clear(&e);
    s.host = "127.0.0.1";
    s.routes = twice;
    s.n_routes = 2;
    assert_null(http_start(&s, &e));
    assert_int_equal(e.code, ERR_INTERNAL);
}

static int setup_small(void **state)
{
    (void)state;
    alarm(300);
    server_start(2, 4, 0, 0);
    return 0;
}

static int setup_three(void **state)
{
    (void)state;
    alarm(300);
    server_start(3, 0, 0, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_client_leaves_pending),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_start_fails),
        cmocka_unit_test(test_drain),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(test_more_connections, setup_three, teardown),
        cmocka_unit_test_setup_teardown(test_over_the_limit, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_slow_headers, setup_hasty, teardown),
        cmocka_unit_test_setup_teardown(test_idle_is_not_slow, setup_hasty, teardown),
        cmocka_unit_test_setup_teardown(test_stop_waits, setup, teardown),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
        cmocka_unit_test(test_start_and_stop),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
