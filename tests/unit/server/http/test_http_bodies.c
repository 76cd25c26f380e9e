/* Bodies: JSON and streams, their limits, and clients that break off. */
#include "server.h"

#define JSON  "Content-Type: application/json\r\n"
#define BYTES "Content-Type: application/octet-stream\r\n"

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *body;
        int status;
        const char *text;
    } rows[] = {
        {JSON "Content-Length: 7\r\n", "{\"a\":1}", 200, "{\"a\":1}"},
        {"Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n", "{}", 200, "{}"},
        {"Content-Type: APPLICATION/JSON\r\nContent-Length: 2\r\n", "{}", 200, "{}"},
        {JSON "Content-Encoding: identity\r\nContent-Length: 2\r\n", "{}", 200, "{}"},
        {"", "", 200, ""},
        {"Content-Length: 0\r\n", "", 200, ""},
        {JSON "Transfer-Encoding: chunked\r\n", "3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n", 200,
         "{\"a\":1}"},
        {JSON "Transfer-Encoding: Chunked\r\n", "0\r\nTrailer: x\r\n\r\n", 200, ""},
        {"Content-Length: 2\r\n", "{}", 415, "application/json"},
        {"Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", 415, "application/json"},
        {"Content-Type: text/json\r\nContent-Length: 2\r\n", "{}", 415, "media-type"},
        {"Content-Type: application/jsonx\r\nContent-Length: 2\r\n", "{}", 415, "media-type"},
        {JSON "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}", 415, "identity"},
        {JSON "Content-Length: 1001\r\n", "{}", 413, "1000 bytes"},
        {JSON "Content-Length: 9223372036854775807\r\n", "", 413, "payload-too-large"},
        {JSON "Expect: 100-continue\r\nContent-Length: 1001\r\n", "", 413, "1000 bytes"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *c = client_open(port);
        client_say(c, "PUT /v1/items/a HTTP/1.1\r\nHost: t\r\n%s\r\n%s", rows[i].headers,
                   rows[i].body);
        struct answer *a = client_read(c, 0);
        if (a->status != rows[i].status || !strstr(a->body, rows[i].text))
            fail_msg("%s: %d %s", rows[i].headers, a->status, a->body);
        client_close(c);
    }
}

