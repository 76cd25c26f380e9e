/* Creating an export: all that decides what is in its files is resolved now and frozen in its row.
 */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/export_request.h"
#include "handlers/job.h"
#include "handlers/once.h"
#include "handlers/operations.h"
#include "handlers/vectors.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"

enum { FILE_CAPTIONS = 65536, SENTENCE_MAX = 120 };

/* Where rows come from. */
enum { OFFLINE, REAL, ORIGINS };

struct origins {
    bool of[EXPORT_KINDS][ORIGINS];
};

struct resolved {
    struct export_request asked;
    int64_t lo, shards, files;
    const char *view, *dialogue_view; /* uuid[] as text */
    const char *transfer, *encoder;   /* ids, NULL without representations */
    struct origins may;               /* be in the files, as the recipes say */
    struct origins found;             /* are there */
    bool trial;
};

static int not_used(const char *member, int64_t place, const char *stage, struct err *e)
{
    char pointer[40];
    (void)snprintf(pointer, sizeof(pointer), "/%s/%lld", member, (long long)place);
    return err_field(e, pointer, "is no recipe of %s that the dataset has used", stage);
}

static int read_scope(struct req *q, const struct rows *r, struct resolved *x, struct err *e)
{
    x->lo = rows_i64(r, 0, 0);
    x->shards = rows_i64(r, 0, 1);
    x->view = arena_str(q->arena, rows_text(r, 0, 2)).p;
    x->dialogue_view = arena_str(q->arena, rows_text(r, 0, 3)).p;
    if (!x->view || !x->dialogue_view)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    if (!rows_null(r, 0, 4))
        (void)not_used("view", rows_i64(r, 0, 4), "captions", e);
    if (!rows_null(r, 0, 5))
        (void)not_used("dialogue_recipes", rows_i64(r, 0, 5), "dialogues", e);
    for (int i = 0; i < ORIGINS; i++) {
        x->may.of[WITH_CAPTIONS][i] = rows_bool(r, 0, 6 + i);
        x->may.of[WITH_DIALOGUES][i] = rows_bool(r, 0, 8 + i);
    }
    return e->code == ERR_NONE ? 0 : -1;
}

