/* Connections: HTTP/1.1 with keep-alive and bodies of a known length, no pipelining. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/llm_server/server.h"

enum { REQUEST_MAX = 8 << 20, REPLY_MAX = 64 << 20, READ_AT_ONCE = 16384 };

static void watch(const struct server *s, struct conn *c, uint32_t events, int op)
{
    struct epoll_event ev = {.events = events | EPOLLRDHUP, .data.ptr = c};
    if (epoll_ctl(s->epoll_fd, op, c->fd, &ev) != 0)
        abort();
}

static bool accept_one(struct server *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0)
        return false;
    struct conn *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return true;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->fd = fd;
    buf_init(&c->in, REQUEST_MAX);
    buf_init(&c->out, REPLY_MAX);
    watch(s, c, EPOLLIN, EPOLL_CTL_ADD);
    s->stats.connections++;
    s->stats.open++;
    if (s->stats.open > s->stats.open_most)
        s->stats.open_most = s->stats.open;
    return true;
}

void conn_accept_all(struct server *s)
{
    while (accept_one(s))
        ;
}

void conn_close(struct server *s, struct conn *c)
{
    if (c->fd < 0)
        return;
    policy_abort(s, c);
    close(c->fd);
    c->fd = -1;
    s->stats.open--;
    c->next = s->closed;
    s->closed = c;
}

void conn_free_closed(struct server *s)
{
    while (s->closed) {
        struct conn *c = s->closed;
        s->closed = c->next;
        buf_free(&c->in);
        buf_free(&c->out);
        free(c);
    }
}

void conn_flush(struct server *s, struct conn *c)
{
    if (c->fd < 0)
        return;
    while (c->out_sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->out_sent, c->out.n - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            watch(s, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n <= 0) {
            conn_close(s, c);
            return;
        }
        c->out_sent += (size_t)n;
    }
    c->out_sent = 0;
    buf_reset(&c->out);
    if (c->state != CALL_NONE || c->request_n == 0)
        return;
    if (c->close_after) {
        conn_close(s, c);
        return;
    }
    /* The request has been answered: what comes next stands at the front. */
    c->in.n -= c->request_n;
    memmove(c->in.p, c->in.p + c->request_n, c->in.n);
    c->request_n = 0;
}

/* ---- requests ---- */

static struct str header_of(struct str head, const char *name)
{
    struct str key = str_of(name);
    while (head.n > 0) {
        ptrdiff_t end = str_find(head, STR("\r\n"));
        struct str line = {head.p, end < 0 ? head.n : (size_t)end};
        if (line.n > key.n && line.p[key.n] == ':' && str_ieq((struct str){line.p, key.n}, key))
            return str_trim(str_from(line, key.n + 1));
        head = str_from(head, line.n + 2);
    }
    return (struct str){NULL, 0};
}

static void say(struct conn *c, int status, struct str body)
{
    answer_json(&c->out, status, "", body);
}

static void control(struct server *s, struct conn *c, struct str body)
{
    char problem[160];
    if (stats_control(s, body, problem)) {
        say(c, 200, STR("{}"));
        return;
    }
    struct buf b;
    buf_init(&b, 1024);
    buf_addf(&b, "{\"error\":{\"message\":\"%s\"}}", problem);
    say(c, 400, buf_str(&b));
    buf_free(&b);
}

static void tell(struct server *s, struct conn *c)
{
    struct buf b;
    buf_init(&b, REPLY_MAX);
    stats_write(s, &b);
    say(c, 200, buf_str(&b));
    buf_free(&b);
}

static void chat(struct server *s, struct conn *c, struct str body)
{
    if (request_read(body, &c->request) && stats_note_prompt(s, c->request.prompt)) {
        buf_reset(&s->sample);
        buf_adds(&s->sample, body);
        STATS_COUNT(s, requests);
        policy_arrive(s, c);
        return;
    }
    STATS_COUNT(s, malformed);
    say(c, 400, STR("{\"error\":{\"message\":\"This is no request for a chat completion.\"}}"));
}

static bool ends(struct str path, const char *end)
{
    struct str e = str_of(end);
    return path.n >= e.n && str_eq(str_from(path, path.n - e.n), e);
}

static void dispatch(struct server *s, struct conn *c, struct str target, struct str body)
{
    if (ends(target, "/chat/completions"))
        chat(s, c, body);
    else if (str_is(target, "/stats"))
        tell(s, c);
    else if (str_is(target, "/sample"))
        say(c, 200, buf_str(&s->sample));
    else if (str_is(target, "/control"))
        control(s, c, body);
    else if (ends(target, "/models"))
        say(c, 200,
            STR("{\"object\":\"list\",\"data\":[{\"id\":\"test-model\",\"object\":\"model\"}]}"));
    else if (str_is(target, "/health"))
        say(c, 200, STR("{\"status\":\"ok\"}"));
    else
        say(c, 404, STR("{\"error\":{\"message\":\"There is no such route.\"}}"));
}

static struct str target_of(struct str head)
{
    ptrdiff_t from = str_find(head, STR(" "));
    struct str rest = str_from(head, from < 0 ? head.n : (size_t)from + 1);
    ptrdiff_t end = str_find(rest, STR(" "));
    return (struct str){rest.p, end < 0 ? 0 : (size_t)end};
}

/* Takes up the next request if all of it is here. */
static bool take_request(struct server *s, struct conn *c)
{
    struct str in = buf_str(&c->in);
    ptrdiff_t end = str_find(in, STR("\r\n\r\n"));
    int64_t length = 0;
    if (end < 0)
        return false;
    struct str head = {in.p, (size_t)end}, value = header_of(head, "content-length");
    if (value.p && !str_to_i64(value, 0, REQUEST_MAX, &length)) {
        conn_close(s, c);
        return false;
    }
    c->close_after = str_ieq(header_of(head, "connection"), STR("close"));
    size_t body_at = (size_t)end + 4;
    if (in.n - body_at < (size_t)length)
        return false;
    c->request_n = body_at + (size_t)length;
    dispatch(s, c, target_of(head), (struct str){in.p + body_at, (size_t)length});
    return true;
}

static void read_some(struct server *s, struct conn *c)
{
    for (;;) {
        if (!buf_room(&c->in, READ_AT_ONCE)) {
            conn_close(s, c);
            return;
        }
        ssize_t n = recv(c->fd, c->in.p + c->in.n, c->in.cap - c->in.n, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            conn_close(s, c);
            return;
        }
        c->in.n += (size_t)n;
        if (c->in.n < c->in.cap)
            return;
    }
}

void conn_event(struct server *s, struct conn *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    /* A client that sends more while its call is under way, or has hung up: both end it. */
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ||
        (events & EPOLLIN && c->state != CALL_NONE)) {
        conn_close(s, c);
        return;
    }
    if (events & EPOLLOUT) {
        watch(s, c, EPOLLIN, EPOLL_CTL_MOD);
        conn_flush(s, c);
    }
    if (c->fd >= 0 && events & EPOLLIN)
        read_some(s, c);
    while (c->fd >= 0 && c->state == CALL_NONE && c->out.n == 0 && take_request(s, c))
        conn_flush(s, c);
}
