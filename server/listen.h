/* host:port of the listener. */
#ifndef MONOCEROS_LISTEN_H
#define MONOCEROS_LISTEN_H

#include "server/base/err.h"

struct listen_address {
    char host[256];
    int port;
};

/* "127.0.0.1:8080", "localhost:0", "[::1]:8080". */
int listen_parse(const char *text, struct listen_address *out, struct err *e);

#endif
