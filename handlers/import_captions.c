/* The import of captions that were made elsewhere, under a recipe of kind `imported`. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/import.h"
#include "handlers/limits.h"
#include "handlers/operations.h"
#include "handlers/seed_input.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/domain/minhash.h"
#include "server/domain/recipe.h"
#include "server/domain/reserved.h"
#include "server/json/write.h"

/* One vector becomes 576 image tokens of the trainer's 2,048; the rest, less the template, is about
 * 1,470 text tokens, at no fewer than 3.5 bytes a token of English. What is longer is cut without a
 * word. */
enum { TEXT_BYTES_MAX = 5145, VARIANT_MAX = 999, CANONICAL_MAX = 4096 };

struct caption_line {
    struct seed_input seed; /* its text is unset when seed_id names it */
    struct str text, seed_id;
    struct opt_int variant;
};

/* Lengths are judged after normalisation. */
static const struct field line_fields[] = {
    {FIELD_STRING, "text", .required = true, .offset = offsetof(struct caption_line, text)},
    {FIELD_STRING, "seed", .offset = offsetof(struct caption_line, seed.text)},
    {FIELD_STRING, "seed_id", .offset = offsetof(struct caption_line, seed_id)},
    {FIELD_STRING, "source", .offset = offsetof(struct caption_line, seed.source),
     .max = SEED_LABEL_MAX},
    {FIELD_STRING, "domain", .offset = offsetof(struct caption_line, seed.domain),
     .max = SEED_LABEL_MAX},
    {FIELD_MAP, "metadata", .offset = offsetof(struct caption_line, seed.metadata),
     .max = SEED_METADATA_MAX},
    {FIELD_INT, "variant", .offset = offsetof(struct caption_line, variant), .max = VARIANT_MAX},
    {.type = FIELD_END},
};

struct caption_batch {
    struct seed_batch seeds;
    struct array variants, hashes, texts, signatures;
    int64_t lines[IMPORT_BATCH_ROWS]; /* where the rows come from */
    uint8_t recipe[RECIPE_ID_BYTES];
    char recipe_hex[ID_TEXT];
    struct buf canonical; /* of the recipe */
    bool used;            /* the dataset knows the recipe */
    int64_t new_seeds;
};

static void batch_init(struct caption_batch *b)
{
    seed_batch_init(&b->seeds, IMPORT_COLUMN_BYTES_MAX);
    array_init(&b->variants, ARRAY_INT4, IMPORT_COLUMN_BYTES_MAX);
    array_init(&b->hashes, ARRAY_BYTEA, IMPORT_COLUMN_BYTES_MAX);
    array_init(&b->texts, ARRAY_TEXT, IMPORT_COLUMN_BYTES_MAX);
    array_init(&b->signatures, ARRAY_BYTEA, IMPORT_COLUMN_BYTES_MAX);
    buf_init(&b->canonical, CANONICAL_MAX);
}

static void batch_free(struct caption_batch **p)
{
    struct caption_batch *b = *p;
    if (!b)
        return;
    seed_batch_free(&b->seeds);
    array_free(&b->variants);
    array_free(&b->hashes);
    array_free(&b->texts);
    array_free(&b->signatures);
    buf_free(&b->canonical);
    free(b);
}

static int refuse(struct import *m, const char *reason, const char *detail)
{
    import_refuse(m, m->line, reason, detail);
    return REFUSED;
}

/* What a trainer could not take. */
static int check_text(struct import *m, struct caption_line *l)
{
    char detail[160];
    l->text = text_normalise(m->line_arena, l->text);
    if (!l->text.p)
        return err_set(m->e, ERR_NO_MEMORY, "no memory for a line");
    if (l->text.n == 0)
        return refuse(m, "empty", "the text has nothing but white space");
    if (l->text.n > TEXT_BYTES_MAX) {
        (void)snprintf(detail, sizeof(detail), "the text has %zu bytes, a trainer takes %d",
                       l->text.n, TEXT_BYTES_MAX);
        return refuse(m, "too_long", detail);
    }
    const char *bad = reserved_string(l->text);
    if (bad) {
        (void)snprintf(detail, sizeof(detail), "the text has the reserved string %s", bad);
        return refuse(m, "reserved_string", detail);
    }
    return TAKEN;
}

/* The seed by its text or id; a caption without one is its own seed. */
static int find_seed(struct import *m, struct caption_line *l, uint8_t id[SEED_ID_BYTES])
{
    char detail[160], said[180];
    if (l->seed.text.p && l->seed_id.p)
        return refuse(m, "invalid_field", "/seed_id: goes without seed");
    if (l->seed_id.p && !seed_id_parse(l->seed_id, id))
        return refuse(m, "invalid_field", "/seed_id: must be an id of 32 hexadecimal digits");
    if (l->seed_id.p)
        return TAKEN;
    bool own = !l->seed.text.p;
    if (own)
        l->seed.text = l->text;
    const char *fault = seed_input_normalise(&l->seed, m->line_arena, detail);
    if (fault && strcmp(fault, "no_memory") == 0)
        return err_set(m->e, ERR_NO_MEMORY, "no memory for a line");
    if (fault) {
        (void)snprintf(said, sizeof(said), "%s: %s", own ? "as its own seed" : "/seed", detail);
        return refuse(m, fault, said);
    }
    seed_id(l->seed.text, id);
    return TAKEN;
}

