/* A server with a small table of routes for the tests of server/http. */
#ifndef MONOCEROS_TEST_HTTP_SERVER_H
#define MONOCEROS_TEST_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "client.h"
#include "server/http/http.h"

struct operation {
    enum http_verdict (*start)(struct req *q);
    enum http_verdict (*finish)(struct req *q);
};

struct observed {
    atomic_int done;        /* calls of ops.done */
    atomic_int last_status; /* of the last of them */
    atomic_int parked;      /* requests that wait for `gate` */
    atomic_bool gate;
    atomic_long received; /* bytes that imports have read */
    atomic_int broken;    /* imports that ended with -1 */
    atomic_int left;      /* answers that nobody wanted to the end */
    atomic_long sent;     /* bytes that answers have written */
    atomic_int logged;
};

static struct observed seen;

static inline void nap(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

/* Waits for another thread to make *value at least n; the alarm of the test ends it otherwise. */
static inline void wait_for(atomic_int *value, int n)
{
    while (atomic_load(value) < n)
        nap(1);
}

static inline void reply_text(struct req *q, struct str text)
{
    res_json(q, 200);
    buf_adds(&q->res.body, text);
}

static inline void in_thread(struct req *q, void *(*fn)(void *))
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, q), 0);
    (void)pthread_detach(thread);
}

static inline enum http_verdict op_hello(struct req *q)
{
    reply_text(q, STR("{\"hello\":\"world\"}"));
    return HTTP_REPLY;
}

static inline enum http_verdict op_item(struct req *q)
{
    reply_text(q, q->params[0]);
    return HTTP_REPLY;
}

static inline enum http_verdict op_header(struct req *q)
{
    struct str value = req_header(q, "authorization");
    reply_text(q, value.p ? value : STR("unset"));
    return HTTP_REPLY;
}

static inline enum http_verdict op_special(struct req *q)
{
    reply_text(q, STR("special"));
    return HTTP_REPLY;
}

static inline enum http_verdict op_echo(struct req *q)
{
    reply_text(q, q->body);
    return HTTP_REPLY;
}

static inline enum http_verdict op_query(struct req *q)
{
    const struct query_value *size = req_query(q, "page_size"), *state = req_query(q, "state"),
                             *wait = req_query(q, "wait"), *name = req_query(q, "name");
    res_json(q, 200);
    buf_addf(&q->res.body, "%d %d %d ", size->set ? (int)size->number : -1,
             state->set ? (int)state->number : -1, wait->set ? (int)wait->number : -1);
    buf_adds(&q->res.body, name->text);
    return HTTP_REPLY;
}

static inline enum http_verdict op_nothing(struct req *q)
{
    (void)q;
    return HTTP_REPLY;
}

static inline enum http_verdict op_secret(struct req *q)
{
    (void)err_set(&q->err, ERR_INTERNAL, "secret detail");
    return HTTP_REPLY;
}

static inline enum http_verdict op_busy(struct req *q)
{
    res_header(q, "ETag", "\"x\"");
    (void)err_set(&q->err, ERR_UNAVAILABLE, "try again");
    return HTTP_REPLY;
}

static inline enum http_verdict op_cached(struct req *q)
{
    res_header(q, "ETag", "\"x\"");
    res_header(q, "Cache-Control", "max-age=60");
    q->res.status = str_is(q->if_none_match, "\"x\"") ? 304 : 200;
    q->res.content_type = "application/json";
    buf_addz(&q->res.body, "{}");
    return HTTP_REPLY;
}

static inline enum http_verdict op_large(struct req *q)
{
    res_json(q, 200);
    for (int i = 0; i < 5000; i++)
        buf_addz(&q->res.body, "0123456789");
    return HTTP_REPLY;
}

static inline void *complete(void *cls)
{
    http_complete(cls);
    return NULL;
}

static inline enum http_verdict op_pending(struct req *q)
{
    in_thread(q, complete);
    return HTTP_PENDING;
}

