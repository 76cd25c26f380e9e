#include "providers/route.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/base/buf.h"

/* Shorter keys are not looked for: they would hit words. */
enum { KEY_SHORTEST = 8 };

static int check_url(const char *url, struct err *e)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *query = NULL;
    int rc = 0;

    if (!u)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        rc = err_set(e, ERR_VALIDATION, "not a usable URL");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        rc = err_set(e, ERR_VALIDATION, "the URL is neither http nor https");
    else if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
        rc = err_set(e, ERR_VALIDATION, "the URL has a query");
    curl_free(scheme);
    curl_free(query);
    curl_url_cleanup(u);
    return rc;
}

static int add_header(struct route *r, const char *line)
{
    struct curl_slist *list = curl_slist_append(r->headers, line);

    if (!list)
        return -1;
    r->headers = list;
    return 0;
}

static int add_key(struct route *r, const char *key, struct err *e)
{
    struct buf line;

    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return err_set(e, ERR_VALIDATION, "the API key has white space or control characters");
    buf_init(&line, 8192);
    buf_addz(&line, "Authorization: Bearer ");
    buf_addz(&line, key);
    const char *z = buf_z(&line);
    int rc = z ? add_header(r, z) : -1;
    if (line.p)
        explicit_bzero(line.p, line.n);
    buf_free(&line);
    return rc == 0 ? 0 : err_set(e, ERR_NO_MEMORY, "API key too long or out of memory");
}

int route_init(struct route *r, struct str base, const char *path, const char *key, struct err *e)
{
    *r = (struct route){0};
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (asprintf(&r->url, STR_FMT "%s", STR_ARG(base), path) < 0) {
        r->url = NULL;
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    }
    if (check_url(r->url, e) != 0)
        return -1;
    if (add_header(r, "Content-Type: application/json") != 0 ||
        add_header(r, "Accept: application/json, text/event-stream") != 0 ||
        add_header(r, "Expect:") != 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    return key && key[0] ? add_key(r, key, e) : 0;
}

void route_free(struct route *r)
{
    for (struct curl_slist *h = r->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(r->headers);
    free(r->url);
    *r = (struct route){0};
}

void route_hide_key(const char *key_z, char *p, size_t n)
{
    struct str key = str_of(key_z);

    if (key.n < KEY_SHORTEST || n < key.n)
        return;
    char *at = memmem(p, n, key.p, key.n);
    while (at) {
        memset(at, '*', key.n);
        at += key.n;
        at = memmem(at, n - (size_t)(at - p), key.p, key.n);
    }
}
