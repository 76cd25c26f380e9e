/* Reading representations: stored embeddings after a prepared transfer. */
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/vectors.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/json/write.h"

enum { PAGE_DEFAULT = 50, LOOKUP_MAX = 500, ARRAY_BYTES = 65536 };

const char *const encoding_formats[] = {[FORMAT_FLOAT] = "float", [FORMAT_BASE64] = "base64", NULL};

struct lookup_body {
    struct list ids;
    struct str transfer, encoder, encoding_format;
};

const struct field lookup_fields[] = {
    {FIELD_STRINGS, "ids", .required = true, .offset = offsetof(struct lookup_body, ids), .min = 1,
     .max = LOOKUP_MAX, .len_max = 64},
    {FIELD_STRING, "transfer", .offset = offsetof(struct lookup_body, transfer), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_STRING, "encoder", .offset = offsetof(struct lookup_body, encoder), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "encoding_format", .offset = offsetof(struct lookup_body, encoding_format),
     .values = encoding_formats},
    {.type = FIELD_END},
};

static float *scratch_of(struct req *q, const struct prepared *p, struct err *e)
{
    float *scratch = arena_alloc(q->arena, 2 * (size_t)p->dimension * sizeof(float));
    if (!scratch)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for a vector");
    return scratch;
}

/* Pages of one list go on with the transfer that the first one found, though a newer one may have
 * become ready: the token carries its id. */
static struct str transfer_of_page(const struct req *q, const struct page *page)
{
    const struct query_value *transfer = req_query(q, "transfer");
    if (req_query(q, "page_token")->set)
        return str_of(page->parts[0]);
    return transfer->set ? transfer->text : STR("mean_shift");
}

static int find_for_page(struct req *q, struct work_ctx *ctx, const struct page *page,
                         struct prepared *p, struct err *e)
{
    const struct query_value *encoder = req_query(q, "encoder"),
                             *format = req_query(q, "encoding_format");
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    p->base64 = format->set && format->number == FORMAT_BASE64;
    return prepared_find(q, ctx, q->params[0], transfer_of_page(q, page),
                         encoder->set ? encoder->text : (struct str){NULL, 0}, p, e);
}

static int read_page(struct req *q, struct work_ctx *ctx, const struct page *page,
                     const struct prepared *p, struct rows **rows, struct err *e)
{
    struct db_call c;
    if (bind_dataset(q, &c, STMT_REPRESENTATIONS_LIST, e) < 0)
        return -1;
    for (int i = 1; i < page->n_parts; i++)
        call_z(&c, page->parts[i]);
    call_z(&c, p->encoder_id);
    page_bind_size(&c, page);
    return db_run(ctx->db, &c, rows, e);
}

static int write_token(struct req *q, const struct prepared *p, struct str key, struct err *e)
{
    const char *whole = arena_printf(q->arena, "%s|" STR_FMT, p->id, STR_ARG(key));
    if (!whole)
        return err_set(e, ERR_NO_MEMORY, "no memory for the page token");
    page_write_token(q, str_of(whole));
    return 0;
}

static int render_page(struct req *q, const struct rows *r, const struct page *page,
                       const struct prepared *p, struct err *e)
{
    struct buf *b = &q->res.body;
    int n = rows_count(r);
    float *scratch = scratch_of(q, p, e);
    if (!scratch)
        return -1;
    if (n == 0)
        return dataset_not_found(q, e);
    bool more = n > page->size;
    int shown = rows_null(r, 0, 0) ? 0 : more ? (int)page->size : n;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int i = 0; i < shown; i++) {
        json_open(b, '{');
        json_key(b, "id");
        json_str(b, rows_text(r, i, 0));
        representation_write_stored(p, rows_text(r, i, 0), rows_bytes(r, i, 1), scratch, b);
        json_close(b, '}');
    }
    json_close(b, ']');
    if (more && write_token(q, p, rows_text(r, shown - 1, 2), e) < 0)
        return -1;
    prepared_write(p, b);
    json_close(b, '}');
    return 0;
}

