/* What a request asks for: method, path, query and the kind of body, before any of the body is
 * read. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/http/internal.h"

static int split_uri(struct http_conn *c, struct str uri)
{
    /* The absolute form is what proxies send; the authority is Host's business. */
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < 2; i++)
        if (str_starts(uri, schemes[i])) {
            struct str rest = str_from(uri, schemes[i].n);
            const char *slash = memchr(rest.p, '/', rest.n);
            uri = slash ? str_from(rest, (size_t)(slash - rest.p)) : (struct str){"/", 1};
        }
    const char *mark = uri.n ? memchr(uri.p, '?', uri.n) : NULL;
    size_t n = mark ? (size_t)(mark - uri.p) : uri.n;
    c->q.path = (struct str){uri.p, n};
    c->q.raw_query = mark ? str_from(uri, n + 1) : (struct str){"", 0};
    size_t pieces = 1;
    for (size_t i = 0; i < c->q.raw_query.n; i++)
        pieces += c->q.raw_query.p[i] == '&';
    if (pieces > QUERY_PIECES_MAX)
        return err_set(&c->q.err, ERR_PARAMETER, "the query has more than %d parameters",
                       QUERY_PIECES_MAX);
    return 0;
}

void request_take_uri(struct http_conn *c, const char *uri)
{
    struct req *q = &c->q;
    size_t n = uri ? strnlen(uri, URI_BYTES_MAX + 1) : 0;
    c->uri_bytes = n;
    q->path = (struct str){"", 0};
    q->raw_query = q->path;
    if (n > URI_BYTES_MAX) {
        (void)err_set(&q->err, ERR_URI_TOO_LONG, "the URI is longer than %d bytes", URI_BYTES_MAX);
        return;
    }
    char *copy = arena_dup(q->arena, uri ? uri : "", n);
    if (!copy)
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the request");
    else
        (void)split_uri(c, (struct str){copy, n});
}

static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

enum { METHOD_OPTIONS = HTTP_METHOD_COUNT, METHOD_HEAD, METHOD_REFUSED, METHOD_UNKNOWN };
enum { METHOD_CHARS_MAX = 32 };