/* Pending three times before the answer. */
static inline enum http_verdict op_again(struct req *q)
{
    int *round = q->state;
    if (!round)
        round = q->state = arena_alloc(q->arena, sizeof(int));
    if (++*round == 3)
        return op_hello(q);
    in_thread(q, complete);
    return HTTP_PENDING;
}

static inline enum http_verdict op_at_once(struct req *q)
{
    http_complete(q);
    return HTTP_PENDING;
}

static inline enum http_verdict op_later(struct req *q)
{
    http_after(q, 20, http_complete);
    return HTTP_PENDING;
}

static inline enum http_verdict op_long(struct req *q)
{
    (void)atomic_fetch_add(&seen.parked, 1);
    http_after(q, 3600 * 1000, http_complete);
    return HTTP_PENDING;
}

static inline enum http_verdict op_long_answer(struct req *q)
{
    reply_text(q, http_draining(q) ? STR("draining") : STR("not draining"));
    return HTTP_REPLY;
}

static inline void *complete_at_gate(void *cls)
{
    (void)atomic_fetch_add(&seen.parked, 1);
    while (!atomic_load(&seen.gate))
        nap(1);
    http_complete(cls);
    return NULL;
}

static inline enum http_verdict op_gate(struct req *q)
{
    in_thread(q, complete_at_gate);
    return HTTP_PENDING;
}

/* Reads in odd sizes and keeps a sum of the bytes by position. */
static inline void *import_all(void *cls)
{
    struct req *q = cls;
    char piece[7001];
    uint64_t *state = q->state;
    ptrdiff_t n;
    while ((n = http_body_read(q, piece, sizeof(piece), &q->err)) > 0) {
        for (ptrdiff_t i = 0; i < n; i++)
            state[1] += (state[0] + (uint64_t)i) * (unsigned char)piece[i];
        state[0] += (uint64_t)n;
        (void)atomic_fetch_add(&seen.received, n);
    }
    if (n < 0)
        (void)atomic_fetch_add(&seen.broken, 1);
    http_complete(q);
    return NULL;
}

static inline enum http_verdict op_import(struct req *q)
{
    q->state = arena_alloc(q->arena, 2 * sizeof(uint64_t));
    in_thread(q, import_all);
    return HTTP_PENDING;
}

static inline enum http_verdict op_import_answer(struct req *q)
{
    const uint64_t *state = q->state;
    res_json(q, 200);
    buf_addf(&q->res.body, "%llu %llu ", (unsigned long long)state[0],
             (unsigned long long)state[1]);
    buf_adds(&q->res.body, q->content_encoding);
    return HTTP_REPLY;
}

static inline void *import_at_gate(void *cls)
{
    while (!atomic_load(&seen.gate))
        nap(1);
    return import_all(cls);
}

static inline enum http_verdict op_import_gated(struct req *q)
{
    q->state = arena_alloc(q->arena, 2 * sizeof(uint64_t));
    in_thread(q, import_at_gate);
    return HTTP_PENDING;
}

static inline void *import_nothing(void *cls)
{
    struct req *q = cls;
    char piece[10];
    (void)http_body_read(q, piece, sizeof(piece), &q->err);
    (void)err_set(&q->err, ERR_NOT_FOUND, "no such dataset");
    http_complete(q);
    return NULL;
}

static inline enum http_verdict op_import_refused(struct req *q)
{
    in_thread(q, import_nothing);
    return HTTP_PENDING;
}

static inline unsigned char byte_at(uint64_t at)
{
    return (unsigned char)(at * 31 + at / 251);
}

