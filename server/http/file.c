/* Answers from a file on the disk: whole, in one part, or not at all when the client has it. The
 * bytes go from the page cache to the socket (sendfile), or by way of a buffer under TLS.
 *
 * A client that takes them too slowly is cut off by the sweeper (watch_reader() in timer.c), which
 * looks at the socket, and so needs no hook of libmicrohttpd's; nothing bounds how long a file may
 * take otherwise. Reading what is not in the page cache blocks the worker; the kernel reads ahead.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/http/internal.h"

enum { BLOCK_BYTES = 65536 };

int res_file(struct req *q, const struct res_file *f, struct err *e)
{
    struct res_file *copy = arena_alloc(q->arena, sizeof(*copy));
    if (!copy) {
        (void)close(f->fd);
        return err_set(e, ERR_NO_MEMORY, "no memory for the answer");
    }
    *copy = *f;
    q->res.file = copy;
    q->res.status = 200;
    return 0;
}

void file_close(struct res *r)
{
    if (r->file && r->file->fd >= 0)
        (void)close(r->file->fd);
    if (r->file)
        r->file->fd = -1;
}

static bool lists(struct str list, const char *tag, bool weakly)
{
    struct str one;
    while (http_tag_next(&list, weakly, &one))
        if (str_is(one, "*") || str_is(one, tag))
            return true;
    return false;
}

/* In the order of RFC 9110 (13.2.2): the status that the conditions of the request settle, or 0. A
 * date that cannot be read is none. */
static int settled(const struct request_head *h, const struct res_file *f)
{
    int64_t date = 0;
    if (h->if_match.p) {
        if (!lists(h->if_match, f->tag, false))
            return 412;
    } else if (date_read(h->if_unmodified_since, &date) && f->modified > date) {
        return 412;
    }
    if (h->if_none_match.p)
        return lists(h->if_none_match, f->tag, true) ? 304 : 0;
    return date_read(h->if_modified_since, &date) && f->modified <= date ? 304 : 0;
}

/* Whether the client's part is one of this very file: If-Range has its tag, which must be strong,
 * or its date to the second. */
static bool fits(const struct http_conn *c, const struct res_file *f)
{
    struct str value = c->head.if_range;
    int64_t date = 0;
    if (!value.p)
        return true;
    if (c->head.if_ranges > 1)
        return false;
    return value.n && value.p[0] == '"' ? str_is(value, c->tag)
                                        : date_read(value, &date) && date == f->modified;
}

static void refuse_range(struct http_conn *c, enum range_verdict verdict)
{
    struct req *q = &c->q;
    uint64_t size = q->res.file->size;
    if (verdict == RANGE_SEVERAL)
        (void)err_set(&q->err, ERR_RANGE,
                      "Range has several ranges; files are sent one range at a time");
    else
        (void)err_set(&q->err, ERR_RANGE,
                      "the range begins behind the end of the file, which has "
                      "%" PRIu64 " bytes",
                      size);
    res_problem(q);
    res_header(q, "Accept-Ranges", "bytes");
    res_header(q, "Content-Range", arena_printf(q->arena, "bytes */%" PRIu64, size));
}

/* Range has a meaning for GET alone (RFC 9110, 14.2). */
static enum range_verdict choose(const struct http_conn *c, struct range *part)
{
    const struct res_file *f = c->q.res.file;
    *part = (struct range){.first = 0, .n = f->size};
    if (c->is_head || c->head.ranges != 1 || !fits(c, f))
        return RANGE_NONE;
    struct range wanted = {0};
    enum range_verdict verdict = range_read(c->head.range, f->size, &wanted);
    if (verdict == RANGE_ONE)
        *part = wanted;
    return verdict;
}

static void describe(struct http_conn *c, enum range_verdict verdict)
{
    struct req *q = &c->q;
    const struct res_file *f = q->res.file;
    res_header(q, "Accept-Ranges", "bytes");
    if (verdict != RANGE_ONE)
        return;
    q->res.status = 206;
    res_header(q, "Content-Range",
               arena_printf(q->arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, c->part.first,
                            c->part.first + c->part.n - 1, f->size));
}

void file_apply(struct http_conn *c)
{
    struct req *q = &c->q;
    const struct res_file *f = q->res.file;
    char *date = arena_alloc(q->arena, DATE_TEXT);
    c->tag = arena_printf(q->arena, "\"%s\"", f->tag);
    int status = c->tag && date ? settled(&c->head, f) : 503;
    enum range_verdict verdict = status ? RANGE_NONE : choose(c, &c->part);
    if (status == 503)
        (void)err_set(&q->err, ERR_NO_MEMORY, "no memory for the answer");
    if (status == 412)
        (void)err_set(&q->err, ERR_PRECONDITION,
                      "the file is not one that If-Match or If-Unmodified-Since asks for");
    if (verdict == RANGE_SEVERAL || verdict == RANGE_BEHIND)
        refuse_range(c, verdict);
    else if (q->err.code != ERR_NONE)
        res_problem(q);
    if (q->err.code != ERR_NONE) {
        file_drop(c);
        return;
    }
    if (status == 304) {
        q->res.status = status;
        q->res.n_headers = 0;
        file_close(&q->res);
    } else {
        describe(c, verdict);
    }
    date_write(f->modified, date);
    res_header(q, "Last-Modified", date);
}

void file_drop(struct http_conn *c)
{
    file_close(&c->q.res);
    c->q.res.file = NULL;
    c->tag = NULL;
}

/* What is left of a file under TLS, where the bytes have to pass through this process. */
struct reading {
    int fd;
    uint64_t first;
};

static ssize_t on_wanted(void *cls, uint64_t at, char *out, size_t max)
{
    const struct reading *r = cls;
    ssize_t n = pread(r->fd, out, max, (off_t)(r->first + at));
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_done(void *cls)
{
    struct reading *r = cls;
    (void)close(r->fd);
    free(r);
}

static struct MHD_Response *read_through(const struct http_conn *c)
{
    struct reading *r = malloc(sizeof(*r));
    if (!r)
        return NULL;
    *r = (struct reading){c->q.res.file->fd, c->part.first};
    struct MHD_Response *m =
        MHD_create_response_from_callback(c->part.n, BLOCK_BYTES, on_wanted, r, on_done);
    if (!m)
        free(r);
    return m;
}

struct MHD_Response *file_response(struct http_conn *c)
{
    struct res_file *f = c->q.res.file;
    (void)posix_fadvise(f->fd, (off_t)c->part.first, (off_t)c->part.n, POSIX_FADV_SEQUENTIAL);
    /* libmicrohttpd would read 4 KiB at a time for a session of TLS. */
    struct MHD_Response *m =
        c->http->s.tls ? read_through(c)
                       : MHD_create_response_from_fd_at_offset64(c->part.n, f->fd, c->part.first);
    if (m)
        f->fd = -1; /* closed with the response */
    return m;
}
