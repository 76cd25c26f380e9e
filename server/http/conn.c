/* The life of a request, as the callbacks of libmicrohttpd see it. The access handler is called
 * once when the headers are complete, then for each part of the body, then once more. Answering in
 * the first of these calls costs the connection, so that only a body that must be refused, or a
 * request whose framing is doubtful, is answered there. */
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/http/internal.h"

static bool is_stopping(const struct http_conn *c)
{
    return atomic_load(&c->http->stopping);
}

/* The answer goes out while libmicrohttpd still waits for the body; the connection ends when the
 * client has stopped sending, so that what it sends does not make the kernel drop our answer. */
static void refuse(struct http_conn *c)
{
    response_send(c);
    c->mode = MODE_LINGER;
    c->op = OP_ANSWERED;
    socket_deadline(c->sock, LINGER_S);
}

/* True when it is settled whether the caller may: then the answer is known (OP_ANSWERED), or the
 * operation may start. Until then nobody but ops.admit touches q->err. */
static bool admitted(struct http_conn *c)
{
    const struct http_ops *ops = &c->http->s.ops;
    if (c->admitted || !ops->admit)
        return true;
    (void)pthread_mutex_lock(&c->mutex);
    enum op_state op = c->op;
    if (op == OP_IDLE || op == OP_COMPLETE) {
        c->op = OP_PENDING; /* from here on http_complete() may come */
        c->held = true;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (op == OP_PENDING || op == OP_ANSWERED)
        return op == OP_ANSWERED;
    if (ops->admit(&c->q) == HTTP_PENDING)
        return false;
    (void)pthread_mutex_lock(&c->mutex);
    c->op = c->q.err.code == ERR_NONE ? OP_IDLE : OP_ANSWERED;
    c->held = false;
    (void)pthread_mutex_unlock(&c->mutex);
    c->admitted = true;
    return true;
}

/* Calls start or finish until there is an answer, or the beginning of one (true), or the operation
 * is pending. */
static bool advance(struct http_conn *c)
{
    const struct http_ops *ops = &c->http->s.ops;
    if (!admitted(c))
        return false;
    for (;;) {
        (void)pthread_mutex_lock(&c->mutex);
        enum op_state op = c->op;
        bool begun = c->answer.begun;
        if (op == OP_IDLE || (op == OP_COMPLETE && !begun))
            c->op = OP_PENDING; /* from here on http_complete() may come */
        (void)pthread_mutex_unlock(&c->mutex);
        if (begun)
            return true;
        if (op == OP_PENDING || op == OP_ANSWERED)
            return op == OP_ANSWERED;
        if ((op == OP_IDLE ? ops->start(&c->q) : ops->finish(&c->q)) == HTTP_REPLY) {
            (void)pthread_mutex_lock(&c->mutex);
            c->op = OP_ANSWERED;
            (void)pthread_mutex_unlock(&c->mutex);
        }
    }
}

/* Suspends unless the operation is complete, the server stops, or (need_room) the pipe has room. */
static bool suspend(struct http_conn *c, bool need_room)
{
    (void)pthread_mutex_lock(&c->mutex);
    bool wait = c->op == OP_PENDING && !c->answer.begun && !is_stopping(c) &&
                !(need_room && c->pipe.ring.used < PIPE_BYTES);
    if (wait) {
        c->suspended = true;
        MHD_suspend_connection(c->mhd);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return wait;
}

void conn_resume(struct http_conn *c)
{
    if (!c->suspended)
        return;
    c->suspended = false;
    MHD_resume_connection(c->mhd);
}

static struct http_socket *socket_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *conn_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http_worker *w = cls;
    struct http_socket *sock = socket_of(mhd);
    struct http_conn *c = sock ? conn_take(w) : NULL;
    if (!c)
        return NULL; /* the access handler then closes the connection */
    conn_on_closed(sock);
    c->sock = sock;
    c->mhd = mhd;
    sock->conn = c;
    head_client(c);
    socket_deadline(sock, w->http->s.header_timeout_s);
    request_take_uri(c, uri);
    if (c->q.err.code != ERR_NONE) {
        head_trace(c);
        refuse(c);
    }
    return c;
}

/* There is an answer already, and perhaps a body to come. */
static enum MHD_Result answer_early(struct http_conn *c)
{
    c->op = OP_ANSWERED;
    if (c->close || (c->head.expect && c->head.has_body))
        return response_queue(c);
    if ((c->at_once && c->head.has_body) || c->head.length > DISCARD_BYTES_MAX)
        refuse(c);
    else
        c->mode = MODE_DISCARD;
    return MHD_YES;
}

static enum MHD_Result begin(struct http_conn *c, const struct request_line *line)
{
    if (c->mode == MODE_LINGER || is_stopping(c))
        return MHD_NO;
    c->begun = true;
    (void)atomic_fetch_add(&c->http->busy, 1);
    request_begin(c, line);
    socket_deadline(c->sock, c->head.has_body ? c->http->s.body_timeout_s : NO_DEADLINE);
    struct req *q = &c->q;
    if (q->err.code == ERR_NONE && c->mode == MODE_STREAM && !pipe_open(c)) {
        (void)err_set(&q->err, ERR_UNAVAILABLE, "too many bodies are being received");
        c->at_once = true;
    }
    if (q->err.code != ERR_NONE || c->op == OP_ANSWERED)
        return answer_early(c);
    if (c->mode == MODE_JSON) {
        c->body.max = request_json_max(q->route);
        if (c->head.length && c->head.length <= KEEP_BYTES)
            (void)buf_room(&c->body, (size_t)c->head.length);
    }
    /* Where it has to be asked whose key it is, the first of the body waits for that. */
    if (c->mode != MODE_PLAIN && c->head.has_body && admitted(c) && c->op == OP_ANSWERED)
        return answer_early(c);
    return MHD_YES;
}

static enum MHD_Result body_linger(struct http_conn *c, size_t *size)
{
    c->discarded += *size;
    *size = 0;
    return c->discarded <= LINGER_BYTES_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result body_discard(struct http_conn *c, size_t *size)
{
    c->discarded += *size;
    *size = 0;
    if (c->discarded > DISCARD_BYTES_MAX)
        refuse(c);
    return MHD_YES;
}

static enum MHD_Result body_unexpected(struct http_conn *c, size_t *size)
{
    (void)err_set(&c->q.err, ERR_MALFORMED, "this operation takes no body");
    c->op = OP_ANSWERED;
    c->mode = MODE_DISCARD;
    return body_discard(c, size);
}

static enum MHD_Result body_collect(struct http_conn *c, const char *data, size_t *size)
{
    struct err *e = &c->q.err;
    size_t max = request_json_max(c->q.route), before = c->body.cap;
    if (*size > max - c->body.n)
        (void)err_set(e, ERR_TOO_LARGE, "the body is longer than %zu bytes", max);
    else
        buf_add(&c->body, data, *size);
    if (c->body.failed || !conn_charge(c, c->body.cap - before))
        (void)err_set(e, ERR_UNAVAILABLE, "too many bodies are being received");
    *size = 0;
    if (e->code != ERR_NONE) {
        /* Now, not when the client has gone, so that refusals make room for others. */
        buf_free(&c->body);
        conn_discharge(c);
        refuse(c);
    }
    return MHD_YES;
}

static enum MHD_Result body_stream(struct http_conn *c, const char *data, size_t *size)
{
    size_t max = c->q.route->body_max;
    if (!c->streaming)
        socket_deadline(c->sock, INPUT_WANTED); /* from now on the reader's patience counts */
    c->streaming = true;
    for (;;) {
        if (advance(c)) {
            socket_deadline(c->sock, LINGER_S);
            c->mode = MODE_DISCARD;
            return body_discard(c, size);
        }
        bool over = max && *size > max - c->pipe.total;
        size_t done = 0;
        if (over)
            pipe_break(c, true);
        else
            done = pipe_write(c, data, *size);
        data += done;
        *size -= done;
        /* libmicrohttpd calls again after the resumption because something was left over. */
        if (*size == 0 || suspend(c, !over))
            return MHD_YES;
        if (is_stopping(c))
            return MHD_NO;
    }
}

/* Before the first of a body. False: what to return; libmicrohttpd calls again after the resumption
 * because all is left over. */
static bool await_admission(struct http_conn *c, enum MHD_Result *result)
{
    while (!admitted(c)) {
        c->waited = true; /* which is not the client's time */
        socket_deadline(c->sock, NO_DEADLINE);
        bool suspended = suspend(c, false);
        *result = suspended ? MHD_YES : MHD_NO;
        if (suspended || is_stopping(c))
            return false;
    }
    if (c->waited)
        socket_deadline(c->sock, c->http->s.body_timeout_s);
    c->waited = false;
    return true;
}

static enum MHD_Result on_body(struct http_conn *c, const char *data, size_t *size)
{
    enum MHD_Result result = MHD_YES;
    if ((c->mode == MODE_JSON || c->mode == MODE_STREAM) && !c->streaming) {
        if (!await_admission(c, &result))
            return result;
        if (c->op == OP_ANSWERED)
            c->mode = MODE_DISCARD;
    }
    switch (c->mode) {
    case MODE_PLAIN:
        return body_unexpected(c, size);
    case MODE_JSON:
        return body_collect(c, data, size);
    case MODE_STREAM:
        return body_stream(c, data, size);
    case MODE_DISCARD:
        return body_discard(c, size);
    case MODE_LINGER:
        return body_linger(c, size);
    }
    return MHD_NO;
}

/* The request is complete. Called again after each resumption, until there is an answer. */
static enum MHD_Result on_end(struct http_conn *c)
{
    if (c->mode == MODE_LINGER)
        return MHD_NO;
    if (c->mode == MODE_STREAM)
        pipe_end(c); /* before the next line, see http_complete() */
    socket_deadline(c->sock, NO_DEADLINE);
    if (c->mode == MODE_JSON)
        c->q.body = c->body.n ? buf_str(&c->body) : (struct str){"", 0};
    while (!is_stopping(c)) {
        if (advance(c))
            return c->answer.begun ? answer_queue(c) : response_queue(c);
        if (suspend(c, false))
            return MHD_YES;
    }
    return MHD_NO;
}

enum MHD_Result conn_on_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con_cls)
{
    (void)cls;
    (void)mhd;
    struct http_conn *c = *con_cls;
    if (!c)
        return MHD_NO;
    if (!c->begun)
        return begin(c, &(struct request_line){method, url, version});
    return *size ? on_body(c, data, size) : on_end(c);
}

/* The connection closes before it was answered, but the writing side is still open: when it was the
 * sweeper who ended it, or the operation gave up on a slow client, the client can be told. */
static void last_words(struct http_conn *c)
{
    if (!c->begun || c->answered || is_stopping(c))
        return;
    (void)pthread_mutex_lock(&c->mutex);
    enum op_state op = c->answer.begun ? OP_PENDING : c->op;
    if (c->held && op == OP_COMPLETE)
        op = OP_IDLE;
    (void)pthread_mutex_unlock(&c->mutex);
    if (op == OP_IDLE && atomic_load(&c->sock->cut)) {
        (void)err_set(&c->q.err, ERR_MALFORMED, "the body did not arrive within %d seconds",
                      c->http->s.body_timeout_s);
        op = OP_ANSWERED;
    }
    if (op == OP_ANSWERED || (op == OP_COMPLETE && advance(c)))
        response_send(c);
}

/* Both sides are over. */
static void over(struct http_conn *c)
{
    struct http *h = c->http;
    if (h->s.ops.done && (c->begun || c->answered) && !(c->gone && is_stopping(c)))
        h->s.ops.done(&c->q, clock_us() - c->q.started_us);
    if (c->begun)
        http_not_busy(h);
}

/* The client's side is over. */
static void part(struct http_conn *c)
{
    pipe_break(c, false);
    answer_break(c);
    c->sock->conn = NULL;
    socket_idle(c->sock);
    (void)pthread_mutex_lock(&c->mutex);
    bool pending = c->op == OP_PENDING;
    if (pending) {
        c->gone = true;
        (void)atomic_fetch_add(&c->http->refs, 1);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (pending)
        return; /* it is the operation's now: http_complete() will free it */
    over(c);
    conn_give(c);
}

void conn_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode toe)
{
    (void)cls;
    (void)mhd;
    (void)toe;
    struct http_conn *c = *con_cls;
    *con_cls = NULL;
    if (!c)
        return;
    last_words(c);
    part(c);
}

void conn_on_closed(struct http_socket *s)
{
    if (s->conn)
        part(s->conn);
}

void http_complete(struct req *q)
{
    struct http_conn *c = q->conn;
    struct http *h = c->http;
    (void)pthread_mutex_lock(&c->mutex);
    c->op = OP_COMPLETE;
    bool gone = c->gone, held = c->held;
    bool open = c->answer.begun && c->answer.length == HTTP_OPEN_END;
    if (!held)
        c->answer.ended = true;
    /* Where no length tells, the last chunk would. */
    c->answer.broken |= open && q->err.code != ERR_NONE;
    if (!gone && held)
        conn_resume(c);
    if (!gone && !held) {
        /* A client that has stopped sending would never make the worker look at this request. */
        if (c->pipe.ring.p && !c->pipe.ended)
            socket_deadline(c->sock, STALL_S);
        /* Nor would one that takes nothing see the end of an answer that is not whole. */
        if (c->answer.begun && !c->is_head && c->answer.written < c->answer.length &&
            !(open && !c->answer.broken))
            socket_deadline(c->sock, c->answer.broken ? STALL_S : LINGER_S);
        conn_resume(c);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (!gone)
        return;
    over(c);
    conn_free(c);
    http_unref(h);
}

bool http_draining(const struct req *q)
{
    return atomic_load(&q->conn->http->draining);
}