/* An answer of params[0] bytes, of which params[1] are made, in odd pieces. */
static inline void *make_answer(void *cls)
{
    struct req *q = cls;
    unsigned char piece[7001];
    int64_t length = 0, made = 0;
    assert_true(str_to_i64(q->params[0], 0, INT64_MAX, &length));
    assert_true(str_to_i64(q->params[1], 0, INT64_MAX, &made));
    q->res.status = 200;
    q->res.content_type = "application/octet-stream";
    int rc = http_answer_begin(q, (uint64_t)length, &q->err);
    for (int64_t at = 0; rc == 0 && at < made;) {
        size_t n = 0;
        while (n < sizeof(piece) && at < made)
            piece[n++] = byte_at((uint64_t)at++);
        rc = http_answer_write(q, piece, n, &q->err);
        (void)atomic_fetch_add(&seen.sent, (long)n);
    }
    if (rc < 0)
        (void)atomic_fetch_add(&seen.left, 1);
    http_complete(q);
    return NULL;
}

static inline enum http_verdict op_made(struct req *q)
{
    in_thread(q, make_answer);
    return HTTP_PENDING;
}

/* params[0] pieces of a body whose end is open, offered without waiting; behind another wait. With
 * a second parameter something goes wrong behind them. */
static inline void *offer_answer(void *cls)
{
    struct req *q = cls;
    char piece[1000];
    int64_t pieces = 0;
    int rc = 0;
    memset(piece, 'x', sizeof(piece));
    assert_true(str_to_i64(q->params[0], 0, INT64_MAX, &pieces));
    for (int64_t i = 0; rc == 0 && i < pieces; i++)
        rc = http_answer_offer(q, piece, sizeof(piece));
    if (rc < 0)
        (void)atomic_fetch_add(&seen.left, 1);
    if (q->params[1].p)
        (void)err_set(&q->err, ERR_INTERNAL, "something went wrong");
    http_complete(q);
    return NULL;
}

static inline enum http_verdict op_open_begun(struct req *q)
{
    q->res.status = 200;
    q->res.content_type = "text/event-stream";
    if (http_answer_begin(q, HTTP_OPEN_END, &q->err) < 0)
        return HTTP_REPLY;
    in_thread(q, offer_answer);
    return HTTP_PENDING;
}

static const char *const states[] = {"open", "closed", NULL};
static const struct query_param list_query[] = {
    {"page_size", QUERY_INT, 1, 1000, NULL},  {"state", QUERY_ENUM, 0, 0, states},
    {"wait", QUERY_DURATION, 0, 60000, NULL}, {"name", QUERY_TEXT, 1, 10, NULL},
    {NULL, QUERY_TEXT, 0, 0, NULL},
};

static const struct operation hello = {op_hello, NULL}, item = {op_item, NULL},
                              special = {op_special, NULL}, header = {op_header, NULL},
                              echo = {op_echo, NULL}, list = {op_query, NULL},
                              nothing = {op_nothing, NULL}, secret = {op_secret, NULL},
                              busy = {op_busy, NULL}, cached = {op_cached, NULL},
                              large = {op_large, NULL}, pending = {op_pending, op_hello},
                              again = {op_again, op_again}, at_once = {op_at_once, op_hello},
                              later = {op_later, op_hello}, longer = {op_long, op_long_answer},
                              gate = {op_gate, op_hello}, import = {op_import, op_import_answer},
                              gated = {op_import_gated, op_import_answer},
                              refused = {op_import_refused, op_nothing},
                              made = {op_made, op_nothing}, open_end = {op_pending, op_open_begun};

#define PLAIN(method, path, op)                                                                    \
    {                                                                                              \
        method, path, "op", 0, BODY_NONE, 0, NULL, NULL, &op                                       \
    }
#define BODY(method, path, kind, max, op)                                                          \
    {                                                                                              \
        method, path, "op", 0, kind, max, NULL, NULL, &op                                          \
    }