static int list_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct prepared p = {0};
    const struct page *page = page_read(q, "unuus",
                                        "00000000000000000000000000000000|-1|"
                                        "00000000000000000000000000000000|"
                                        "00000000000000000000000000000000|0",
                                        PAGE_DEFAULT, e);
    if (!page || find_for_page(q, ctx, page, &p, e) < 0 ||
        read_page(q, ctx, page, &p, &rows, e) < 0)
        return -1;
    return render_page(q, rows, page, &p, e);
}

/* place[i] is the position of ids[i] among the ids that have the form of one, or -1. */
static int read_ids(struct req *q, struct work_ctx *ctx, const struct prepared *p, int *place,
                    struct rows **rows, struct err *e)
{
    const struct lookup_body *body = op_body(q);
    const struct str *ids = body->ids.items;
    struct array *seeds = op_array(q, ARRAY_UUID, ARRAY_BYTES);
    struct array *hashes = op_array(q, ARRAY_BYTEA, ARRAY_BYTES);
    struct db_call c;
    int n = 0;
    for (size_t i = 0; i < body->ids.n; i++) {
        uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES];
        place[i] = -1;
        if (!caption_id_parse(ids[i], seed, hash))
            continue;
        place[i] = n++;
        array_add(seeds, (struct str){(const char *)seed, sizeof(seed)});
        array_add(hashes, (struct str){(const char *)hash, sizeof(hash)});
    }
    if (bind_dataset(q, &c, STMT_REPRESENTATIONS_LOOKUP, e) < 0)
        return -1;
    call_z(&c, p->encoder_id);
    if (op_call_array(&c, seeds, e) < 0 || op_call_array(&c, hashes, e) < 0)
        return -1;
    return db_run(ctx->db, &c, rows, e);
}

/* Both the places and the rows ascend. row[i] is the row of ids[i], or -1. */
static void match_rows(const struct rows *r, const int *place, size_t n, int *row)
{
    int at = 0;
    for (size_t i = 0; i < n; i++) {
        row[i] = -1;
        while (place[i] >= 0 && at < rows_count(r) && rows_i64(r, at, 0) < place[i])
            at++;
        if (place[i] >= 0 && at < rows_count(r) && rows_i64(r, at, 0) == place[i])
            row[i] = at;
    }
}

static int render_found(struct req *q, const struct rows *r, const int *row,
                        const struct prepared *p, struct err *e)
{
    const struct lookup_body *body = op_body(q);
    const struct str *ids = body->ids.items;
    struct buf *b = &q->res.body;
    float *scratch = scratch_of(q, p, e);
    if (!scratch)
        return -1;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (size_t i = 0; i < body->ids.n; i++) {
        if (row[i] < 0)
            continue;
        json_open(b, '{');
        json_key(b, "id");
        json_str(b, ids[i]);
        representation_write_stored(p, ids[i], rows_bytes(r, row[i], 1), scratch, b);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_key(b, "missing");
    json_open(b, '[');
    for (size_t i = 0; i < body->ids.n; i++)
        if (row[i] < 0)
            json_str(b, ids[i]);
    json_close(b, ']');
    prepared_write(p, b);
    json_close(b, '}');
    return 0;
}

static int lookup_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct lookup_body *body = op_body(q);
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct prepared p = {.base64 = encoding_is_base64(body->encoding_format)};
    int place[LOOKUP_MAX], row[LOOKUP_MAX];
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    struct str transfer = body->transfer.p ? body->transfer : STR("mean_shift");
    if (transfer_parse(transfer, "/transfer", e) < -1 ||
        prepared_find(q, ctx, q->params[0], transfer, body->encoder, &p, e) < 0 ||
        read_ids(q, ctx, &p, place, &rows, e) < 0)
        return -1;
    match_rows(rows, place, body->ids.n, row);
    return render_found(q, rows, row, &p, e);
}

const struct operation op_list_representations = {.work = list_work};
const struct operation op_lookup_representations = {.work = lookup_work,
                                                    .body_size = sizeof(struct lookup_body)};
