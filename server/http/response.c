/* Answers: through libmicrohttpd, or past it where it cannot answer. */
#include <stdio.h>
#include <sys/socket.h>

#include "server/http/internal.h"

enum { SEND_HEADERS_MAX = HTTP_HEADERS_MAX + 17 };

#define EXPOSED_HEADERS                                                                            \
    "ETag, Link, Location, Retry-After, Allow, Content-Disposition, Accept-Ranges, "               \
    "Content-Range, Repr-Digest, Idempotency-Replayed, RateLimit, RateLimit-Policy, "              \
    "X-Request-Id, traceparent"
#define ALLOWED_HEADERS                                                                            \
    "Authorization, X-API-Key, Content-Type, Idempotency-Key, If-Match, If-None-Match, "           \
    "If-Range, Range, Last-Event-ID, traceparent"

struct header_list {
    int n;
    struct {
        const char *name, *value;
    } rows[SEND_HEADERS_MAX];
    char retry_after[16], tag[96];
};

void res_header(struct req *q, const char *name, const char *value)
{
    struct res *r = &q->res;
    if (r->n_headers == HTTP_HEADERS_MAX) {
        http_log(q->conn->http, "header_dropped", name);
        return;
    }
    r->headers[r->n_headers].name = name;
    r->headers[r->n_headers].value = value;
    r->n_headers++;
}

