/* How one model server is reached: the URL of its operation and the headers of a request. */
#ifndef MONOCEROS_PROVIDERS_ROUTE_H
#define MONOCEROS_PROVIDERS_ROUTE_H

#include <curl/curl.h>

#include "server/base/err.h"
#include "server/base/str.h"

struct route {
    char *url;
    struct curl_slist *headers;
};

/* `path` is appended to `base`, `key` may be NULL. Refuses a URL that is not plain http or https
 * and a key with control characters. After a failure, too, route_free is to be called. */
int route_init(struct route *r, struct str base, const char *path, const char *key, struct err *e);
void route_free(struct route *r); /* also of a zeroed one */
/* A server may echo the key: nobody is to find it in a stored reply. `key` may be NULL. */
void route_hide_key(const char *key, char *p, size_t n);

#endif
