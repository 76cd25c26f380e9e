/* A raw HTTP client for tests: what is sent is exactly what is written here. */
#ifndef MONOCEROS_TEST_HTTP_CLIENT_H
#define MONOCEROS_TEST_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

enum { CLIENT_BYTES = 65536 };

/* What has been received and not been consumed yet. */
struct client {
    int fd;
    size_t n;
    char data[CLIENT_BYTES + 1];
};

struct answer {
    int status; /* 0: the connection ended first */
    char head[8192];
    char body[CLIENT_BYTES + 1];
    size_t n_body;
};

static inline struct client *client_open(int port)
{
    struct client *c = calloc(1, sizeof(*c));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_non_null(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    union {
        struct sockaddr any;
        struct sockaddr_in in;
    } to = {.in = addr};
    assert_int_equal(connect(c->fd, &to.any, sizeof(addr)), 0);
    return c;
}

static inline void client_close(struct client *c)
{
    (void)close(c->fd);
    free(c);
}

/* False when the other side has closed. */
static inline int client_send(struct client *c, const char *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t sent = send(c->fd, data + done, n - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        done += (size_t)sent;
    }
    return 1;
}

static inline void client_say(struct client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void client_say(struct client *c, const char *fmt, ...)
{
    char text[16384];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    (void)client_send(c, text, (size_t)n);
}

static inline int client_receive(struct client *c)
{
    assert_true(c->n < CLIENT_BYTES);
    ssize_t n = recv(c->fd, c->data + c->n, CLIENT_BYTES - c->n, 0);
    if (n <= 0)
        return 0;
    c->n += (size_t)n;
    c->data[c->n] = '\0';
    return 1;
}

static inline void client_consume(struct client *c, size_t n)
{
    memmove(c->data, c->data + n, c->n - n + 1);
    c->n -= n;
}

/* Value of a header of the answer, or "". */
static inline const char *answer_header(const struct answer *a, const char *name)
{
    static char value[512];
    size_t len = strlen(name);
    value[0] = '\0';
    for (const char *p = strstr(a->head, "\r\n"); p && p[2]; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, len) == 0 && p[2 + len] == ':')
            (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(p + 4 + len, "\r"),
                           p + 4 + len);
    return value;
}

/* Reads one answer; the body too unless head_only (an answer to HEAD). */
static inline struct answer *client_read(struct client *c, int head_only)
{
    static struct answer a;
    a.status = 0;
    a.n_body = 0;
    a.body[0] = '\0';
    a.head[0] = '\0';
    char *end;
    while (!(end = strstr(c->data, "\r\n\r\n")))
        if (!client_receive(c))
            return &a;
    size_t n_head = (size_t)(end - c->data) + 4;
    assert_true(n_head < sizeof(a.head));
    memcpy(a.head, c->data, n_head - 2);
    a.head[n_head - 2] = '\0';
    client_consume(c, n_head);
    assert_true(strncmp(a.head, "HTTP/1.1 ", 9) == 0);
    a.status = (int)strtol(a.head + 9, NULL, 10);
    a.n_body = head_only ? 0 : (size_t)strtoul(answer_header(&a, "Content-Length"), NULL, 10);
    while (c->n < a.n_body)
        if (!client_receive(c)) {
            a.status = 0;
            return &a;
        }
    memcpy(a.body, c->data, a.n_body);
    a.body[a.n_body] = '\0';
    client_consume(c, a.n_body);
    return &a;
}

/* True when the server ends the connection without a further byte. */
static inline int client_ended(struct client *c)
{
    return c->n == 0 && !client_receive(c);
}

#endif
