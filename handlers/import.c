/* The import of a stream of seeds: lines to batches to statements, on a thread of the pool. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/import_lines.h"
#include "handlers/import_stream.h"
#include "handlers/operations.h"
#include "handlers/seed_input.h"
#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/text.h"
#include "server/json/write.h"

enum {
    BATCH_ROWS = 1000,
    BATCH_BYTES = 2 << 20,
    COLUMN_BYTES_MAX = 16 << 20,
    CHUNK_BYTES = 65536,
    LINE_ARENA_BYTES = 8 << 20,
    LINE_NODES_MAX = 8192,
    REFUSED_SHOWN = 100,
    RETRY_MS = 250,
    RETRY_FOR_MS = 10000, /* how long a database that is away is waited for */
    RETRY_AFTER_S = 5,
};

/* As in a request, but the text's length is judged after normalisation alone, where the reasons
 * "empty" and "too_long" come from. */
static const struct field line_fields[] = {
    {FIELD_STRING, "text", .required = true, .offset = offsetof(struct seed_input, text)},
    {FIELD_STRING, "source", .offset = offsetof(struct seed_input, source), .max = SEED_LABEL_MAX},
    {FIELD_STRING, "domain", .offset = offsetof(struct seed_input, domain), .max = SEED_LABEL_MAX},
    {FIELD_MAP, "metadata", .offset = offsetof(struct seed_input, metadata),
     .max = SEED_METADATA_MAX},
    {.type = FIELD_END},
};

struct refused_line {
    int64_t line;
    const char *reason;
    char detail[160];
};

struct import {
    struct req *q;
    struct work_ctx *ctx;
    struct err *e;
    const char *dataset;
    struct str source, domain; /* of lines that do not say */
    struct arena *line_arena;  /* of the line at hand */
    struct seed_batch batch;
    int rows;
    int64_t line, received, created, duplicate, differs, refused;
    int n_shown;
    struct refused_line shown[REFUSED_SHOWN];
    struct import_stream stream;
    struct line_cutter cutter;
    char chunk[CHUNK_BYTES];
};

/* Waits for a database that is away; what was sent before its answer was lost counts as duplicate
 * then. */
static int run_patiently(struct import *m, const struct db_call *c, struct rows **rows)
{
    int64_t until = clock_us() + (int64_t)RETRY_FOR_MS * 1000;
    for (;;) {
        if (db_run(m->ctx->db, c, rows, m->e) == 0)
            return 0;
        bool again = m->e->code == ERR_UNAVAILABLE && clock_us() < until;
        if (!again || !request_pool_sleep(m->ctx->pool, RETRY_MS)) {
            if (m->e->code == ERR_UNAVAILABLE)
                m->e->retry_after = RETRY_AFTER_S;
            return -1;
        }
        err_clear(m->e);
    }
}

static int flush(struct import *m)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (m->rows == 0)
        return 0;
    call_init(&c, STMT_SEEDS_PUT);
    call_z(&c, OWNER);
    call_z(&c, m->dataset);
    if (seed_batch_call(&m->batch, &c, m->e) < 0 || run_patiently(m, &c, &rows) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(m->e, ERR_NOT_FOUND, "the dataset was deleted meanwhile");
    int64_t created = rows_i64(rows, 0, 0);
    m->created += created;
    m->duplicate += m->rows - created;
    m->differs += rows_i64(rows, 0, 1);
    m->rows = 0;
    seed_batch_reset(&m->batch);
    return 0;
}

/* A detail may quote the line and may have been cut in the middle of a character. */
static void refuse(struct import *m, const char *reason, const char *detail)
{
    m->refused++;
    if (m->n_shown == REFUSED_SHOWN)
        return;
    struct refused_line *r = &m->shown[m->n_shown++];
    size_t n = strnlen(detail, sizeof(r->detail) - 1), bad = 0;
    if (!text_is_valid((struct str){detail, n}, &bad))
        n = bad;
    r->line = m->line;
    r->reason = reason;
    memcpy(r->detail, detail, n);
    r->detail[n] = '\0';
}

/* 0, 1 when the line was refused, -1 when the import cannot go on. */
static int take_json(struct import *m, struct str line, struct seed_input *seed)
{
    struct err e = {0};
    if (json_decode(line, line_fields, LINE_NODES_MAX, m->line_arena, seed, sizeof(*seed), &e) == 0)
        return 0;
    if (e.code == ERR_VALIDATION)
        refuse(m, "invalid_field", e.msg);
    else if (e.code == ERR_NO_MEMORY)
        return err_set(m->e, ERR_NO_MEMORY, "%s", e.msg);
    else
        refuse(m, "malformed_json", e.msg);
    return 1;
}

