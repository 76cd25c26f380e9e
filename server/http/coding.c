/* gzip of JSON and text, for whoever asks for it. Files are never coded: the tools that read them
 * by ranges need their length. */
#define ZLIB_CONST
#include <zlib.h>

#include "server/http/internal.h"

enum { LEAST_BYTES = 1024, MOST_BYTES = 16 << 20, LEVEL = 1, GZIP_WINDOW = 15 + 16, MEM_LEVEL = 8 };

bool coding_possible(const struct res *r)
{
    static const char *const types[] = {"application/json", "application/problem+json", "text/"};
    if (r->file)
        return false;
    for (size_t i = 0; r->content_type && i < sizeof(types) / sizeof(types[0]); i++)
        if (str_starts(str_of(r->content_type), str_of(types[i])))
            return true;
    return false;
}

/* Whether a member of Accept-Encoding takes gzip; its weight counts only when it is zero. */
static bool takes(struct str member)
{
    struct str name = str_next(&member, ';'), weight = str_trim(member);
    if (!str_ieq(str_trim(name), STR("gzip")))
        return false;
    if (!str_starts(weight, STR("q=0")))
        return true;
    for (size_t i = 3; i < weight.n; i++)
        if (weight.p[i] != '.' && weight.p[i] != '0')
            return true;
    return false;
}

static bool wanted(struct str list)
{
    while (list.n)
        if (takes(str_next(&list, ',')))
            return true;
    return false;
}

static bool deflate_all(struct str in, struct buf *out)
{
    z_stream z = {.next_in = (const Bytef *)in.p, .avail_in = (uInt)in.n};
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    uLong most = deflateBound(&z, (uLong)in.n);
    bool ok = buf_room(out, most);
    if (ok) {
        z.next_out = (Bytef *)out->p;
        z.avail_out = (uInt)most;
        ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
        out->n = (size_t)z.total_out;
    }
    (void)deflateEnd(&z);
    return ok;
}

void coding_apply(struct http_conn *c)
{
    struct res *r = &c->q.res;
    struct buf coded;
    if (r->body.failed || r->body.n < LEAST_BYTES || r->body.n > MOST_BYTES ||
        !coding_possible(r) || !wanted(c->head.accept_encoding))
        return;
    buf_init(&coded, RESPONSE_BYTES_MAX);
    if (!deflate_all(buf_str(&r->body), &coded) || coded.n >= r->body.n) {
        buf_free(&coded);
        return;
    }
    buf_free(&r->body);
    r->body = coded;
    c->coded = true;
}
