/* The HTTP edge: an acceptor, N single-thread libmicrohttpd workers that never block, the route
 * table's matcher, and the life of a request. What an operation does is up to `struct http_ops`.
 * Only this folder includes microhttpd.h. */
#ifndef MONOCEROS_HTTP_HTTP_H
#define MONOCEROS_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum http_method { HTTP_GET, HTTP_PUT, HTTP_POST, HTTP_DELETE, HTTP_METHOD_COUNT };

enum body_kind {
    BODY_NONE,
    BODY_JSON,   /* application/json, collected up to body_max before the operation starts */
    BODY_STREAM, /* application/octet-stream, read by a pool thread with http_body_read */
};

enum query_type { QUERY_TEXT, QUERY_INT, QUERY_ENUM, QUERY_DURATION };

/* One query parameter that a route knows. */
struct query_param {
    const char *name; /* NULL ends the table */
    enum query_type type;
    int64_t min, max; /* QUERY_INT: value; QUERY_TEXT: length in characters; QUERY_DURATION: ms */
    const char *const *values; /* QUERY_ENUM: NULL-terminated */
};

struct operation; /* defined by handlers/ */
struct field;

/* One row of THE table of operations (handlers/routes.c). */
struct route {
    enum http_method method;
    const char *path; /* "/v1/datasets/{dataset}/seeds"; at most HTTP_PARAMS_MAX variables */
    const char *operation_id;
    unsigned scope; /* what a caller's key must allow, in the terms of handlers/ */
    enum body_kind body;
    size_t body_max;                 /* bytes; for a stream 0 means any size */
    const struct field *fields;      /* of the JSON body, or NULL */
    const struct query_param *query; /* or NULL */
    const struct operation *operation;
};

enum { HTTP_CLIENT_BYTES = 46 };
enum { HTTP_PARAMS_MAX = 4, HTTP_QUERY_MAX = 16, HTTP_HEADERS_MAX = 8 };

/* The value of a query parameter as decoded and checked against the route's table. */
struct query_value {
    bool set;
    struct str text; /* percent-decoded */
    int64_t number;  /* QUERY_INT, QUERY_DURATION in ms, QUERY_ENUM: index in values */
};

/* A file on the disk that does not change while anybody has it. */
struct res_file {
    int fd; /* of a regular file; the HTTP layer closes it */
    uint64_t size;
    const char *tag;  /* of these very bytes, without quotes; in the request's arena */
    int64_t modified; /* seconds of the Unix epoch */
};

struct res {
    int status; /* 0 until answered */
    const char *content_type;
    bool fresh; /* made anew each time: nobody's copy of it is ever current */
    struct buf body;
    struct res_file *file; /* in the place of a body; NULL: none */
    int n_headers;
    struct {
        const char *name;
        const char *value; /* in the request's arena, or static */
    } headers[HTTP_HEADERS_MAX];
};

struct http;
struct http_tls;
struct http_body;
struct http_conn;

/* One request. Owned by the HTTP layer; between a HTTP_PENDING verdict and http_complete() the
 * thread that works on it may read and write everything here. */
struct req {
    const struct route *route; /* NULL when no operation matched */
    enum http_method method;
    struct str path;                    /* raw, undecoded, without the query */
    struct str params[HTTP_PARAMS_MAX]; /* path variables in order, percent-decoded, valid UTF-8 */
    struct query_value query[HTTP_QUERY_MAX]; /* by the row of route->query */
    struct str raw_query;                     /* undecoded, without the "?" */
    struct str body;                          /* JSON */
    struct arena *arena;
    struct res res;
    struct err err;      /* set by whoever fails; rendered as a problem */
    char request_id[33]; /* 32 hex digits: the trace id of a valid traceparent, else random */
    char traceparent[56];
    char client[HTTP_CLIENT_BYTES]; /* address of the other end of the connection; "" if unknown */
    uint8_t peer[16]; /* address of the client: IPv4 mapped, of IPv6 the network of 64 bits */
    /* RateLimit-Policy and RateLimit of the answer, whatever it is; NULL: none. */
    const char *rate_policy, *rate_left;
    struct str if_match, if_none_match; /* unset without the header */
    struct str content_encoding;        /* of a stream: "", "identity" or "gzip" */
    int64_t started_us;
    void *state;              /* of the operation; memory from the arena */
    struct http_body *stream; /* NULL: there is none */
    struct http_conn *conn;   /* private to server/http */
    void *app;                /* as given to http_start */
};

enum http_verdict {
    HTTP_REPLY,   /* q->res or q->err is filled */
    HTTP_PENDING, /* somebody will call http_complete(q) */
};

struct http_ops {
    /* On the worker thread, before anything of a body is kept: may the caller do this? HTTP_REPLY
     * with q->err set refuses; HTTP_PENDING: it is called again after http_complete(). Must not
     * block. NULL: everybody may. */
    enum http_verdict (*admit)(struct req *q);
    /* On the worker thread, when the request is complete (BODY_STREAM: when its headers are). Must
     * not block. */
    enum http_verdict (*start)(struct req *q);
    /* On the worker thread, after http_complete(). May say HTTP_PENDING again. */
    enum http_verdict (*finish)(struct req *q);
    /* Once for every request whose headers were complete, when the answer has been sent or the
     * client is gone (res.status 0: it was never answered) and the operation has completed. On the
     * worker thread; on the thread of http_complete() when the client left a BODY_STREAM before
     * that, and then `finish` is not called. NULL: not wanted. */
    void (*done)(const struct req *q, int64_t duration_us);
    /* Faults that no answer tells about: details of internal errors, refused headers, messages of
     * the HTTP library. From any thread; `detail` may quote clients. NULL: not wanted. */
    void (*log)(const char *event, const char *detail);
};