/* The last step of a line; blank ones are neither counted nor refused. */
static int store(struct import *m, struct seed_input *seed, bool plain)
{
    uint8_t id[SEED_ID_BYTES];
    char detail[160];
    const char *fault = seed_input_normalise(seed, m->line_arena, detail);
    if (fault && strcmp(fault, "no_memory") == 0)
        return err_set(m->e, ERR_NO_MEMORY, "no memory for a line");
    if (fault && plain && seed->text.n == 0) {
        m->received--;
        return 0;
    }
    if (fault) {
        refuse(m, fault, detail);
        return 0;
    }
    if (!seed->source.p)
        seed->source = m->source;
    if (!seed->domain.p)
        seed->domain = m->domain;
    seed_batch_add(&m->batch, seed, id);
    m->rows++;
    if (m->rows < BATCH_ROWS && seed_batch_bytes(&m->batch) < BATCH_BYTES)
        return 0;
    return flush(m);
}

static int on_line(void *arg, struct str line, bool too_long)
{
    struct import *m = arg;
    size_t bad = 0;
    char detail[160];
    m->line++;
    if (str_trim(line).n == 0 && !too_long)
        return 0;
    m->received++;
    if (too_long) {
        (void)snprintf(detail, sizeof(detail), "a line may have %d bytes", LINE_BYTES_MAX);
        refuse(m, "too_long", detail);
        return 0;
    }
    if (!text_is_valid(line, &bad)) {
        (void)snprintf(detail, sizeof(detail), "at byte %zu of the line", bad + 1);
        refuse(m, line.p[bad] ? "invalid_utf8" : "nul", detail);
        return 0;
    }
    arena_reset(m->line_arena);
    struct seed_input seed = {.text = line};
    bool plain = line.p[0] != '{';
    int rc = plain ? 0 : take_json(m, line, &seed);
    return rc ? (rc < 0 ? -1 : 0) : store(m, &seed, plain);
}

static ptrdiff_t read_body(void *arg, void *out, size_t n, struct err *e)
{
    return http_body_read(arg, out, n, e);
}

/* Until the end; -1 when the stream or the database broke, after which the whole lines that came
 * before are stored all the same. */
static int pump(struct import *m)
{
    for (;;) {
        if (!request_pool_sleep(m->ctx->pool, 0))
            return err_set(m->e, ERR_UNAVAILABLE, "the server is ending");
        ptrdiff_t n = import_stream_read(&m->stream, m->chunk, sizeof(m->chunk), m->e);
        if (n < 0)
            return -1;
        struct str chunk = {m->chunk, (size_t)n};
        if ((n ? line_cutter_feed(&m->cutter, chunk) : line_cutter_end(&m->cutter)) < 0)
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

static void write_counts(const struct import *m, struct buf *b)
{
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {
        {"received", m->received - m->rows}, {"new", m->created},     {"duplicate", m->duplicate},
        {"duplicate_differs", m->differs},   {"refused", m->refused},
    };
    json_open(b, '{');
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_key(b, counts[i].name);
        json_int(b, counts[i].n);
    }
    json_key(b, "refused_lines");
    json_open(b, '[');
    for (int i = 0; i < m->n_shown; i++) {
        json_open(b, '{');
        json_key(b, "line");
        json_int(b, m->shown[i].line);
        json_key(b, "reason");
        json_z(b, m->shown[i].reason);
        json_key(b, "detail");
        json_z(b, m->shown[i].detail);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
}

static void answer(const struct import *m, int rc)
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

static int import_all(struct import *m)
{
    if (import_stream_open(&m->stream, str_is(m->q->content_encoding, "gzip"), m->e) < 0)
        return -1;
    m->stream.read = read_body;
    m->stream.arg = m->q;
    line_cutter_init(&m->cutter, on_line, m);
    seed_batch_init(&m->batch, COLUMN_BYTES_MAX);
    int rc = pump(m);
    if (rc < 0)
        rc = store_rest(m);
    seed_batch_free(&m->batch);
    line_cutter_free(&m->cutter);
    import_stream_close(&m->stream);
    seed_metrics(m->created, m->duplicate, m->refused);
    return rc;
}

static int find_dataset(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_DATASET_EXISTS, e) < 0 || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    return rows_count(rows) ? 0 : dataset_not_found(q, e);
}

static int import_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    if (find_dataset(q, ctx, e) < 0)
        return -1;
    _cleanup_(arena_freep) struct arena *line_arena = arena_new(LINE_ARENA_BYTES);
    _cleanup_(freep) struct import *m = calloc(1, sizeof(*m));
    struct err fault = {0};
    struct str dataset = arena_str(q->arena, q->params[0]);
    if (!line_arena || !m || !dataset.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for an import");
    m->q = q;
    m->ctx = ctx;
    m->e = &fault;
    m->dataset = dataset.p;
    m->line_arena = line_arena;
    const struct query_value *source = req_query(q, "source"), *domain = req_query(q, "domain");
    m->source = source->set ? source->text : (struct str){NULL, 0};
    m->domain = domain->set ? domain->text : (struct str){NULL, 0};
    answer(m, import_all(m));
    return 0;
}

const struct operation op_import_seeds = {.work = import_work};
