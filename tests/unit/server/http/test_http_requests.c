/* What is asked for and how it is answered: routes, paths, queries, headers, problems. */
#include "server.h"

static void test_keep_alive(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    for (int i = 0; i < 100; i++) {
        client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: test\r\n\r\n");
        struct answer *a = client_read(c, 0);
        assert_int_equal(a->status, 200);
        assert_string_equal(a->body, "{\"hello\":\"world\"}");
        assert_string_equal(answer_header(a, "Connection"), "");
    }
    client_close(c);
    wait_for(&seen.done, 100);
}

static void test_pipelined(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    for (int i = 0; i < 50; i++)
        client_say(c,
                   "GET /v1/items/a%d HTTP/1.1\r\nHost: test\r\n\r\n"
                   "GET /v1/pending HTTP/1.1\r\nHost: test\r\n\r\n"
                   "PUT /v1/items/x HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
                   "Content-Length: 2\r\n\r\n{}",
                   i);
    for (int i = 0; i < 50; i++) {
        char expected[16];
        (void)snprintf(expected, sizeof(expected), "a%d", i);
        assert_string_equal(client_read(c, 0)->body, expected);
        assert_string_equal(client_read(c, 0)->body, "{\"hello\":\"world\"}");
        assert_string_equal(client_read(c, 0)->body, "{}");
    }
    client_close(c);
}

static void test_http_1_0(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "GET /v1/hello HTTP/1.0\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 200);
    assert_true(client_ended(c));
    client_close(c);
}

