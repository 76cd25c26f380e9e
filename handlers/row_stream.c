#include "handlers/row_stream.h"

#include "handlers/bind.h"
#include "handlers/export_turn.h"
#include "server/base/cleanup.h"
#include "server/base/log.h"

enum {
    PAGE_BYTES = 2 << 20,
    PAGE_ROWS_MIN = 32,
    PAGE_ROWS_MAX = 2000,
    ROW_BYTES = 2048, /* as long as none has been seen */
    LINES_BYTES_MAX = 256 << 20,
};

static void store_be(uint64_t v, uint8_t out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* ---- where to begin ---- */

/* Shards are dealt out to readers in turn. */
static int read_share(struct row_stream *s, struct err *e)
{
    const struct query_value *shard = req_query(s->q, "shard"), *of = req_query(s->q, "of");
    s->reader = shard->set ? shard->number : 0;
    s->of = of->set ? of->number : 1;
    if (shard->set && !of->set)
        return err_field(e, "?of", "must say how many readers there are when shard is given");
    if (of->set && !shard->set)
        return err_field(e, "?shard", "must say which of the readers this is when of is given");
    if (s->reader >= s->of)
        return err_field(e, "?shard", "must be less than of");
    if (s->of > s->shards)
        return err_field(e, "?of", "is more than the dataset's %lld shards", (long long)s->shards);
    s->first = s->reader;
    return 0;
}

static int read_dataset(struct row_stream *s, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(s->q, &c, STMT_SLICE_OPEN, e) < 0 || db_run(s->ctx.db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(s->q, e);
    s->lo = rows_i64(rows, 0, 0);
    s->shards = rows_i64(rows, 0, 1);
    s->view = arena_str(s->q->arena, rows_text(rows, 0, 2));
    return s->view.p ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for the request");
}

static int find_after(struct row_stream *s, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    store_be((uint64_t)(s->lo + s->first), s->at.shard);
    s->kind->find(&c, &s->at);
    if (request_pool_run(&s->ctx, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "the dataset has no %s with the id in after",
                       s->kind->name);
    if (!s->kind->place(rows, 0, &s->at))
        return err_set(e, ERR_INTERNAL, "a stored id does not have its form");
    return 0;
}

static int read_after(struct row_stream *s, struct err *e)
{
    const struct query_value *after = req_query(s->q, "after");
    s->kind->before_first(&s->at);
    if (!after->set)
        return 0;
    if (!s->kind->parse(after->text, &s->at))
        return err_field(e, "?after", "must be the id of a %s", s->kind->name);
    s->first = seed_shard(s->at.seed, (int)s->shards);
    if (s->first % s->of != s->reader)
        return err_field(e, "?after", "is in shard %lld, which reader %lld of %lld gets",
                         (long long)s->first, (long long)(s->first % s->of), (long long)s->of);
    return find_after(s, e);
}

static int stream_open(struct row_stream *s, struct err *e)
{
    const struct query_value *limit = req_query(s->q, "limit");
    s->ctx.db = db_new(s->ctx.app->config->database_url, "stream", e);
    if (!s->ctx.db)
        return -1;
    db_prefer_indexes(s->ctx.db);
    s->left = limit->set ? limit->number : INT64_MAX;
    if (read_dataset(s, e) < 0 || read_share(s, e) < 0 || s->kind->bind(s, e) < 0)
        return -1;
    return read_after(s, e);
}

/* ---- rows ---- */

static int begin(struct row_stream *s, struct err *e)
{
    struct req *q = s->q;
    const char *file = arena_printf(q->arena, "attachment; filename=\"" STR_FMT "-%s.jsonl\"",
                                    STR_ARG(q->params[0]), s->kind->names);
    if (!file)
        return err_set(e, ERR_NO_MEMORY, "no memory for a header");
    q->res.status = 200;
    q->res.content_type = "application/x-ndjson";
    res_header(q, "Content-Disposition", file);
    s->begun = http_answer_begin(q, HTTP_OPEN_END, e) == 0;
    return s->begun ? 0 : -1;
}

/* JSON that was stored as it came may have line ends between its members. */
static void add_line(const struct row_stream *s, const struct rows *rows, int row, struct buf *b)
{
    size_t at = b->n;
    s->kind->line(s, rows, row, b);
    for (char *end; !b->failed && (end = memchr(b->p + at, '\n', b->n - at));)
        *end = ' ';
    for (char *end; !b->failed && (end = memchr(b->p + at, '\r', b->n - at));)
        *end = ' ';
    buf_addc(b, '\n');
}

static int64_t page_size(const struct row_stream *s)
{
    int64_t rows = PAGE_BYTES / s->row_bytes;
    rows = rows < PAGE_ROWS_MIN ? PAGE_ROWS_MIN : rows > PAGE_ROWS_MAX ? PAGE_ROWS_MAX : rows;
    return rows < s->left ? rows : s->left;
}

static int send_rows(struct row_stream *s, const struct rows *rows, struct err *e)
{
    int n = rows_count(rows);
    buf_reset(&s->lines);
    for (int i = 0; i < n; i++)
        add_line(s, rows, i, &s->lines);
    if (s->lines.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for a page of rows");
    s->left -= n;
    if (n > 0)
        s->row_bytes = (int64_t)s->lines.n / n + 1;
    if (!s->begun && begin(s, e) < 0)
        return -1;
    return http_answer_write(s->q, s->lines.p, s->lines.n, e);
}

/* *more: there may be another page of the shard. */
static int send_page(struct row_stream *s, bool *more, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    int64_t size = page_size(s);
    if (!request_pool_sleep(s->ctx.pool, 0))
        return err_set(e, ERR_UNAVAILABLE, "the server is ending");
    store_be((uint64_t)size, s->at.size);
    if (request_pool_run(&s->ctx, &s->page, &rows, e) < 0 || send_rows(s, rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    *more = n == size && s->left > 0;
    if (n > 0 && !s->kind->place(rows, n - 1, &s->at))
        return err_set(e, ERR_INTERNAL, "a stored id does not have its form");
    return 0;
}

/* Rows that go because their dataset does would look like the end of it. */
static int still_there(struct row_stream *s, struct err *e)
{
    int64_t lo = s->lo;
    if (read_dataset(s, e) < 0)
        return -1;
    return s->lo == lo ? 0 : err_set(e, ERR_NOT_FOUND, "the dataset was deleted meanwhile");
}

static int send_all(struct row_stream *s, struct err *e)
{
    for (int64_t shard = s->first; shard < s->shards && s->left > 0; shard += s->of) {
        store_be((uint64_t)(s->lo + shard), s->at.shard);
        for (bool more = true; more;)
            if (send_page(s, &more, e) < 0)
                return -1;
        s->kind->before_first(&s->at);
    }
    return still_there(s, e);
}

static int open_and_send(struct row_stream *s, struct err *e)
{
    if (stream_open(s, e) < 0)
        return -1;
    if (!http_answer_wanted(s->q))
        return begin(s, e);
    int rc = send_all(s, e);
    if (rc == 0 || !s->begun)
        return rc;
    log_event(LOG_WARN, "stream_broken", log_z("detail", e->msg));
    return -1;
}

int row_stream_work(struct req *q, struct work_ctx *ctx, const struct row_kind *kind, struct err *e)
{
    if (export_turn_take(ctx->app, e) < 0)
        return -1;
    struct row_stream s = {.q = q, .ctx = *ctx, .kind = kind, .row_bytes = ROW_BYTES};
    s.ctx.db = NULL;
    buf_init(&s.lines, LINES_BYTES_MAX);
    int rc = open_and_send(&s, e);
    db_free(s.ctx.db);
    buf_free(&s.lines);
    export_turn_end(ctx->app);
    return rc;
}