static const struct route routes[] = {
    PLAIN(HTTP_GET, "/v1/hello", hello),
    {HTTP_GET, "/v1/items", "listItems", 0, BODY_NONE, 0, NULL, list_query, &list},
    PLAIN(HTTP_GET, "/v1/items/{item}", item),
    PLAIN(HTTP_DELETE, "/v1/items/{item}", item),
    BODY(HTTP_PUT, "/v1/items/{item}", BODY_JSON, 1000, echo),
    PLAIN(HTTP_GET, "/v1/items/special", special),
    PLAIN(HTTP_GET, "/v1/items/{item}/parts/{part}", item),
    BODY(HTTP_POST, "/v1/echo", BODY_JSON, 4 * 1024 * 1024, echo),
    BODY(HTTP_POST, "/v1/import", BODY_STREAM, 0, import),
    BODY(HTTP_POST, "/v1/import-small", BODY_STREAM, 1000, import),
    BODY(HTTP_POST, "/v1/import-gated", BODY_STREAM, 0, gated),
    BODY(HTTP_POST, "/v1/import-refused", BODY_STREAM, 0, refused),
    PLAIN(HTTP_GET, "/v1/header", header),
    PLAIN(HTTP_GET, "/v1/nothing", nothing),
    PLAIN(HTTP_GET, "/v1/secret", secret),
    PLAIN(HTTP_GET, "/v1/busy", busy),
    PLAIN(HTTP_GET, "/v1/cached", cached),
    PLAIN(HTTP_GET, "/v1/large", large),
    PLAIN(HTTP_GET, "/v1/pending", pending),
    PLAIN(HTTP_GET, "/v1/again", again),
    PLAIN(HTTP_GET, "/v1/at-once", at_once),
    PLAIN(HTTP_GET, "/v1/later", later),
    PLAIN(HTTP_GET, "/v1/long", longer),
    PLAIN(HTTP_GET, "/v1/gate", gate),
    PLAIN(HTTP_GET, "/v1/made/{length}/{made}", made),
    PLAIN(HTTP_GET, "/v1/open/{pieces}", open_end),
    PLAIN(HTTP_GET, "/v1/open/{pieces}/{error}", open_end),
};

static inline enum http_verdict on_start(struct req *q)
{
    return q->route->operation->start(q);
}

static inline enum http_verdict on_finish(struct req *q)
{
    return q->route->operation->finish(q);
}

static inline void on_done(const struct req *q, int64_t duration_us)
{
    assert_true(duration_us >= 0);
    atomic_store(&seen.last_status, q->res.status);
    (void)atomic_fetch_add(&seen.done, 1);
}

static inline void on_event(const char *event, const char *detail)
{
    if (strcmp(event, "internal_error") == 0 && detail[0])
        (void)atomic_fetch_add(&seen.logged, 1);
}

static struct http *server;
static int port;

static size_t bodies_max;
static int idle_s;

static inline void server_start(int workers, int connections, int header_s, int body_s)
{
    const struct http_settings s = {
        .host = "127.0.0.1",
        .workers = workers,
        .connections = connections,
        .idle_timeout_s = idle_s,
        .header_timeout_s = header_s,
        .body_timeout_s = body_s,
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .ops = {.start = on_start, .finish = on_finish, .done = on_done, .log = on_event},
        .app = &seen,
        .bodies_max = bodies_max,
    };
    struct err e = {0};
    memset(&seen, 0, sizeof(seen));
    server = http_start(&s, &e);
    if (!server)
        fail_msg("%s", e.msg);
    port = http_port(server);
    assert_true(port > 0);
}

static inline int setup(void **state)
{
    (void)state;
    alarm(300); /* nothing here may hang */
    server_start(2, 0, 0, 0);
    return 0;
}

static inline int setup_hasty(void **state)
{
    (void)state;
    alarm(300);
    server_start(2, 0, 1, 1);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    if (server)
        http_stop(server, 60000);
    server = NULL;
    return 0;
}

/* One request on a connection of its own. */
static inline struct answer *ask(const char *text)
{
    struct client *c = client_open(port);
    (void)client_send(c, text, strlen(text));
    struct answer *a = client_read(c, strncmp(text, "HEAD ", 5) == 0);
    client_close(c);
    return a;
}

static inline struct answer *get(const char *target)
{
    char text[16384];
    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", target);
    return ask(text);
}

#endif
