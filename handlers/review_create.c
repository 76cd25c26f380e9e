/* Drawing a sample of captions and freezing it as a review. */
#include "handlers/bind.h"
#include "handlers/caption_filter.h"
#include "handlers/operations.h"
#include "handlers/review.h"
#include "handlers/review_draw.h"
#include "server/base/cleanup.h"
#include "server/json/write.h"

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

enum {
    SAMPLE_MAX = 10000,
    LEASE_DEFAULT_S = 900,
    LEASE_MAX_S = 86400,
    ID_CHARS = 32,
    LABEL_CHARS_MAX = 200,
    SELECT_BYTES_MAX = 16384,
    ARRAY_BYTES_MAX = 1 << 20,
    SEQUENCE_ATTEMPTS = 8
};

struct review_select {
    struct str recipe, run, source, domain, outcome, flag, verdict;
};

struct review_body {
    struct opt_int sample, seed, lease_seconds;
    struct review_select *select;
    struct str label;
};

static const struct field select_fields[] = {
    {FIELD_STRING, "recipe", .offset = offsetof(struct review_select, recipe), .max = ID_CHARS},
    {FIELD_STRING, "run", .offset = offsetof(struct review_select, run), .max = ID_CHARS},
    {FIELD_STRING, "source", .offset = offsetof(struct review_select, source), .max = 200},
    {FIELD_STRING, "domain", .offset = offsetof(struct review_select, domain), .max = 200},
    {FIELD_ENUM, "outcome", .offset = offsetof(struct review_select, outcome),
     .values = caption_outcomes},
    {FIELD_STRING, "flag", .offset = offsetof(struct review_select, flag), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "verdict", .offset = offsetof(struct review_select, verdict),
     .values = caption_verdicts},
    {.type = FIELD_END},
};

const struct field review_fields[] = {
    {FIELD_INT, "sample", .required = true, .offset = offsetof(struct review_body, sample),
     .min = 1, .max = SAMPLE_MAX},
    {FIELD_INT, "seed", .offset = offsetof(struct review_body, seed), .max = SAFE_INTEGER_MAX},
    {FIELD_OBJECT, "select", .offset = offsetof(struct review_body, select),
     .fields = select_fields, .size = sizeof(struct review_select)},
    {FIELD_STRING, "label", .offset = offsetof(struct review_body, label), .max = LABEL_CHARS_MAX},
    {FIELD_INT, "lease_seconds", .offset = offsetof(struct review_body, lease_seconds), .min = 1,
     .max = LEASE_MAX_S},
    {.type = FIELD_END},
};

static const struct review_select *selection(const struct req *q)
{
    static const struct review_select everything;
    const struct review_body *b = op_body(q);
    return b->select ? b->select : &everything;
}

static void check_id(struct str id, const char *pointer, struct err *e)
{
    uint8_t bytes[SEED_ID_BYTES];
    if (id.p && !seed_id_parse(id, bytes))
        (void)err_field(e, pointer, "must be an id of 32 hexadecimal digits");
}

/* What was asked for, as the review shows it. NULL when memory is short. */
static const char *selection_json(struct req *q)
{
    const struct review_select *s = selection(q);
    const struct {
        const char *name;
        struct str value;
    } members[] = {
        {"recipe", s->recipe},   {"run", s->run},   {"source", s->source},   {"domain", s->domain},
        {"outcome", s->outcome}, {"flag", s->flag}, {"verdict", s->verdict},
    };
    struct buf b;
    buf_init(&b, SELECT_BYTES_MAX);
    json_open(&b, '{');
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (members[i].value.p) {
            json_key(&b, members[i].name);
            json_str(&b, members[i].value);
        }
    json_close(&b, '}');
    const char *text = b.failed ? NULL : arena_dup(q->arena, b.p, b.n);
    buf_free(&b);
    return text;
}

static int find_population(struct req *q, struct work_ctx *ctx, struct draw_from *from,
                           struct err *e)
{
    const struct review_select *s = selection(q);
    const struct caption_filter f = {
        .run = s->run, .recipe = s->recipe, .outcome = s->outcome, .verdict = s->verdict};
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_REVIEW_POPULATION, e) < 0)
        return -1;
    check_id(s->recipe, "/select/recipe", e);
    check_id(s->run, "/select/run", e);
    if (e->code != ERR_NONE || db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(q, e);
    *from = (struct draw_from){
        .first_shard = rows_i64(rows, 0, 0),
        .shards = rows_i64(rows, 0, 1),
        .view = arena_str(q->arena, rows_text(rows, 0, 2)).p,
        .only_picked = caption_filter_picked(&f),
        .run = s->run,
        .recipe = s->recipe,
        .source = s->source,
        .domain = s->domain,
        .outcome = caption_filter_outcome(&f),
        .flag = s->flag,
        .verdict = s->verdict,
    };
    return from->view ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for the draw");
}