/* A chunked body is only known to be too long when it has been read that far. */
static void test_chunked_too_long(void **state)
{
    (void)state;
    char chunk[600];
    memset(chunk, 'x', sizeof(chunk));
    struct client *c = client_open(port);
    client_say(c,
               "PUT /v1/items/a HTTP/1.1\r\nHost: t\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2; i++)
        client_say(c, "258\r\n%.600s\r\n", chunk);
    struct answer *a = client_read(c, 0);
    assert_int_equal(a->status, 413);
    assert_string_equal(answer_header(a, "Connection"), "close");
    /* What follows is swallowed, and is not taken for a request. */
    client_say(c, "0\r\n\r\nGET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_true(client_ended(c));
    client_close(c);
}

/* The client sends all of a refused body and still gets to read the answer. */
static void test_refused_body_is_swallowed(void **state)
{
    (void)state;
    enum { BYTES_SENT = 8 * 1024 * 1024 };
    char *body = calloc(1, BYTES_SENT);
    assert_non_null(body);
    static const char *const targets[] = {"/v1/items/a", "/v1/none", "/v1/hello"};
    static const int statuses[] = {413, 404, 405};
    for (int i = 0; i < 3; i++) {
        struct client *c = client_open(port);
        client_say(c, "PUT %s HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: %d\r\n\r\n",
                   targets[i], BYTES_SENT);
        assert_true(client_send(c, body, BYTES_SENT));
        assert_int_equal(client_read(c, 0)->status, statuses[i]);
        assert_true(client_ended(c));
        client_close(c);
    }
    free(body);
}

/* A small body behind a known error does not cost the connection. */
static void test_connection_survives_errors(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "PUT /v1/none HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(client_read(c, 0)->status, 404);
    client_say(c, "PUT /v1/hello HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    assert_int_equal(client_read(c, 0)->status, 405);
    client_say(c, "DELETE /v1/items/a HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 2\r\n\r\n{}");
    struct answer *a = client_read(c, 0);
    assert_int_equal(a->status, 400);
    assert_non_null(strstr(a->body, "takes no body"));
    client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\n{}\r\n0\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 400);
    client_say(c,
               "GET /v1/hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 200);
    client_close(c);
}

static void test_expect_continue(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "PUT /v1/items/a HTTP/1.1\r\nHost: t\r\n" JSON
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(client_read(c, 1)->status, 100);
    client_say(c, "{}");
    assert_int_equal(client_read(c, 0)->status, 200);
    client_say(c, "PUT /v1/none HTTP/1.1\r\nHost: t\r\n" JSON
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 404); /* without 100 before it */
    client_close(c);
}

static void test_json_cut_off(void **state)
{
    (void)state;
    static const char text[] =
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\n" JSON
        "Content-Length: 40\r\n\r\n{\"a\":\"0123456789012345678901234567890\"}";
    for (size_t n = 0; n < sizeof(text) - 1; n += 3) {
        struct client *c = client_open(port);
        (void)client_send(c, text, n);
        client_close(c);
    }
    while (http_busy(server))
        nap(1);
    assert_int_equal(get("/v1/hello")->status, 200);
}

static void fill(char *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        body[i] = (char)(i * 7 + i / 251);
}

static void expect_sum(const struct answer *a, const char *body, size_t n, const char *encoding)
{
    uint64_t sum = 0;
    char expected[100];
    for (size_t i = 0; i < n; i++)
        sum += i * (unsigned char)body[i];
    (void)snprintf(expected, sizeof(expected), "%zu %llu %s", n, (unsigned long long)sum, encoding);
    assert_int_equal(a->status, 200);
    assert_string_equal(a->body, expected);
}

/* Larger than the pipe, in both codings, twice on one connection. */
static void test_stream(void **state)
{
    (void)state;
    enum { SIZE = 3 * 1024 * 1024 + 77 };
    char *body = malloc(SIZE);
    assert_non_null(body);
    fill(body, SIZE);
    struct client *c = client_open(port);
    for (int i = 0; i < 2; i++) {
        client_say(c,
                   "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                   "Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n",
                   SIZE);
        assert_true(client_send(c, body, SIZE));
        expect_sum(client_read(c, 0), body, SIZE, "gzip");
        client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                      "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t done = 0; done < SIZE;) {
            size_t n = SIZE - done < 100003 ? SIZE - done : 100003;
            client_say(c, "%zx\r\n", n);
            assert_true(client_send(c, body + done, n));
            client_say(c, "\r\n");
            done += n;
        }
        client_say(c, "0\r\n\r\n");
        expect_sum(client_read(c, 0), body, SIZE, "");
    }
    client_close(c);
    free(body);
}

static void test_stream_edges(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES "\r\n");
    assert_string_equal(client_read(c, 0)->body, "0 0 ");
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_string_equal(client_read(c, 0)->body, "0 0 ");
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nab");
    assert_string_equal(client_read(c, 0)->body, "2 98 identity");
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(client_read(c, 1)->status, 100);
    client_say(c, "ab");
    assert_string_equal(client_read(c, 0)->body, "2 98 ");
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nab");
    assert_int_equal(client_read(c, 0)->status, 415);
    client_close(c);
    assert_int_equal(ask("POST /v1/import HTTP/1.1\r\nHost: t\r\n\r\n")->status, 415);
}

static void test_stream_limit(void **state)
{
    (void)state;
    char body[1002] = "";
    fill(body, 1001);
    struct client *c = client_open(port);
    client_say(c, "POST /v1/import-small HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Content-Length: 1000\r\n\r\n");
    (void)client_send(c, body, 1000);
    expect_sum(client_read(c, 0), body, 1000, "");
    client_say(c, "POST /v1/import-small HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Transfer-Encoding: chunked\r\n\r\n3e9\r\n");
    (void)client_send(c, body, 1001);
    client_say(c, "\r\n0\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 413);
    client_say(c, "POST /v1/import-small HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Content-Length: 1001\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 413);
    client_close(c);
}

/* The reader is slower than the client: the client is made to wait, memory stays bounded. */
static void test_stream_back_pressure(void **state)
{
    (void)state;
    static char piece[65536];
    struct client *c = client_open(port);
    long sent = 0;
    int before = atomic_load(&seen.broken);
    client_say(c, "POST /v1/import-gated HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Transfer-Encoding: chunked\r\n\r\n");
    struct timeval second = {.tv_sec = 1};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    /* Until the kernel takes no more because the server does not. */
    for (ssize_t n = 1; n > 0 && sent < 64L * 1024 * 1024;) {
        client_say(c, "%zx\r\n", sizeof(piece));
        size_t done = 0;
        while (done < sizeof(piece) &&
               (n = send(c->fd, piece + done, sizeof(piece) - done, MSG_NOSIGNAL)) > 0)
            done += (size_t)n;
        sent += (long)done;
        client_say(c, "\r\n");
    }
    assert_true(sent < 64L * 1024 * 1024);
    assert_int_equal(get("/v1/hello")->status, 200);
    client_close(c);
    atomic_store(&seen.gate, true);
    wait_for(&seen.broken, before + 1);
    while (http_busy(server))
        nap(1);
}

static void test_stream_refused_early(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1024 * 1024 };
    char *body = calloc(1, SIZE);
    assert_non_null(body);
    struct client *c = client_open(port);
    client_say(c,
               "POST /v1/import-refused HTTP/1.1\r\nHost: t\r\n" BYTES "Content-Length: %d\r\n\r\n",
               SIZE);
    assert_true(client_send(c, body, SIZE));
    struct answer *a = client_read(c, 0);
    assert_int_equal(a->status, 404);
    assert_non_null(strstr(a->body, "no such dataset"));
    client_close(c);
    /* With little left to read the connection stays. */
    c = client_open(port);
    client_say(c, "POST /v1/import-refused HTTP/1.1\r\nHost: t\r\n" BYTES
                  "Content-Length: 100000\r\n\r\n");
    assert_true(client_send(c, body, 100000));
    assert_int_equal(client_read(c, 0)->status, 404);
    client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 200);
    client_close(c);
    free(body);
}

static void test_stream_disconnect(void **state)
{
    (void)state;
    static char body[400000];
    int before = atomic_load(&seen.broken);
    for (int i = 0; i < 20; i++) {
        struct client *c = client_open(port);
        client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES
                      "Content-Length: 400001\r\n\r\n");
        (void)client_send(c, body, (size_t)(i + 1) * 20000);
        client_close(c);
    }
    wait_for(&seen.broken, before + 20);
    while (http_busy(server))
        nap(1);
    assert_int_equal(get("/v1/hello")->status, 200);
}