static void test_standard_headers(void **state)
{
    (void)state;
    struct answer *a = get("/v1/hello");
    assert_string_equal(answer_header(a, "Content-Type"), "application/json");
    assert_string_equal(answer_header(a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(a, "Cache-Control"), "private, no-cache");
    assert_string_equal(answer_header(get("/v1/items/"), "Cache-Control"), "no-store");
    a = get("/v1/hello");
    assert_int_equal(strlen(answer_header(a, "X-Request-Id")), 32);
    assert_int_equal(strlen(answer_header(a, "traceparent")), 55);
    a = ask("GET /v1/hello HTTP/1.1\r\nHost: t\r\n"
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
    assert_string_equal(answer_header(a, "X-Request-Id"), "0af7651916cd43dd8448eb211c80319c");
    assert_true(
        strncmp(answer_header(a, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-", 36) == 0);
    assert_null(strstr(answer_header(a, "traceparent"), "b7ad6b7169203331"));
    assert_string_equal(answer_header(a, "traceparent") + 53, "01");
    a = ask("GET /v1/hello HTTP/1.1\r\nHost: t\r\n"
            "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n\r\n");
    assert_string_not_equal(answer_header(a, "X-Request-Id"), "00000000000000000000000000000000");
}

static void test_request_headers(void **state)
{
    (void)state;
    assert_string_equal(get("/v1/header")->body, "unset");
    struct answer *a =
        ask("GET /v1/header HTTP/1.1\r\nHost: t\r\nAuthorization:  Bearer x \r\n\r\n");
    assert_string_equal(a->body, "Bearer x");
}

static void test_head_and_options(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "HEAD /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer *a = client_read(c, 1);
    assert_int_equal(a->status, 200);
    assert_string_equal(answer_header(a, "Content-Length"), "17");
    client_say(c, "OPTIONS /v1/items/a HTTP/1.1\r\nHost: t\r\n\r\n");
    a = client_read(c, 0);
    assert_int_equal(a->status, 204);
    assert_string_equal(answer_header(a, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assert_string_equal(answer_header(a, "Content-Type"), "");
    client_say(c, "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 204);
    client_say(c, "OPTIONS /v1/none HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 404);
    client_say(c, "HEAD /v1/echo HTTP/1.1\r\nHost: t\r\n\r\n");
    a = client_read(c, 1);
    assert_int_equal(a->status, 405);
    assert_string_equal(answer_header(a, "Allow"), "POST, OPTIONS");
    client_close(c);
}

static void test_problems(void **state)
{
    (void)state;
    struct answer *a = get("/v1/items/");
    assert_int_equal(a->status, 404);
    assert_string_equal(answer_header(a, "Content-Type"), "application/problem+json");
    assert_non_null(strstr(a->body, "\"type\":\"/problems/not-found\""));
    assert_non_null(strstr(a->body, "\"status\":404"));
    assert_non_null(strstr(a->body, "\"instance\":\"/v1/items/\""));
    assert_non_null(strstr(a->body, answer_header(a, "X-Request-Id")));
    assert_int_equal(get("/v1/hello/")->status, 404);
    assert_int_equal(get("/")->status, 404);
    assert_int_equal(get("/v1//hello")->status, 404);
    a = ask("PATCH /v1/items/a HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(a->status, 405);
    assert_string_equal(answer_header(a, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    a = ask("QUERY /v1/items/a HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(a->status, 405);
    a = get("/v1/busy");
    assert_int_equal(a->status, 503);
    assert_string_equal(answer_header(a, "Retry-After"), "2");
    assert_string_equal(answer_header(a, "ETag"), "");
    a = get("/v1/secret");
    assert_int_equal(a->status, 500);
    assert_null(strstr(a->body, "secret detail"));
    assert_int_equal(get("/v1/nothing")->status, 500);
    assert_int_equal(atomic_load(&seen.logged), 2);
}

static void test_conditional(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    client_say(c, "GET /v1/cached HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer *a = client_read(c, 0);
    assert_string_equal(a->body, "{}");
    assert_string_equal(answer_header(a, "Cache-Control"), "max-age=60");
    client_say(c, "GET /v1/cached HTTP/1.1\r\nHost: t\r\nIf-None-Match: \"x\"\r\n\r\n");
    a = client_read(c, 1);
    assert_int_equal(a->status, 304);
    assert_string_equal(answer_header(a, "ETag"), "\"x\"");
    client_say(c, "GET /v1/large HTTP/1.1\r\nHost: t\r\n\r\n");
    a = client_read(c, 0);
    assert_int_equal(a->n_body, 50000);
    client_close(c);
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int status;
        const char *body;
    } rows[] = {
        {"/v1/items/special", 200, "special"},
        {"/v1/items/a%20b%C3%A9+c", 200, "a b\xc3\xa9+c"},
        {"/v1/%69tems/x", 200, "x"},
        {"http://elsewhere/v1/items/abs", 200, "abs"},
        {"/v1/items/a/parts/b", 200, "a"},
        {"/v1/items/a%2fb", 400, NULL},
        {"/v1/items/a%2Fb", 400, NULL},
        {"/v1/items/a%00b", 400, NULL},
        {"/v1/items/a%0ab", 400, NULL},
        {"/v1/items/a%7f", 400, NULL},
        {"/v1/items/a%", 400, NULL},
        {"/v1/items/a%4", 400, NULL},
        {"/v1/items/a%zz", 400, NULL},
        {"/v1/items/%ff", 400, NULL},
        {"/v1/items/%c0%80", 400, NULL},
        {"/v1/items/%ed%a0%80", 400, NULL},
        {"/v1/items/..", 400, NULL},
        {"/v1/items/%2e%2e", 400, NULL},
        {"/v1/items/a%2525", 200, "a%25"},
        {"/v1/items/\x01", 400, NULL},
        {"/v1/items/a b", 400, NULL},
        {"v1/items", 400, NULL},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19", 404, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer *a = get(rows[i].target);
        if (a->status != rows[i].status)
            fail_msg("%s: %d, not %d", rows[i].target, a->status, rows[i].status);
        if (rows[i].body)
            assert_string_equal(a->body, rows[i].body);
        else
            assert_non_null(strstr(a->body, rows[i].status == 404 ? "not-found" : "malformed"));
    }
}

static void test_long_names(void **state)
{
    (void)state;
    char target[9001] = "/v1/items/a/parts/";
    memset(target + 18, 'p', 128);
    assert_int_equal(get(target)->status, 200);
    target[18 + 128] = 'p';
    struct answer *a = get(target);
    assert_int_equal(a->status, 422);
    assert_non_null(strstr(a->body, "\"pointer\":\"{part}\""));
    memset(target + 18, 'p', sizeof(target) - 19);
    a = get(target);
    assert_int_equal(a->status, 414);
    assert_non_null(strstr(a->body, "uri-too-long"));
}

static void test_queries(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int status;
        const char *text;
    } rows[] = {
        {"", 200, "-1 -1 -1 "},
        {"?", 200, "-1 -1 -1 "},
        {"?page_size=7&state=closed&wait=25s&name=a+b%2B", 200, "7 1 25000 a b+"},
        {"?wait=500ms", 200, "-1 -1 500 "},
        {"?wait=1m", 200, "-1 -1 60000 "},
        {"?wait=0.5", 200, "-1 -1 500 "},
        {"?&page_size=1000&", 200, "1000 -1 -1 "},
        {"?other=1", 400, "\"pointer\":\"?other\""},
        {"?page_size=1&page_size=1", 400, "\"pointer\":\"?page_size\""},
        {"?name=%zz", 400, "\"pointer\":\"?name\""},
        {"?name=%ff", 400, "invalid-parameter"},
        {"?name=a%00", 400, "invalid-parameter"},
        {"?%ff=1", 400, "invalid-parameter"},
        {"?page_size=0", 422, "\"pointer\":\"?page_size\""},
        {"?page_size=1001", 422, "from 1 to 1000"},
        {"?page_size=x", 422, "must be an integer"},
        {"?page_size=99999999999999999999", 422, "must be an integer"},
        {"?page_size", 422, "must be an integer"},
        {"?state=broken", 422, "open, closed"},
        {"?wait=61s", 422, "\"pointer\":\"?wait\""},
        {"?wait=-1s", 422, "duration"},
        {"?wait=1e3", 422, "duration"},
        {"?wait=1h", 422, "duration"},
        {"?wait=ms", 422, "duration"},
        {"?name=", 422, "\"pointer\":\"?name\""},
        {"?name=12345678901", 422, "length"},
        {"?page_size=x&state=y", 422, "several"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char target[200];
        (void)snprintf(target, sizeof(target), "/v1/items%s", rows[i].query);
        struct answer *a = get(target);
        if (a->status != rows[i].status || !strstr(a->body, rows[i].text))
            fail_msg("%s: %d %s", rows[i].query, a->status, a->body);
    }
    assert_int_equal(get("/v1/hello?x=1")->status, 400);
}

static void test_many_parameters(void **state)
{
    (void)state;
    char target[8000] = "/v1/items?";
    for (int i = 0; i < 3000; i++)
        memcpy(target + 10 + 2 * i, "a&", 2);
    struct answer *a = get(target);
    assert_int_equal(a->status, 400);
    assert_non_null(strstr(a->body, "invalid-parameter"));
    /* In pieces, so that the server answers before it has the headers. */
    struct client *c = client_open(port);
    client_say(c, "GET %s HTTP/1.1\r\n", target);
    assert_int_equal(client_read(c, 0)->status, 400);
    client_say(c, "Host: t\r\n\r\n");
    assert_true(client_ended(c));
    client_close(c);
}

/* Answered with 400 and a closed connection: nobody may get a second request through. */
static void test_smuggling(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: "
        "chunked\r\n\r\n"
        "0\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: a b\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
        "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "POST /v1/echo HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost : t\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: a\001b\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: a\rb\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\n: empty\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\n: last\r\n",
        "GET /v1/hello HTTP/1.1\r\n: only\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: a\r\n folded\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nTransfer: chunked\r\n -Encoding\r\n\r\n0\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent: 5\r\n\t-Length\r\n\r\n",
        "GET /v1/hello HTTP/1.1\nHost: t\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\nX: y\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: y\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: y\r\n\n",
        "GET  /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/hello  HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/hello HTTP/1.9\r\nHost: t\r\n\r\n",
        "get /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n",
        "Fr0b /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/hello HTTP/1.1\r\nHost: t\r\nExpect: 200-ok\r\n\r\n",
        "GET /v1/hello\001 HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /v1/he llo HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
        "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *c = client_open(port);
        client_say(c, "%sGET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n", rows[i]);
        struct answer *a = client_read(c, 0);
        if (a->status != 400 || !strstr(a->body, "malformed-request"))
            fail_msg("%s: %d", rows[i], a->status);
        assert_string_equal(answer_header(a, "Connection"), "close");
        assert_true(client_ended(c));
        client_close(c);
    }
    assert_int_equal(get("/v1/hello")->status, 200);
}

static void test_nul_in_headers(void **state)
{
    (void)state;
    static const char text[] = "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n"
                               "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n";
    static const char twice[] = "GET /v1/hello HTTP/1.1\r\nHost: t\r\nX: a\0\0Y: b\r\n\r\n";
    static const char path[] = "GET /v1/hello\0/x HTTP/1.1\r\nHost: t\r\n\r\n";
    struct client *c = client_open(port);
    (void)client_send(c, text, sizeof(text) - 1);
    assert_int_equal(client_read(c, 0)->status, 400);
    assert_true(client_ended(c));
    client_close(c);
    c = client_open(port);
    (void)client_send(c, twice, sizeof(twice) - 1);
    assert_int_equal(client_read(c, 0)->status, 400);
    client_close(c);
    c = client_open(port);
    (void)client_send(c, path, sizeof(path) - 1);
    assert_int_equal(client_read(c, 0)->status, 400);
    client_close(c);
}

/* Nearly all that 64 KiB of connection memory take, a bit at a time. */
static void test_large_headers(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    char value[301];
    memset(value, 'v', 300);
    value[300] = '\0';
    client_say(c, "\r\nGET /v1/items?name=x&page_size=3 HTTP/1.1\r\nHost: t\r\n");
    for (int i = 0; i < 90; i++)
        client_say(c, "X-%d:\t %s \r\nX-Empty:\r\n", i % 7, value);
    client_say(c, "\r\n");
    assert_int_equal(client_read(c, 0)->status, 400); /* more than 100 headers */
    client_close(c);
    c = client_open(port);
    for (int round = 0; round < 3; round++) {
        client_say(c, "\r\nGET /v1/items?name=x&page_size=3 HTTP/1.1\r\nHost: t\r\nX-Empty:\r\n");
        for (int i = 0; i < 90; i++) {
            client_say(c, "X-%d:\t %s \r\n", i, value);
            if (i % 30 == 0)
                nap(2);
        }
        client_say(c, "Cookie: a=b; c=\"d\"\r\n\r\n");
        assert_string_equal(client_read(c, 0)->body, "3 -1 -1 x");
    }
    client_close(c);
}

/* libmicrohttpd answers these itself; what matters is that they are refused and nothing follows. */
static void test_refused_by_library(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: +5\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0x5\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5,5\r\n\r\n",
        "POST /v1/echo HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "GET /v1/hello\r\nHost: t\r\n\r\n",
        "GET /v1/hello HTTP/2.0\r\nHost: t\r\n\r\n",
        "nonsense\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *c = client_open(port);
        client_say(c, "%sGET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n", rows[i]);
        while (client_receive(c))
            assert_null(strstr(c->data, "hello\":\"world"));
        assert_null(strstr(c->data, "HTTP/1.1 200"));
        client_close(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),      cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_http_1_0),        cmocka_unit_test(test_standard_headers),
        cmocka_unit_test(test_request_headers), cmocka_unit_test(test_head_and_options),
        cmocka_unit_test(test_conditional),     cmocka_unit_test(test_problems),
        cmocka_unit_test(test_paths),           cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_queries),         cmocka_unit_test(test_many_parameters),
        cmocka_unit_test(test_smuggling),       cmocka_unit_test(test_nul_in_headers),
        cmocka_unit_test(test_large_headers),   cmocka_unit_test(test_refused_by_library),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
