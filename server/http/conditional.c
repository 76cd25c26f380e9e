/* Entity tags of what is one resource, and answers without a body for whoever has it already. */
#include "server/base/hash.h"
#include "server/http/internal.h"

enum { TAG_BYTES = 16 };

/* A list is a scan: what its pages show is nobody's copy. */
static bool is_list(const struct route *r)
{
    for (const struct query_param *p = r->query; p && p->name; p++)
        if (strcmp(p->name, "page_size") == 0)
            return true;
    return false;
}

static bool has_tag(const struct req *q)
{
    return q->route && q->route->method == HTTP_GET && q->res.status == 200 &&
           q->res.content_type && strcmp(q->res.content_type, "application/json") == 0 &&
           !q->res.fresh && !is_list(q->route);
}

static struct str next_tag(struct str *list)
{
    while (list->n && (list->p[0] == ' ' || list->p[0] == '\t' || list->p[0] == ','))
        *list = str_from(*list, 1);
    if (str_starts(*list, STR("W/")))
        *list = str_from(*list, 2);
    size_t n = 0;
    if (list->n && list->p[0] == '"') {
        const char *end = memchr(list->p + 1, '"', list->n - 1);
        n = end ? (size_t)(end - list->p) + 1 : list->n;
    } else {
        while (n < list->n && list->p[n] != ',')
            n++;
    }
    struct str tag = {list->p, n};
    *list = str_from(*list, n);
    return tag;
}

/* Weakly, as RFC 9110 (13.1.2) has it: the coding that a copy was sent in makes no difference. */
static bool names(struct str list, const char *tag, bool *coded)
{
    size_t bare = strlen(tag) - 1; /* without the quote at the end */
    if (str_is(str_trim(list), "*"))
        return true;
    while (list.n) {
        struct str one = next_tag(&list);
        if (one.n <= bare || memcmp(one.p, tag, bare) != 0)
            continue;
        *coded = str_is(str_from(one, bare), CODED_TAG_END);
        if (*coded || str_is(str_from(one, bare), "\""))
            return true;
    }
    return false;
}

void conditional_apply(struct http_conn *c)
{
    struct req *q = &c->q;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * TAG_BYTES + 1];
    if (!has_tag(q) || q->res.body.failed)
        return;
    sha256(buf_str(&q->res.body), digest);
    hex_encode(digest, TAG_BYTES, hex);
    c->tag = arena_printf(q->arena, "\"%s\"", hex);
    if (!c->tag || !q->if_none_match.n || !names(q->if_none_match, c->tag, &c->tag_coded))
        return;
    q->res.status = 304;
    buf_reset(&q->res.body);
}
