/* A curl multi handle on the engine's epoll. An engine has several, with a limited number of
 * exchanges each: curl goes through all connections of a handle to find an idle one. */
#ifndef MONOCEROS_PROVIDERS_WIRE_H
#define MONOCEROS_PROVIDERS_WIRE_H

#include <curl/curl.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "server/base/err.h"

enum { WIRE_EXCHANGES = 64 };

struct wire {
    CURLM *multi;
    int epoll_fd;
    uint32_t index; /* in the engine; tells its events in epoll */
    int exchanges;  /* that belong to it */
    int64_t due_us; /* -1: curl has no timer */
    struct wire *next;
};

struct wire *wire_new(int epoll_fd, uint32_t index, struct err *e);
void wire_free(struct wire *w);
/* What epoll says of one of its sockets. */
void wire_event(struct wire *w, int fd, uint32_t events);
/* Lets curl do what is due. */
void wire_tick(struct wire *w, int64_t now_us);

/* The tag of an event: the wire's index and the socket. */
static inline uint64_t wire_tag(uint32_t index, int fd)
{
    return (uint64_t)index << 32 | (uint32_t)fd;
}

#endif