static int bind_items(struct req *q, struct db_call *c, const struct draw *d, struct err *e)
{
    struct array *seeds = op_array(q, ARRAY_UUID, ARRAY_BYTES_MAX);
    struct array *hashes = op_array(q, ARRAY_BYTEA, ARRAY_BYTES_MAX);
    struct array *recipes = op_array(q, ARRAY_UUID, ARRAY_BYTES_MAX);
    struct array *variants = op_array(q, ARRAY_INT4, ARRAY_BYTES_MAX);
    for (size_t i = 0; i < d->n; i++) {
        const struct drawn *x = &d->best[i];
        array_add(seeds, (struct str){(const char *)x->seed, sizeof(x->seed)});
        array_add(hashes, (struct str){(const char *)x->hash, sizeof(x->hash)});
        array_add(recipes, (struct str){(const char *)x->recipe, sizeof(x->recipe)});
        array_add_i32(variants, x->variant);
    }
    if (op_call_array(c, seeds, e) < 0 || op_call_array(c, hashes, e) < 0 ||
        op_call_array(c, recipes, e) < 0)
        return -1;
    return op_call_array(c, variants, e);
}

static int bind_create(struct req *q, struct db_call *c, const char *id, const struct draw *d,
                       struct err *e)
{
    const struct review_body *b = op_body(q);
    const char *select = selection_json(q);
    if (!select)
        return err_set(e, ERR_NO_MEMORY, "no memory for the review");
    if (bind_dataset(q, c, STMT_REVIEW_CREATE, e) < 0)
        return -1;
    call_z(c, id);
    call_text(c, b->label.p ? b->label : STR(""));
    call_i64(c, b->sample.v);
    call_i64(c, b->seed.v);
    call_z(c, select);
    call_i64(c, b->lease_seconds.set ? b->lease_seconds.v : LEASE_DEFAULT_S);
    return bind_items(q, c, d, e);
}

static int read_review(struct req *q, struct work_ctx *ctx, const char *id, struct rows **rows,
                       struct err *e)
{
    struct db_call c;
    call_init(&c, STMT_REVIEW_GET);
    bind_caller(q, &c);
    call_z(&c, id);
    return db_run(ctx->db, &c, rows, e);
}

/* A conflict is another review with the same sequence number, or this one, whose acknowledgement
 * was lost. */
static int store(struct req *q, struct work_ctx *ctx, const struct db_call *c, const char *id,
                 struct rows **review, struct err *e)
{
    for (int attempt = 0; attempt < SEQUENCE_ATTEMPTS; attempt++) {
        _cleanup_(rows_freep) struct rows *rows = NULL;
        err_clear(e);
        if (db_run(ctx->db, c, &rows, e) == 0 && rows_count(rows) == 0)
            return dataset_not_found(q, e);
        if (e->code != ERR_NONE && e->code != ERR_CONFLICT)
            return -1;
        bool stored = e->code == ERR_NONE;
        err_clear(e);
        if (read_review(q, ctx, id, review, e) < 0)
            return -1;
        if (rows_count(*review) > 0)
            return 0;
        rows_free(*review);
        *review = NULL;
        if (stored)
            return dataset_not_found(q, e); /* it was deleted meanwhile */
    }
    return err_set(e, ERR_UNAVAILABLE, "other reviews of the dataset are being created");
}

static int create_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct review_body *b = op_body(q);
    _cleanup_(rows_freep) struct rows *review = NULL;
    _cleanup_(draw_free) struct draw d = {
        .purpose = arena_printf(q->arena, "review:%lld", (long long)b->seed.v),
        .most = (size_t)b->sample.v,
    };
    struct draw_from from;
    struct db_call c;
    uint8_t id[SEED_ID_BYTES];
    random_bytes(id, sizeof(id));
    const char *id_text = hex_text(q, id, sizeof(id));
    if (!d.purpose || !id_text)
        return err_set(e, ERR_NO_MEMORY, "no memory for the review");
    if (find_population(q, ctx, &from, e) < 0 || draw_all(ctx, &from, &d, e) < 0 ||
        bind_create(q, &c, id_text, &d, e) < 0 || store(q, ctx, &c, id_text, &review, e) < 0)
        return -1;
    res_json(q, 201);
    res_header(q, "Location", arena_printf(q->arena, "/v1/reviews/%s", id_text));
    buf_adds(&q->res.body, rows_text(review, 0, 0));
    return 0;
}

const struct operation op_create_review = {.work = create_work,
                                           .body_size = sizeof(struct review_body)};
