#include "server/listen.h"

#include <stdio.h>

#include "server/base/str.h"

int listen_parse(const char *text, struct listen_address *out, struct err *e)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (!colon || n == 0 || !str_to_i64(str_of(colon + 1), 0, 65535, &port))
        return err_set(e, ERR_VALIDATION, "listen: \"%.100s\" is not host:port", text);
    if (text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof(out->host))
        return err_set(e, ERR_VALIDATION, "listen: the host is empty or too long");
    (void)snprintf(out->host, sizeof(out->host), "%.*s", (int)n, text);
    out->port = (int)port;
    return 0;
}