/* One MiB for all: what would be more is refused, and there is room again afterwards. */
static void test_all_bodies_bounded(void **state)
{
    (void)state;
    enum { SIZE = 300 * 1024 };
    char *body = calloc(1, SIZE);
    assert_non_null(body);
    struct client *clients[5];
    int turned_away = 0;
    for (int i = 0; i < 5; i++) {
        clients[i] = client_open(port);
        client_say(clients[i],
                   "POST /v1/echo HTTP/1.1\r\nHost: t\r\n" JSON
                   "Transfer-Encoding: chunked\r\n\r\n%x\r\n",
                   SIZE);
        (void)client_send(clients[i], body, SIZE);
    }
    for (int i = 0; i < 5; i++) {
        client_say(clients[i], "\r\n0\r\n\r\n");
        struct timeval second = {.tv_sec = 60};
        (void)setsockopt(clients[i]->fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
        while (!strstr(clients[i]->data, "\r\n\r\n") && client_receive(clients[i]))
            continue;
        if (strncmp(clients[i]->data, "HTTP/1.1 503", 12) == 0) {
            assert_non_null(strstr(clients[i]->data, "Retry-After: 2"));
            turned_away++;
        }
        client_close(clients[i]);
    }
    assert_in_range(turned_away, 1, 4);
    struct answer *a =
        ask("POST /v1/echo HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 1048577\r\n\r\n");
    assert_int_equal(a->status, 503);
    while (http_busy(server))
        nap(1);
    a = ask("POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES "Content-Length: 1\r\n\r\na");
    assert_string_equal(a->body, "1 0 ");
    free(body);
}

static int setup_tight(void **state)
{
    (void)state;
    alarm(300);
    bodies_max = 1024 * 1024;
    server_start(2, 0, 0, 0);
    bodies_max = 0;
    return 0;
}

/* The client stops sending: the reader gives up, and the client is told. */
static void test_stream_stalls(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES "Content-Length: 100\r\n\r\nabc");
    struct answer *a = client_read(c, 0);
    assert_int_equal(a->status, 422);
    assert_non_null(strstr(a->body, "import-broken"));
    assert_true(client_ended(c));
    client_close(c);
}

/* Neither a trickle nor silence keeps a connection beyond the deadline. */
static void test_slow_body(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "POST /v1/echo HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 100000\r\n\r\n");
    while (client_send(c, "x", 1)) {
        ssize_t n = recv(c->fd, c->data + c->n, CLIENT_BYTES - c->n, MSG_DONTWAIT);
        if (n == 0)
            break;
        c->n += n > 0 ? (size_t)n : 0;
        nap(10);
    }
    assert_true(c->n == 0 || strncmp(c->data, "HTTP/1.1 400", 12) == 0);
    client_close(c);
    c = client_open(port);
    client_say(c, "POST /v1/echo HTTP/1.1\r\nHost: t\r\n" JSON "Content-Length: 10\r\n\r\nx");
    struct answer *a = client_read(c, 0);
    assert_int_equal(a->status, 400);
    assert_non_null(strstr(a->body, "did not arrive"));
    assert_true(client_ended(c));
    client_close(c);
    c = client_open(port);
    client_say(c, "POST /v1/import HTTP/1.1\r\nHost: t\r\n" BYTES "Content-Length: 10\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 400);
    client_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_chunked_too_long),
        cmocka_unit_test(test_refused_body_is_swallowed),
        cmocka_unit_test(test_connection_survives_errors),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_json_cut_off),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_edges),
        cmocka_unit_test(test_stream_limit),
        cmocka_unit_test(test_stream_refused_early),
        cmocka_unit_test(test_stream_disconnect),
        cmocka_unit_test(test_stream_back_pressure),
    };
    const struct CMUnitTest hasty[] = {
        cmocka_unit_test(test_stream_stalls),
        cmocka_unit_test(test_slow_body),
    };
    const struct CMUnitTest tight[] = {
        cmocka_unit_test(test_all_bodies_bounded),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    failed += cmocka_run_group_tests(tight, setup_tight, teardown);
    return failed + cmocka_run_group_tests(hasty, setup_hasty, teardown);
}