struct http_settings {
    const char *host;
    int port; /* 0: any free one */
    int workers;
    int connections; /* over all workers; at most 120 each */
    int idle_timeout_s;
    int header_timeout_s;
    int body_timeout_s; /* for a JSON body, and for each 64 KiB of streams and answers */
    const struct route *routes;
    size_t n_routes;
    /* Which of the routes are there; NULL: all. */
    bool (*serves)(const struct route *r);
    struct http_ops ops;
    void *app;
    /* Origins whose pages may read answers, separated by spaces; NULL: none, as browsers have it.
     */
    const char *cors_origins;
    struct http_tls *tls; /* NULL: HTTP as it is */
    /* Bytes of JSON bodies and stream pipes that may be held at a time, over all connections; more
     * is answered with 503. 0: 256 MiB. */
    size_t bodies_max;
};

/* A chain of certificates and its key, PEM files that are read here and by http_tls_load(). NULL
 * with a sentence. The paths must live as long as the result. */
struct http_tls *http_tls_new(const char *certificate, const char *key, struct err *e);
/* Reads both files again, for connections from now on. -1 with a sentence, and then all stays as it
 * was. From any thread. */
int http_tls_load(struct http_tls *t, struct err *e);
/* After http_stop(). */
void http_tls_free(struct http_tls *t);
/* One request to a server of ours over a connected, blocking socket, and the first bytes of its
 * answer; their number, or -1. Certificates are not looked at: no secret is sent, and nothing said
 * is trusted but whether it is ready. */
ptrdiff_t http_tls_ask(int fd, const char *request, char *answer, size_t n);

struct http *http_start(const struct http_settings *s, struct err *e);
int http_port(const struct http *h);
/* Stops accepting; answers from now on carry Connection: close. */
void http_drain(struct http *h);
/* Requests that have been started and not been answered. */
int http_busy(const struct http *h);
/* Waits until nothing is busy or the time is over, then ends all connections and frees h. */
void http_stop(struct http *h, int timeout_ms);

/* Resumes a pending request from any thread; exactly once for each HTTP_PENDING. */
void http_complete(struct req *q);
/* Calls fn(q) from the timer thread after `ms`; the request must be pending. fn must not block.
 * When the server drains, fn is called at once. */
void http_after(struct req *q, int ms, void (*fn)(struct req *q));
/* True once the server drains: long polls answer with what they have. */
bool http_draining(const struct req *q);

/* Reads up to n bytes of a BODY_STREAM body, blocking the calling pool thread (never a worker).
 * The number of bytes, 0 at the end, -1 with ERR_IMPORT_BROKEN when the client broke off or
 * was slower than allowed. */
ptrdiff_t http_body_read(struct req *q, void *out, size_t n, struct err *e);

/* The length of a body that ends where http_complete() says so; with q->err set, it is not whole.
 */
#define HTTP_OPEN_END UINT64_MAX

/* Answers that are made while they are sent, by whoever works on a pending request. Begins
 * the answer with q->res as it is, but for a body of exactly `length` bytes; nobody may write to
 * q->res afterwards. -1 without memory for it, and then nothing has begun. A body that is not whole
 * at http_complete() costs the connection, so that no client takes it for the whole; `finish` is
 * not called. */
int http_answer_begin(struct req *q, uint64_t length, struct err *e);
/* Blocks while the client is behind. -1 with ERR_UNAVAILABLE when it has left or the server ends.
 */
int http_answer_write(struct req *q, const void *data, size_t n, struct err *e);
/* Does not block: takes all, or -1 when the client has left or is that far behind, after which the
 * connection ends with http_complete(). With no bytes it tells whether the client is there. */
int http_answer_offer(struct req *q, const void *data, size_t n);
/* False for HEAD: the answer ends with its headers, and what is written is dropped. */
bool http_answer_wanted(const struct req *q);

/* The operation of a path that somebody names; NULL when there is none. */
const struct route *http_route_of(struct req *q, enum http_method method, struct str path);

/* Entity tags: that of a JSON text, and those of a header in turn, without quotes and the end that
 * tells of a coding; "*" as it is. Weak tags are left out unless `weakly`. False at the end. */
enum { HTTP_TAG_TEXT = 33 };
void http_tag(struct str json, char out[HTTP_TAG_TEXT]);
bool http_tag_next(struct str *list, bool weakly, struct str *tag);

/* What a problem's type means and what to do about it. */
struct problem {
    int status; /* 0: of no answer, but of a resource */
    const char *slug, *title, *help;
};
/* NULL when there is no such type. */
const struct problem *problem_by_slug(struct str slug);

/* res helpers. The value of a header must live as long as the request (arena) or be static. */
void res_header(struct req *q, const char *name, const char *value);
/* Sets status and JSON content type; the caller writes the body to q->res.body. */
void res_json(struct req *q, int status);
/* Makes the file the answer: the whole of it, the one range that the request wants, or nothing when
 * the client has it. The caller gives the content type, and headers that tell of the whole file.
 * The descriptor is not the caller's any more, whatever comes of it. */
int res_file(struct req *q, const struct res_file *f, struct err *e);
/* Fills res from q->err as application/problem+json (RFC 9457). */
void res_problem(struct req *q);
/* Value of a request header without the white space around it, or the unset view. In admit, start
 * and finish only, and valid until they return. */
struct str req_header(const struct req *q, const char *name);
/* Value of a query parameter of the route by name; aborts on a name that the route lacks. */
const struct query_value *req_query(const struct req *q, const char *name);

#endif