static void add_row(struct import *m, const struct caption_line *l, uint8_t id[SEED_ID_BYTES])
{
    struct caption_batch *b = m->batch;
    uint8_t hash[CAPTION_HASH_BYTES], signature[MINHASH_BYTES];
    int variant = l->variant.set ? (int)l->variant.v : 0;
    caption_hash(b->recipe, variant, l->text, hash);
    b->lines[m->rows] = m->line;
    seed_batch_add_known(&b->seeds, &l->seed, id);
    array_add_i32(&b->variants, variant);
    array_add(&b->hashes, (struct str){(const char *)hash, sizeof(hash)});
    array_add(&b->texts, l->text);
    if (minhash_text(l->text, signature))
        array_add(&b->signatures, (struct str){(const char *)signature, sizeof(signature)});
    else
        array_add_null(&b->signatures);
}

static int take(struct import *m, struct str line, bool plain)
{
    struct caption_line l = {.text = line};
    uint8_t id[SEED_ID_BYTES];
    int rc = plain ? TAKEN : import_decode(m, line, line_fields, &l, sizeof(l));
    if (rc == TAKEN)
        rc = check_text(m, &l);
    if (rc == TAKEN)
        rc = find_seed(m, &l, id);
    if (rc != TAKEN)
        return rc;
    if (!l.seed.source.p)
        l.seed.source = m->source;
    if (!l.seed.domain.p)
        l.seed.domain = m->domain;
    add_row(m, &l, id);
    return TAKEN;
}

static size_t bytes(const struct import *m)
{
    const struct caption_batch *b = m->batch;
    return seed_batch_bytes(&b->seeds) + b->texts.b.n;
}

static int dataset_gone(struct import *m)
{
    return err_set(m->e, ERR_NOT_FOUND, "the dataset was deleted meanwhile");
}

/* Once, before the first rows: views are made of the recipes that a dataset has used. */
static int use_recipe(struct import *m, struct caption_batch *b)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (b->used)
        return 0;
    call_init(&c, STMT_RECIPE_USE);
    bind_caller(m->q, &c);
    call_z(&c, m->dataset);
    call_z(&c, b->recipe_hex);
    call_z(&c, buf_z(&b->canonical));
    if (request_pool_run(m->ctx, &c, &rows, m->e) < 0)
        return -1;
    b->used = rows_count(rows) > 0;
    return b->used ? 0 : dataset_gone(m);
}

/* "3,17": rows of the batch whose seed_id names no seed. Their number. */
static int64_t refuse_places(struct import *m, const struct caption_batch *b, struct str places)
{
    int64_t n = 0, place;
    while (places.n) {
        struct str one = str_next(&places, ',');
        if (str_to_i64(one, 1, m->rows, &place)) {
            import_refuse(m, b->lines[place - 1], "unknown_seed",
                          "/seed_id: the dataset has no such seed");
            n++;
        }
    }
    return n;
}

static int call_batch(struct import *m, struct caption_batch *b, struct db_call *c)
{
    call_init(c, STMT_CAPTIONS_PUT);
    bind_caller(m->q, c);
    call_z(c, m->dataset);
    call_z(c, b->recipe_hex);
    if (seed_batch_call(&b->seeds, c, m->e) < 0 || op_call_array(c, &b->variants, m->e) < 0 ||
        op_call_array(c, &b->hashes, m->e) < 0 || op_call_array(c, &b->texts, m->e) < 0)
        return -1;
    if (op_call_array(c, &b->signatures, m->e) < 0)
        return -1;
    limits_bind_seeds(m->q, c);
    return 0;
}

static int store(struct import *m)
{
    struct caption_batch *b = m->batch;
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (use_recipe(m, b) < 0 || call_batch(m, b, &c) < 0 ||
        request_pool_run(m->ctx, &c, &rows, m->e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_gone(m);
    int64_t created = rows_i64(rows, 0, 0), seeds = rows_i64(rows, 0, 2);
    int64_t unknown = refuse_places(m, b, rows_text(rows, 0, 3));
    m->counts->created += created;
    m->counts->duplicate += m->rows - unknown - created;
    m->counts->differs += rows_i64(rows, 0, 1);
    b->new_seeds += seeds;
    seed_metrics(seeds, 0, 0);
    seed_batch_reset(&b->seeds);
    array_reset(&b->variants);
    array_reset(&b->hashes);
    array_reset(&b->texts);
    array_reset(&b->signatures);
    return 0;
}

static void describe(const struct import *m, struct buf *out)
{
    const struct caption_batch *b = m->batch;
    json_key(out, "recipe");
    json_z(out, b->recipe_hex);
    json_key(out, "new_seeds");
    json_int(out, b->new_seeds);
}

static const struct import_kind captions_kind = {
    .take = take, .bytes = bytes, .store = store, .describe = describe};

static int take_name(struct req *q, struct caption_batch *b, struct err *e)
{
    const struct query_value *name = req_query(q, "name");
    if (!name->set)
        return err_field(e, "?name", "is required");
    if (!dataset_name_is_valid(name->text))
        return err_field(e, "?name", "must match ^[a-z0-9][a-z0-9._-]{0,62}$");
    recipe_imported(name->text, &b->canonical, b->recipe);
    hex_encode(b->recipe, sizeof(b->recipe), b->recipe_hex);
    return buf_z(&b->canonical) ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for an import");
}

static int import_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(freep) struct import_counts *counts = calloc(1, sizeof(*counts));
    _cleanup_(batch_free) struct caption_batch *b = calloc(1, sizeof(*b));
    if (!counts || !b)
        return err_set(e, ERR_NO_MEMORY, "no memory for an import");
    batch_init(b);
    if (require_dataset(q, ctx, e) < 0 || take_name(q, b, e) < 0)
        return -1;
    return import_run(q, ctx, &captions_kind, b, counts, e);
}

const struct operation op_import_captions = {.work = import_work};
