#include "handlers/import_stream.h"

enum { GZIP_ONLY = 15 + 16 };

int import_stream_open(struct import_stream *s, bool gzip, struct err *e)
{
    s->gzip = gzip;
    s->ended = s->in_member = s->any = false;
    s->z = (z_stream){0};
    if (gzip && inflateInit2(&s->z, GZIP_ONLY) != Z_OK)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a compressed stream");
    return 0;
}

void import_stream_close(struct import_stream *s)
{
    if (s->gzip)
        (void)inflateEnd(&s->z);
}

static int refill(struct import_stream *s, struct err *e)
{
    if (s->z.avail_in || s->ended)
        return 0;
    ptrdiff_t n = s->read(s->arg, s->raw, sizeof(s->raw), e);
    if (n < 0)
        return -1;
    s->ended = n == 0;
    s->z.next_in = s->raw;
    s->z.avail_in = (unsigned)n;
    return 0;
}

/* One step of inflation; 1 when the whole stream is over, -1 when it is damaged. */
static int step(struct import_stream *s, struct err *e)
{
    if (s->ended && s->z.avail_in == 0) {
        if (s->in_member || !s->any)
            return err_set(e, ERR_IMPORT_BROKEN, "the compressed stream ends too early");
        return 1;
    }
    if (!s->in_member) {
        if (s->any && inflateReset(&s->z) != Z_OK)
            return err_set(e, ERR_INTERNAL, "the decompressor could not be reset");
        s->in_member = s->any = true;
    }
    int rc = inflate(&s->z, Z_NO_FLUSH);
    if (rc == Z_STREAM_END)
        s->in_member = false;
    else if (rc == Z_MEM_ERROR)
        return err_set(e, ERR_NO_MEMORY, "no memory to read a compressed stream");
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return err_set(e, ERR_IMPORT_BROKEN, "the compressed stream is damaged: %s",
                       s->z.msg ? s->z.msg : "unknown data");
    return 0;
}

ptrdiff_t import_stream_read(struct import_stream *s, void *out, size_t n, struct err *e)
{
    if (!s->gzip)
        return s->read(s->arg, out, n, e);
    s->z.next_out = out;
    s->z.avail_out = (unsigned)n;
    while (s->z.avail_out == n) {
        if (refill(s, e) < 0)
            return -1;
        int rc = step(s, e);
        if (rc < 0)
            return -1;
        if (rc > 0)
            break;
    }
    return (ptrdiff_t)(n - s->z.avail_out);
}
