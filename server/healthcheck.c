#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/http/http.h"
#include "server/serve.h"

enum { TIMEOUT_S = 3 };

static int connect_to(const char *listen_host, int listen_port, struct err *e)
{
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    /* A server that listens on every address is asked on loopback. */
    const char *host = strcmp(listen_host, "0.0.0.0") == 0 ? "127.0.0.1"
                       : strcmp(listen_host, "::") == 0    ? "::1"
                                                           : listen_host;
    (void)snprintf(port, sizeof(port), "%d", listen_port);
    if (getaddrinfo(host, port, &hints, &list))
        return err_set(e, ERR_UNAVAILABLE, "%s is not an address", host);
    int fd = -1;
    for (const struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        struct timeval t = {.tv_sec = TIMEOUT_S};
        fd = socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC, i->ai_protocol);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
        if (connect(fd, i->ai_addr, i->ai_addrlen)) {
            (void)close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd >= 0 ? fd : err_set(e, ERR_UNAVAILABLE, "nothing listens on %s:%s", host, port);
}

static ssize_t ask(int fd, const char *request, char *answer, size_t n)
{
    size_t length = strlen(request);
    if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
        return -1;
    return recv(fd, answer, n, MSG_WAITALL);
}

int healthcheck(const struct config *c, struct err *e)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    char host[CONFIG_HOST_MAX];
    int port = 0;
    char answer[16] = "";
    const char *listen = c->admin_listen ? c->admin_listen : c->listen;
    if (config_listen_address(listen, host, &port, e) < 0)
        return -1;
    int fd = connect_to(host, port, e);
    if (fd < 0)
        return -1;
    ptrdiff_t got = c->tls_certificate && !c->admin_listen
                        ? http_tls_ask(fd, request, answer, sizeof(answer) - 1)
                        : ask(fd, request, answer, sizeof(answer) - 1);
    (void)close(fd);
    if (got < 12)
        return err_set(e, ERR_UNAVAILABLE, "the server does not answer");
    if (strncmp(answer + 9, "200", 3) != 0)
        return err_set(e, ERR_UNAVAILABLE, "the server is not ready: HTTP %.3s", answer + 9);
    return 0;
}
