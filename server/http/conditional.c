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

void http_tag(struct str json, char out[HTTP_TAG_TEXT])
{
    uint8_t digest[SHA256_BYTES];
    sha256(json, digest);
    hex_encode(digest, TAG_BYTES, out);
}

static void skip_separators(struct str *list)
{
    while (list->n && (list->p[0] == ' ' || list->p[0] == '\t' || list->p[0] == ','))
        *list = str_from(*list, 1);
}

/* What is in quotes; what is not, is nobody's tag but for "*". */
static struct str read_tag(struct str *list)
{
    size_t n = 0;
    const char *end = list->n && list->p[0] == '"' ? memchr(list->p + 1, '"', list->n - 1) : NULL;
    if (end) {
        struct str tag = {list->p + 1, (size_t)(end - list->p) - 1};
        *list = str_from(*list, tag.n + 2);
        return tag;
    }
    while (n < list->n && list->p[n] != ',')
        n++;
    struct str other = str_trim((struct str){list->p, n});
    *list = str_from(*list, n);
    return str_is(other, "*") ? other : (struct str){"", 0};
}

/* As it was sent, with the end that tells of a coding. */
static bool next_tag(struct str *list, bool weakly, struct str *tag)
{
    for (;;) {
        skip_separators(list);
        if (!list->n)
            return false;
        bool weak = str_starts(*list, STR("W/"));
        if (weak)
            *list = str_from(*list, 2);
        *tag = read_tag(list);
        if (tag->n && (weakly || !weak))
            return true;
    }
}

static bool is_coded(struct str tag)
{
    struct str end = STR(CODED_TAG_END);
    end.n--; /* without the quote */
    return tag.n > end.n && str_eq(str_from(tag, tag.n - end.n), end);
}

static struct str without_coding(struct str tag)
{
    return (struct str){tag.p, tag.n - (is_coded(tag) ? sizeof(CODED_TAG_END) - 2 : 0)};
}

bool http_tag_next(struct str *list, bool weakly, struct str *tag)
{
    bool found = next_tag(list, weakly, tag);
    if (found)
        *tag = without_coding(*tag);
    return found;
}

/* Weakly, as RFC 9110 (13.1.2) has it: the coding that a copy was sent in makes no difference. */
static bool names(struct str list, const char *tag, bool *coded)
{
    struct str one;
    while (next_tag(&list, true, &one)) {
        *coded = is_coded(one);
        if (str_is(one, "*") || str_is(without_coding(one), tag))
            return true;
    }
    return false;
}

void conditional_apply(struct http_conn *c)
{
    struct req *q = &c->q;
    char tag[HTTP_TAG_TEXT];
    if (!has_tag(q) || q->res.body.failed)
        return;
    http_tag(buf_str(&q->res.body), tag);
    c->tag = arena_printf(q->arena, "\"%s\"", tag);
    if (!c->tag || !q->if_none_match.n || !names(q->if_none_match, tag, &c->tag_coded))
        return;
    q->res.status = 304;
    buf_reset(&q->res.body);
}
