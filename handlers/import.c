/* The driver of imports: lines to batches to statements, on a thread of the pool. */
#include "handlers/import.h"

#include <stdio.h>
#include <stdlib.h>

#include "handlers/import_lines.h"
#include "handlers/import_stream.h"
#include "server/base/cleanup.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum {
    BATCH_BYTES = 2 << 20,
    CHUNK_BYTES = 65536,
    LINE_ARENA_BYTES = 8 << 20,
    LINE_NODES_MAX = 8192,
};

/* Where the lines come from. */
struct source {
    struct import_stream stream;
    struct line_cutter cutter;
    char chunk[CHUNK_BYTES];
};

/* Later lines may be refused before earlier ones, which wait in the batch. */
void import_refuse(struct import *m, int64_t line, const char *reason, const char *detail)
{
    struct import_counts *c = m->counts;
    int at = c->n_shown;
    c->refused++;
    while (at > 0 && c->shown[at - 1].line > line)
        at--;
    if (at == IMPORT_REFUSED_SHOWN)
        return;
    c->n_shown += c->n_shown < IMPORT_REFUSED_SHOWN;
    struct refused_line *r = &c->shown[at];
    memmove(r + 1, r, (size_t)(c->n_shown - 1 - at) * sizeof(*r));
    size_t n = strnlen(detail, sizeof(r->detail) - 1), bad = 0;
    if (!text_is_valid((struct str){detail, n}, &bad))
        n = bad;
    r->line = line;
    r->reason = reason;
    memcpy(r->detail, detail, n);
    r->detail[n] = '\0';
}

int import_decode(struct import *m, struct str line, const struct field *fields, void *out,
                  size_t size)
{
    struct err e = {0};
    if (json_decode(line, fields, LINE_NODES_MAX, m->line_arena, out, size, &e) == 0)
        return TAKEN;
    if (e.code == ERR_NO_MEMORY)
        return err_set(m->e, ERR_NO_MEMORY, "%s", e.msg);
    import_refuse(m, m->line, e.code == ERR_VALIDATION ? "invalid_field" : "malformed_json", e.msg);
    return REFUSED;
}

static int flush(struct import *m)
{
    if (m->rows == 0)
        return 0;
    if (m->kind->store(m) < 0)
        return -1;
    m->rows = 0;
    return 0;
}

static int on_line(void *arg, struct str line, bool too_long)
{
    struct import *m = arg;
    size_t bad = 0;
    char detail[160];
    m->line++;
    if (str_trim(line).n == 0 && !too_long)
        return 0;
    m->counts->received++;
    if (too_long) {
        (void)snprintf(detail, sizeof(detail), "a line may have %d bytes", LINE_BYTES_MAX);
        import_refuse(m, m->line, "too_long", detail);
        return 0;
    }
    if (!text_is_valid(line, &bad)) {
        (void)snprintf(detail, sizeof(detail), "at byte %zu of the line", bad + 1);
        import_refuse(m, m->line, line.p[bad] ? "invalid_utf8" : "nul", detail);
        return 0;
    }
    arena_reset(m->line_arena);
    int rc = m->kind->take(m, line, line.p[0] != '{');
    m->counts->received -= rc == BLANK;
    m->rows += rc == TAKEN;
    if (rc < 0)
        return -1;
    return m->rows < IMPORT_BATCH_ROWS && m->kind->bytes(m) < BATCH_BYTES ? 0 : flush(m);
}

static ptrdiff_t read_body(void *arg, void *out, size_t n, struct err *e)
{
    return http_body_read(arg, out, n, e);
}

/* Until the end; -1 when the stream or the database broke, after which the whole lines that came
 * before are stored all the same. */