static int find_scope(struct req *q, struct work_ctx *ctx, struct resolved *x, struct err *e)
{
    const struct export_body *b = op_body(q);
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (bind_dataset(q, &c, STMT_EXPORT_SCOPE, e) < 0)
        return -1;
    call_z(&c, x->asked.view);
    call_z(&c, x->asked.dialogue_recipes);
    call_bool(&c, x->asked.with[WITH_DIALOGUES]);
    if (db_run(ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return dataset_not_found(q, e);
    if (read_scope(q, rows, x, e) < 0)
        return -1;
    if (b->files.set && b->files.v > x->shards)
        return err_field(e, "/files", "must be at most the dataset's shards, which are %lld",
                         (long long)x->shards);
    return 0;
}

static int find_transfer(struct req *q, struct work_ctx *ctx, struct resolved *x, struct err *e)
{
    struct prepared p = {0};
    if (!x->asked.with[WITH_VECTORS])
        return 0;
    if (prepared_find(q, ctx, q->params[0], x->asked.transfer, x->asked.encoder, &p, e) < 0)
        return -1;
    x->transfer = p.id;
    x->encoder = p.encoder_id;
    int origin = str_is(p.kind, "offline") ? OFFLINE : REAL;
    x->may.of[WITH_VECTORS][origin] = x->found.of[WITH_VECTORS][origin] = true;
    return 0;
}

/* What the first shard has tells what all have, since seeds are spread by a hash. */
static int count_files(struct req *q, struct work_ctx *ctx, struct resolved *x, struct err *e)
{
    const struct export_body *b = op_body(q);
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    x->files = b->files.set ? b->files.v : 1;
    if (b->files.set || x->shards == 1)
        return 0;
    call_init(&c, STMT_EXPORT_SIZE);
    call_i64(&c, x->lo);
    call_z(&c, x->view);
    call_z(&c, x->asked.selection);
    if (request_pool_run(ctx, &c, &rows, e) < 0)
        return -1;
    int64_t captions = rows_i64(rows, 0, 0) * x->shards;
    if (b->limit.set && b->limit.v < captions)
        captions = b->limit.v;
    int64_t files = (captions + FILE_CAPTIONS - 1) / FILE_CAPTIONS;
    x->files = files < 1 ? 1 : files > x->shards ? x->shards : files;
    return 0;
}

static bool any(const struct origins *o, int origin)
{
    return o->of[WITH_CAPTIONS][origin] || o->of[WITH_DIALOGUES][origin] ||
           o->of[WITH_VECTORS][origin];
}

static bool mixes(const struct origins *o)
{
    return any(o, OFFLINE) && any(o, REAL);
}

static bool has_captions(const struct resolved *x)
{
    return x->found.of[WITH_CAPTIONS][OFFLINE] || x->found.of[WITH_CAPTIONS][REAL];
}

/* Rows are looked for until it is clear what there is: some caption and, where recipes are of both
 * origins, which of them the view picks in truth. */
static bool is_clear(const struct resolved *x)
{
    return has_captions(x) && (!mixes(&x->may) || mixes(&x->found));
}

static int look(struct work_ctx *ctx, int64_t shard, struct resolved *x, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_EXPORT_LOOK);
    call_i64(&c, shard);
    call_z(&c, x->view);
    call_z(&c, x->asked.selection);
    call_z(&c, x->dialogue_view);
    call_z(&c, x->asked.mix_tasks);
    call_z(&c, x->asked.mix_bounds);
    bool both = mixes(&x->may);
    for (int k = WITH_CAPTIONS; k <= WITH_DIALOGUES; k++)
        for (int i = 0; i < ORIGINS; i++)
            call_bool(&c, x->may.of[k][i] && !x->found.of[k][i] && (both || k == WITH_CAPTIONS));
    if (request_pool_run(ctx, &c, &rows, e) < 0)
        return -1;
    for (int k = WITH_CAPTIONS; k <= WITH_DIALOGUES; k++)
        for (int i = 0; i < ORIGINS; i++)
            x->found.of[k][i] |= rows_bool(rows, 0, 2 * k + i);
    return 0;
}

static void list_parts(const struct resolved *x, int origin, char out[SENTENCE_MAX])
{
    static const char *const names[] = {"captions", "dialogues", "representations"};
    size_t used = 0;
    out[0] = '\0';
    for (int k = 0; k < EXPORT_KINDS; k++) {
        if (!x->found.of[k][origin])
            continue;
        int n = snprintf(out + used, SENTENCE_MAX - used, "%s%s%s", used ? ", " : "",
                         x->found.of[k][!origin] ? "some " : "", names[k]);
        used += n > 0 && (size_t)n < SENTENCE_MAX - used ? (size_t)n : 0;
    }
}

static int refuse_mixed(const struct resolved *x, struct err *e)
{
    char offline[SENTENCE_MAX], real[SENTENCE_MAX];
    list_parts(x, OFFLINE, offline);
    list_parts(x, REAL, real);
    return err_set(
        e, ERR_OFFLINE_ROWS_MIXED,
        "offline: %s; real: %s. Name other recipes by view and dialogue_recipes, leave a "
        "part out of include, or set allow_offline",
        offline, real);
}

/* Recipes that may be of either origin say nothing of the rows; then the rows are asked. */
static int find_rows(struct req *q, struct work_ctx *ctx, struct resolved *x, struct err *e)
{
    const struct export_body *b = op_body(q);
    for (int64_t i = 0; i < x->shards && !is_clear(x); i++) {
        if (!request_pool_sleep(ctx->pool, 0))
            return err_set(e, ERR_UNAVAILABLE, "the server is ending");
        if (look(ctx, x->lo + i, x, e) < 0)
            return -1;
    }
    if (!has_captions(x))
        return err_set(e, ERR_NOTHING_TO_EXPORT,
                       "the view picks no usable caption%s: run the stage captions first",
                       b->select ? " that select lets through" : "");
    x->trial = !any(mixes(&x->may) ? &x->found : &x->may, REAL);
    if (mixes(&x->found) && !b->allow_offline.v)
        return refuse_mixed(x, e);
    return 0;
}

/* Looking walks indexes on a connection of its own, whose plans do not hang on how full tables
 * were.
 */
static int survey(struct req *q, struct work_ctx *ctx, struct resolved *x, struct err *e)
{
    struct work_ctx own = *ctx;
    own.db = db_new(ctx->app->config->database_url, "export", e);
    if (!own.db)
        return -1;
    db_prefer_indexes(own.db);
    int rc = find_rows(q, &own, x, e);
    if (rc == 0)
        rc = count_files(q, &own, x, e);
    db_free(own.db);
    return rc;
}

static int bind(struct req *q, struct db_call *c, const struct resolved *x, struct err *e)
{
    const struct export_body *b = op_body(q);
    uint8_t today[SHA256_BYTES], yesterday[SHA256_BYTES];
    (void)once_ids(q, today, yesterday);
    const char *id = hex_text(q, today, SEED_ID_BYTES);
    const char *earlier = hex_text(q, yesterday, SEED_ID_BYTES);
    if (!id || !earlier)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    if (bind_dataset(q, c, STMT_EXPORT_CREATE, e) < 0)
        return -1;
    call_z(c, id);
    call_z(c, x->asked.include);
    call_z(c, x->asked.formats);
    call_z(c, x->view);
    call_z(c, x->dialogue_view);
    call_z(c, x->asked.selection);
    bind_int(c, b->limit);
    call_z(c, x->asked.mix_tasks);
    call_z(c, x->asked.mix_bounds);
    call_z(c, x->asked.mix);
    call_z(c, x->transfer);
    call_z(c, x->encoder);
    call_text(c, x->asked.dtype);
    call_i64(c, x->files);
    call_bool(c, b->allow_offline.v);
    call_bool(c, x->trial);
    call_text(c, b->labels.p ? b->labels : STR("{}"));
    call_z(c, earlier);
    return 0;
}

static int create_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct resolved *x = arena_alloc(q->arena, sizeof(*x));
    struct db_call *c = &op_state(q)->call;
    if (!x)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    *x = (struct resolved){0};
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    if (export_request_make(q, op_body(q), &x->asked, e) < 0 || find_scope(q, ctx, x, e) < 0 ||
        find_transfer(q, ctx, x, e) < 0 || survey(q, ctx, x, e) < 0 || bind(q, c, x, e) < 0)
        return -1;
    return job_create(q, ctx, c, "exports", NULL, e);
}

const struct operation op_create_export = {
    .work = create_work, .body_size = sizeof(struct export_body), .once = true};