static int read_method(const char *name)
{
    static const struct {
        const char *name;
        int method;
    } methods[] = {
        {"GET", HTTP_GET},       {"PUT", HTTP_PUT},     {"POST", HTTP_POST},
        {"DELETE", HTTP_DELETE}, {"HEAD", METHOD_HEAD}, {"OPTIONS", METHOD_OPTIONS},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    /* There are always newer ones; that a path does not know a method is said of each alike. */
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    return n > 0 && n <= METHOD_CHARS_MAX && name[n] == '\0' ? METHOD_REFUSED : METHOD_UNKNOWN;
}

/* Everything after which the connection cannot be trusted any more. */
static int check_form(struct http_conn *c, int method, const char *version)
{
    if (head_check(c, version) < 0)
        return -1;
    if (method == METHOD_UNKNOWN)
        return err_set(&c->q.err, ERR_MALFORMED, "the method is no word of capital letters");
    if (has_controls(c->q.path) || has_controls(c->q.raw_query))
        return err_set(&c->q.err, ERR_MALFORMED, "the URI has control characters or spaces");
    return 0;
}

static void answer_options(struct http_conn *c, const char *allow)
{
    c->allow = allow;
    c->q.res.status = 204;
    c->op = OP_ANSWERED;
}

/* "{name}" of the index-th variable of the route. */
static void name_variable(const struct route *r, int index, char *out, size_t size)
{
    const char *p = r->path;
    for (int i = 0; (p = strchr(p, '{')) && i < index; i++)
        p++;
    (void)snprintf(out, size, "%.*s", p ? (int)strcspn(p, "/") : 0, p ? p : "");
}

static int take_match(struct http_conn *c, int method, const struct match *m)
{
    struct req *q = &c->q;
    c->allow = m->allow;
    q->route = method < HTTP_METHOD_COUNT ? m->routes[method] : NULL;
    if (!q->route)
        return err_set(&q->err, ERR_METHOD, "the path allows %s", m->allow);
    c->allow = NULL;
    for (int i = 0; i < m->n_params; i++) {
        char name[80];
        name_variable(q->route, i, name, sizeof(name));
        if (m->params[i].n > SEGMENT_BYTES_MAX)
            (void)err_field(&q->err, name, "must be at most %d bytes", SEGMENT_BYTES_MAX);
        q->params[i] = m->params[i];
    }
    return q->err.code == ERR_NONE ? 0 : -1;
}

static int find_route(struct http_conn *c, int method)
{
    struct req *q = &c->q;
    struct str segments[SEGMENTS_MAX];
    struct match m;
    if (method == METHOD_OPTIONS && str_is(q->path, "*")) {
        answer_options(c, "GET, HEAD, PUT, POST, DELETE, OPTIONS");
        return 0;
    }
    int n = uri_segments(q->arena, q->path, segments, &q->err);
    if (n < 0)
        return -1;
    if (!router_match(c->http->router, segments, n, &m))
        return err_set(&q->err, ERR_NOT_FOUND, "there is no such path");
    if (method == METHOD_OPTIONS) {
        answer_options(c, m.allow);
        return 0;
    }
    return take_match(c, method == METHOD_HEAD ? HTTP_GET : method, &m);
}

const struct route *http_route_of(struct req *q, enum http_method method, struct str path)
{
    struct str segments[SEGMENTS_MAX];
    struct match m;
    struct err ignored = {0};
    int n = uri_segments(q->arena, path, segments, &ignored);
    return n >= 0 && router_match(q->conn->http->router, segments, n, &m) ? m.routes[method] : NULL;
}

/* The media type without parameters. */
static bool is_type(struct str value, const char *type)
{
    return str_ieq(str_trim(str_next(&value, ';')), str_of(type));
}

#define JSON_TYPE   "application/json"
#define STREAM_TYPE "application/octet-stream"

static enum conn_mode mode_of(const struct http_conn *c)
{
    switch (c->q.route->body) {
    case BODY_JSON:
        return MODE_JSON;
    case BODY_STREAM:
        return MODE_STREAM;
    case BODY_NONE:
        break;
    }
    return MODE_PLAIN;
}

static int wrong_type(struct http_conn *c)
{
    return err_set(&c->q.err, ERR_MEDIA_TYPE, "Content-Type must be %s",
                   c->mode == MODE_STREAM ? STREAM_TYPE : JSON_TYPE);
}

static int check_type(struct http_conn *c)
{
    const struct request_head *h = &c->head;
    bool gzip = c->mode == MODE_STREAM;
    if (!is_type(h->content_type, gzip ? STREAM_TYPE : JSON_TYPE))
        return wrong_type(c);
    if (!h->encodings_content || str_ieq(h->content_encoding, STR("identity")))
        return 0;
    if (gzip && str_ieq(h->content_encoding, STR("gzip"))) {
        c->q.content_encoding = STR("gzip");
        return 0;
    }
    return err_set(&c->q.err, ERR_MEDIA_TYPE, "Content-Encoding must be identity%s",
                   gzip ? " or gzip" : "");
}

size_t request_json_max(const struct route *r)
{
    return r->body == BODY_JSON ? r->body_max : 0;
}

static int check_body(struct http_conn *c)
{
    const struct route *r = c->q.route;
    const struct request_head *h = &c->head;
    c->q.content_encoding = h->encodings_content ? STR("identity") : STR("");
    c->mode = mode_of(c);
    if (r->body == BODY_NONE)
        return h->length ? err_set(&c->q.err, ERR_MALFORMED, "this operation takes no body") : 0;
    c->at_once = true;
    if ((h->has_body || r->body != BODY_JSON) && check_type(c) < 0)
        return -1;
    size_t most = c->mode == MODE_JSON ? request_json_max(r) : r->body_max;
    if ((most || c->mode == MODE_JSON) && h->length > most)
        return err_set(&c->q.err, ERR_TOO_LARGE, "the body is longer than %zu bytes", most);
    if (c->mode == MODE_JSON &&
        h->length + atomic_load_explicit(&c->http->body_bytes, memory_order_relaxed) >
            c->http->s.bodies_max)
        return err_set(&c->q.err, ERR_UNAVAILABLE, "too many bodies are being received");
    c->at_once = false;
    return 0;
}

/* Exactly one of those that the operator names. */
static void read_origin(struct http_conn *c)
{
    struct str origin = c->head.origin, rest = str_of(c->http->s.cors_origins);
    while (origin.n && rest.n) {
        if (str_eq(str_next(&rest, ' '), origin))
            c->origin = arena_str(c->q.arena, origin).p;
    }
}

static void read_peer(struct http_conn *c)
{
    enum { NETWORK_BYTES = 8 };
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    uint8_t *peer = c->q.peer;
    memset(peer, 0, sizeof(c->q.peer));
    if (a && a->sa_family == AF_INET) {
        memcpy(peer, mapped, sizeof(mapped));
        memcpy(peer + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
    } else if (a && a->sa_family == AF_INET6) {
        const uint8_t *from = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
        bool is_mapped = memcmp(from, mapped, sizeof(mapped)) == 0;
        memcpy(peer, from, is_mapped ? sizeof(c->q.peer) : NETWORK_BYTES);
    }
}

/* Unset when it was not there. */
static struct str keep_header(struct http_conn *c, struct str value)
{
    if (!value.p)
        return value;
    struct str copy = arena_str(c->q.arena, value);
    if (!copy.p)
        (void)err_set(&c->q.err, ERR_NO_MEMORY, "no memory for the request");
    return copy;
}

void request_begin(struct http_conn *c, const struct request_line *line)
{
    struct req *q = &c->q;
    int m = read_method(line->method);
    head_read(c, line);
    head_trace(c);
    c->is_head = m == METHOD_HEAD;
    read_peer(c);
    q->method = m < HTTP_METHOD_COUNT ? (enum http_method)m : HTTP_GET;
    if (check_form(c, m, line->version) < 0) {
        c->at_once = true;
        c->close = true;
        return;
    }
    q->if_match = keep_header(c, c->head.if_match);
    q->if_none_match = keep_header(c, c->head.if_none_match);
    read_origin(c);
    if (q->err.code != ERR_NONE || find_route(c, m) < 0 || !q->route)
        return;
    if (query_read(q, q->raw_query) == 0)
        (void)check_body(c);
}

const struct query_value *req_query(const struct req *q, const char *name)
{
    for (int i = 0; q->route->query && q->route->query[i].name; i++)
        if (strcmp(q->route->query[i].name, name) == 0)
            return &q->query[i];
    abort();
}