static int pump(struct import *m, struct source *s)
{
    for (;;) {
        if (!request_pool_sleep(m->ctx->pool, 0))
            return err_set(m->e, ERR_UNAVAILABLE, "the server is ending");
        ptrdiff_t n = import_stream_read(&s->stream, s->chunk, sizeof(s->chunk), m->e);
        if (n < 0)
            return -1;
        struct str chunk = {s->chunk, (size_t)n};
        if ((n ? line_cutter_feed(&s->cutter, chunk) : line_cutter_end(&s->cutter)) < 0)
            return err_set(m->e, ERR_NO_MEMORY, "no memory for a line");
        if (n == 0)
            return flush(m);
    }
}

static int store_rest(struct import *m)
{
    if (m->e->code != ERR_IMPORT_BROKEN && m->e->code != ERR_TOO_LARGE)
        return -1;
    struct err why = *m->e;
    err_clear(m->e);
    if (flush(m) == 0)
        *m->e = why;
    return -1;
}

static void write_refused(const struct import *m, struct buf *b)
{
    const struct import_counts *c = m->counts;
    bool rows = m->kind->rows;
    json_key(b, rows ? "refused_rows" : "refused_lines");
    json_open(b, '[');
    for (int i = 0; i < c->n_shown; i++) {
        json_open(b, '{');
        json_key(b, rows ? "row" : "line");
        json_int(b, c->shown[i].line);
        json_key(b, "reason");
        json_z(b, c->shown[i].reason);
        json_key(b, "detail");
        json_z(b, c->shown[i].detail);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void write_counts(const struct import *m, struct buf *b)
{
    const struct import_counts *c = m->counts;
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {
        {"received", c->received - m->rows}, {"new", c->created},     {"duplicate", c->duplicate},
        {"duplicate_differs", c->differs},   {"refused", c->refused},
    };
    json_open(b, '{');
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_key(b, counts[i].name);
        json_int(b, counts[i].n);
    }
    write_refused(m, b);
    if (m->kind->describe)
        m->kind->describe(m, b);
    json_close(b, '}');
}

void import_answer(const struct import *m, int rc)
{
    struct req *q = m->q;
    struct buf *b = &q->res.body;
    if (rc == 0) {
        res_json(q, 200);
        write_counts(m, b);
        return;
    }
    /* A problem with one member more. The sentence and Retry-After stay in the error; its code
     * goes, or the answer would be rendered again. */
    q->err = *m->e;
    res_problem(q);
    q->err.code = ERR_NONE;
    if (b->failed)
        return;
    b->n--;
    json_key(b, "counts");
    write_counts(m, b);
    json_close(b, '}');
}

static int import_all(struct import *m, struct source *s)
{
    if (import_stream_open(&s->stream, str_is(m->q->content_encoding, "gzip"), m->e) < 0)
        return -1;
    s->stream.read = read_body;
    s->stream.arg = m->q;
    line_cutter_init(&s->cutter, on_line, m);
    int rc = pump(m, s);
    if (rc < 0)
        rc = store_rest(m);
    line_cutter_free(&s->cutter);
    import_stream_close(&s->stream);
    return rc;
}

int import_run(struct req *q, struct work_ctx *ctx, const struct import_kind *kind, void *batch,
               struct import_counts *counts, struct err *e)
{
    _cleanup_(arena_freep) struct arena *line_arena = arena_new(LINE_ARENA_BYTES);
    _cleanup_(freep) struct source *s = calloc(1, sizeof(*s));
    struct err fault = {0};
    struct str dataset = arena_str(q->arena, q->params[0]);
    if (!line_arena || !s || !dataset.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for an import");
    const struct query_value *source = req_query(q, "source"), *domain = req_query(q, "domain");
    *counts = (struct import_counts){0};
    struct import m = {
        .kind = kind,
        .batch = batch,
        .q = q,
        .ctx = ctx,
        .e = &fault,
        .dataset = dataset.p,
        .source = source->set ? source->text : (struct str){NULL, 0},
        .domain = domain->set ? domain->text : (struct str){NULL, 0},
        .line_arena = line_arena,
        .counts = counts,
    };
    import_answer(&m, import_all(&m, s));
    return 0;
}
