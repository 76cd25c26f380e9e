/* Answers that are made while they are sent. */
#include "server.h"

enum { LONG = 5 * 1024 * 1024 };

/* Sends the request and reads the headers; what came behind them is left in c->data. */
static struct answer *begin(struct client *c, const char *method, long length, long made_bytes)
{
    client_say(c, "%s /v1/made/%ld/%ld HTTP/1.1\r\nHost: t\r\n\r\n", method, length, made_bytes);
    return client_read(c, 1);
}

/* Takes up to n bytes of a body and holds them to the pattern; how many came. */
static long take(struct client *c, long n)
{
    long at = 0;
    for (;;) {
        size_t good = 0;
        while (good < c->n && (unsigned char)c->data[good] == byte_at((uint64_t)at + good))
            good++;
        assert_int_equal(good, c->n);
        at += (long)c->n;
        c->n = 0;
        if (at == n || !client_receive(c))
            return at;
        assert_true(at + (long)c->n <= n);
    }
}

static void test_whole(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    static const long lengths[] = {1, 7000, 262143, 262144, 262145, LONG};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct answer *a = begin(c, "GET", lengths[i], lengths[i]);
        assert_int_equal(a->status, 200);
        assert_int_equal(strtol(answer_header(a, "Content-Length"), NULL, 10), lengths[i]);
        assert_string_equal(answer_header(a, "Content-Type"), "application/octet-stream");
        assert_string_equal(answer_header(a, "Transfer-Encoding"), "");
        assert_int_equal(take(c, lengths[i]), lengths[i]);
    }
    client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 200);
    client_close(c);
}

static void test_head(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    for (int i = 0; i < 3; i++) {
        struct answer *a = begin(c, "HEAD", LONG, i ? LONG : 0);
        assert_int_equal(a->status, 200);
        assert_int_equal(strtol(answer_header(a, "Content-Length"), NULL, 10), LONG);
    }
    client_say(c, "GET /v1/hello HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 0)->status, 200);
    client_close(c);
}

/* The connection ends before the length that was promised: no client takes that for the whole. */
static void test_short(void **state)
{
    (void)state;
    static const long made_bytes[] = {0, 1, 300000, LONG - 1};
    for (size_t i = 0; i < sizeof(made_bytes) / sizeof(made_bytes[0]); i++) {
        struct client *c = client_open(port);
        struct answer *a = begin(c, "GET", LONG, made_bytes[i]);
        if (a->status) /* with nothing made, the headers may go unsent too */
            assert_int_equal(take(c, LONG), made_bytes[i]);
        client_close(c);
    }
}

/* The thread writes no further than the pipe and the kernel's buffers reach. */
static void test_backpressure(void **state)
{
    (void)state;
    enum { HUGE_BYTES = 64 * 1024 * 1024, BUFFERS = 32 * 1024 * 1024 };
    struct client *c = client_open(port);
    atomic_store(&seen.sent, 0);
    assert_int_equal(begin(c, "GET", HUGE_BYTES, HUGE_BYTES)->status, 200);
    long before = -1;
    while (before != atomic_load(&seen.sent)) {
        before = atomic_load(&seen.sent);
        nap(300);
    }
    assert_true(before < BUFFERS);
    assert_int_equal(take(c, HUGE_BYTES), HUGE_BYTES);
    client_close(c);
}

static void test_client_leaves(void **state)
{
    (void)state;
    int left = atomic_load(&seen.left), done = atomic_load(&seen.done);
    for (int i = 0; i < 10; i++) {
        struct client *c = client_open(port);
        if (i % 2)
            assert_int_equal(begin(c, "GET", 1L << 40, 1L << 40)->status, 200);
        else
            client_say(c, "GET /v1/made/%ld/%ld HTTP/1.1\r\nHost: t\r\n\r\n", 1L << 40, 1L << 40);
        client_close(c);
    }
    wait_for(&seen.left, left + 10);
    wait_for(&seen.done, done + 10);
    while (http_busy(server))
        nap(1);
}

/* What a chunk carries; 0 for the last one. */
static long take_chunk(struct client *c)
{
    char *line;
    while (!(line = strstr(c->data, "\r\n")))
        assert_true(client_receive(c));
    size_t head = (size_t)(line - c->data) + 2;
    size_t n = (size_t)strtoul(c->data, NULL, 16);
    while (c->n < head + n + 2)
        assert_true(client_receive(c));
    client_consume(c, head + n + 2);
    return (long)n;
}

static long take_chunks(struct client *c)
{
    long sum = 0, n;
    while ((n = take_chunk(c)) > 0)
        sum += n;
    return sum;
}

static void test_open_end(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    static const long pieces[] = {0, 1, 100};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        client_say(c, "GET /v1/open/%ld HTTP/1.1\r\nHost: t\r\n\r\n", pieces[i]);
        struct answer *a = client_read(c, 1);
        assert_int_equal(a->status, 200);
        assert_string_equal(answer_header(a, "Content-Length"), "");
        assert_string_equal(answer_header(a, "Transfer-Encoding"), "chunked");
        assert_int_equal(take_chunks(c), pieces[i] * 1000);
    }
    client_say(c, "HEAD /v1/open/5 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 1)->status, 200);
    assert_true(client_ended(c));
    client_close(c);
}

/* The last chunk would say that all of it is there. */
static void test_open_end_that_is_not_reached(void **state)
{
    (void)state;
    static const long pieces[] = {0, 1, 100};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct client *c = client_open(port);
        client_say(c, "GET /v1/open/%ld/error HTTP/1.1\r\nHost: t\r\n\r\n", pieces[i]);
        assert_int_equal(client_read(c, 1)->status, 200);
        for (long n, left = pieces[i] * 1000; left > 0; left -= n)
            assert_true((n = take_chunk(c)) > 0);
        assert_true(client_ended(c));
        client_close(c);
    }
}

/* Nobody waits for a client that reads nothing: it is cut off. */
static void test_slow_reader_is_dropped(void **state)
{
    (void)state;
    int left = atomic_load(&seen.left);
    struct client *c = client_open(port);
    client_say(c, "GET /v1/open/100000000 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(client_read(c, 1)->status, 200);
    wait_for(&seen.left, left + 1);
    while (http_busy(server))
        nap(1);
    client_close(c);
}

static int setup_idle(void **state)
{
    idle_s = 1;
    int rc = setup(state);
    idle_s = 0;
    return rc;
}

static void test_client_stalls(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    assert_int_equal(begin(c, "GET", 1L << 40, 1L << 40)->status, 200);
    wait_for(&seen.left, 1);
    client_close(c);
}

/* A client that takes nothing does not hold up the end of the server. */
static void test_stop(void **state)
{
    (void)state;
    struct client *c = client_open(port);
    assert_int_equal(begin(c, "GET", 1L << 40, 1L << 40)->status, 200);
    http_drain(server);
    http_stop(server, 60000);
    server = NULL;
    assert_int_equal(atomic_load(&seen.left), 1);
    client_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_backpressure),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_open_end),
        cmocka_unit_test(test_open_end_that_is_not_reached),
        cmocka_unit_test(test_slow_reader_is_dropped),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(test_client_stalls, setup_idle, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