void res_json(struct req *q, int status)
{
    q->res.status = status;
    q->res.content_type = "application/json";
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void add(struct header_list *l, const char *name, const char *value)
{
    l->rows[l->n].name = name;
    l->rows[l->n].value = value;
    l->n++;
}

static bool is_set(const struct res *r, const char *name)
{
    for (int i = 0; i < r->n_headers; i++)
        if (str_ieq(str_of(r->headers[i].name), str_of(name)))
            return true;
    return false;
}

static void add_tag(struct http_conn *c, struct header_list *l)
{
    int bare = (int)strlen(c->tag) - 1;
    (void)snprintf(l->tag, sizeof(l->tag), "%.*s%s", bare, c->tag,
                   c->coded || c->tag_coded ? CODED_TAG_END : "\"");
    add(l, "ETag", l->tag);
}

/* What caches must know, and pages of other origins. */
static void add_variants(struct http_conn *c, struct header_list *l)
{
    const struct res *r = &c->q.res;
    bool codings = !c->answer.begun && coding_possible(r),
         origins = c->http->s.cors_origins != NULL;
    if (c->coded)
        add(l, "Content-Encoding", "gzip");
    if (c->tag)
        add_tag(c, l);
    if (codings || origins)
        add(l, "Vary",
            !origins   ? "Accept-Encoding"
            : !codings ? "Origin"
                       : "Accept-Encoding, Origin");
    if (!c->origin)
        return;
    add(l, "Access-Control-Allow-Origin", c->origin);
    if (!c->head.preflight.n) {
        add(l, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
        return;
    }
    add(l, "Access-Control-Allow-Methods", c->allow ? c->allow : "");
    add(l, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    add(l, "Access-Control-Max-Age", "600");
}

static void list_headers(struct http_conn *c, struct header_list *l)
{
    const struct req *q = &c->q;
    const struct res *r = &q->res;
    l->n = 0;
    for (int i = 0; i < r->n_headers; i++)
        if (r->headers[i].value && r->headers[i].value[0])
            add(l, r->headers[i].name, r->headers[i].value);
    if (!has_no_body(r->status) && r->content_type)
        add(l, "Content-Type", r->content_type);
    add(l, "X-Request-Id", q->request_id);
    add(l, "traceparent", q->traceparent);
    add(l, "X-Content-Type-Options", "nosniff");
    if (c->http->s.tls)
        add(l, "Strict-Transport-Security", "max-age=31536000");
    if (!is_set(r, "Cache-Control"))
        add(l, "Cache-Control", c->tag ? "private, no-cache" : "no-store");
    if (c->allow)
        add(l, "Allow", c->allow);
    if (q->rate_policy && q->rate_left) {
        add(l, "RateLimit-Policy", q->rate_policy);
        add(l, "RateLimit", q->rate_left);
    }
    add_variants(c, l);
    /* The error of an answer under way belongs to the thread that makes it. */
    int retry = c->answer.begun      ? 0
                : q->err.retry_after ? q->err.retry_after
                : r->status == 503   ? RETRY_AFTER_S
                                     : 0;
    if (retry && !is_set(r, "Retry-After")) {
        (void)snprintf(l->retry_after, sizeof(l->retry_after), "%d", retry);
        add(l, "Retry-After", l->retry_after);
    }
    if (c->close || atomic_load_explicit(&c->http->draining, memory_order_relaxed))
        add(l, "Connection", "close");
}

void response_render(struct http_conn *c)
{
    struct req *q = &c->q;
    if (q->err.code == ERR_NONE && q->res.body.failed)
        (void)err_set(&q->err, ERR_NO_MEMORY, "the answer is too large or memory ran out");
    if (q->err.code == ERR_NONE && q->res.status == 0)
        (void)err_set(&q->err, ERR_INTERNAL, "the operation gave no answer");
    if (q->err.code != ERR_NONE) {
        file_drop(c);
        res_problem(q);
    } else if (q->res.file) {
        file_apply(c);
    } else {
        conditional_apply(c);
    }
    coding_apply(c);
}

void response_add_headers(struct http_conn *c, struct MHD_Response *m)
{
    struct header_list l;
    list_headers(c, &l);
    for (int i = 0; i < l.n; i++)
        if (MHD_add_response_header(m, l.rows[i].name, l.rows[i].value) == MHD_NO)
            http_log(c->http, "header_refused", l.rows[i].name);
}

enum MHD_Result response_queue(struct http_conn *c)
{
    struct res *r = &c->q.res;
    static char empty[1];
    response_render(c);
    bool bare = has_no_body(r->status) || r->body.failed || !r->body.p;
    /* Not copied: the buffer lives until conn_on_completed(). */
    struct MHD_Response *m =
        r->file && !has_no_body(r->status)
            ? file_response(c)
            : MHD_create_response_from_buffer(bare ? 0 : r->body.n, bare ? empty : r->body.p,
                                              MHD_RESPMEM_PERSISTENT);
    if (!m)
        return MHD_NO;
    response_add_headers(c, m);
    c->answered = true;
    enum MHD_Result ok = MHD_queue_response(c->mhd, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return ok;
}

/* The socket does not block; what its buffer does not take is lost, and the connection ends anyway.
 */
void response_send(struct http_conn *c)
{
    struct res *r = &c->q.res;
    struct header_list l;
    c->close = true;
    c->answered = true;
    /* Which takes no more than the socket's buffer: a file might not be whole. */
    if (r->file)
        (void)err_set(&c->q.err, ERR_UNAVAILABLE,
                      "files are sent only while the connection is open both ways");
    response_render(c);
    list_headers(c, &l);
    struct buf out;
    buf_init(&out, RESPONSE_BYTES_MAX);
    buf_addf(&out, "HTTP/1.1 %d %s\r\n", r->status, MHD_get_reason_phrase_for((unsigned)r->status));
    for (int i = 0; i < l.n; i++)
        if (!strpbrk(l.rows[i].value, "\r\n"))
            buf_addf(&out, "%s: %s\r\n", l.rows[i].name, l.rows[i].value);
    buf_addf(&out, "Content-Length: %zu\r\n\r\n", r->body.n);
    if (!c->is_head)
        buf_adds(&out, buf_str(&r->body));
    if (!out.failed && c->http->s.tls)
        tls_send(c->mhd, out.p, out.n);
    else if (!out.failed)
        (void)send(c->sock->fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(c->sock->fd, SHUT_WR);
    buf_free(&out);
}
