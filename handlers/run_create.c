#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/encoder_versions.h"
#include "handlers/image_moments.h"
#include "handlers/job.h"
#include "handlers/limits.h"
#include "handlers/once.h"
#include "handlers/operations.h"
#include "handlers/run_request.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"

enum { SMALL_ARRAY_BYTES = 4096, RUN_NODES_MAX = 4096 };

/* Billionths of a dollar. */
#define COST_UNITS 1e9

static int bind_stages(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    struct array *stages = op_array(q, ARRAY_TEXT, SMALL_ARRAY_BYTES);
    for (int s = 0; s < STAGE_COUNT; s++)
        if (p->stages[s])
            array_add(stages, str_of(run_stages[s]));
    return op_call_array(c, stages, e);
}

/* The exclusive bound of a share. Nine bytes of 0xff are greater than any hash of eight, which
 * takes all; no byte at all takes nothing, until the numbers that are asked for have become bounds.
 */
static void add_bound(struct array *bounds, const struct run_plan *p, int task)
{
    uint8_t bound[9] = {[8] = 0xff};
    bool all = false;
    if (!p->targeted)
        share_bound(p->dialogue_settings.mix[task], bound, &all);
    array_add(bounds, (struct str){(const char *)bound, p->targeted ? 0 : all ? 9 : 8});
}

static bool wants_task(const struct run_plan *p, int task)
{
    if (!p->stages[STAGE_DIALOGUES])
        return false;
    return p->targeted ? p->targets[task] > 0 : p->dialogue_settings.mix[task] > 0;
}

static int bind_mix(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    struct array *tasks = op_array(q, ARRAY_TEXT, SMALL_ARRAY_BYTES);
    struct array *bounds = op_array(q, ARRAY_BYTEA, SMALL_ARRAY_BYTES);
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (wants_task(p, i)) {
            array_add(tasks, str_of(dialogue_tasks[i]));
            add_bound(bounds, p, i);
        }
    if (op_call_array(c, tasks, e) < 0)
        return -1;
    return op_call_array(c, bounds, e);
}

/* The numbers, one for each task of the mix or none at all, and the rounds of making up. */
static int bind_targets(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    struct array *targets = op_array(q, ARRAY_INT8, SMALL_ARRAY_BYTES);
    for (int i = 0; p->targeted && i < DIALOGUE_TASKS; i++)
        if (wants_task(p, i))
            array_add_i64(targets, p->targets[i]);
    if (op_call_array(c, targets, e) < 0)
        return -1;
    call_i64(c, p->top_up);
    return 0;
}

int bind_budget(struct req *q, struct db_call *c, const struct run_budget *b, struct err *e)
{
    static const struct run_budget none;
    const struct run_budget *g = b ? b : &none;
    if (g->cost_usd.set)
        call_i64(c, (int64_t)(g->cost_usd.v * COST_UNITS));
    else
        call_null(c);
    bind_int(c, g->tokens);
    return bind_copy(q, c, g->deadline, e);
}

static int bind(struct req *q, struct db_call *c, const struct run_plan *p, struct err *e)
{
    const struct run_body *b = op_body(q);
    uint8_t today[SHA256_BYTES], yesterday[SHA256_BYTES];
    (void)once_ids(q, today, yesterday);
    const char *id_text = hex_text(q, today, SEED_ID_BYTES);
    const char *earlier = hex_text(q, yesterday, SEED_ID_BYTES);
    if (bind_dataset(q, c, STMT_RUN_CREATE, e) < 0)
        return -1;
    if (!id_text || !earlier)
        return err_set(e, ERR_NO_MEMORY, "no memory for the run");
    call_z(c, id_text);
    if (bind_stages(q, c, p, e) < 0)
        return -1;
    call_z(c, p->selection);
    bind_int(c, p->limit);
    call_double(c, b->max_failed.set ? b->max_failed.v : 0.1);
    if (bind_copy(q, c, q->body, e) < 0)
        return -1;
    call_z(c, p->captions);
    call_z(c, p->dialogues);
    call_i64(c, p->variants);
    if (bind_mix(q, c, p, e) < 0)
        return -1;
    call_z(c, p->encoder);
    bind_int(c, p->dry_run);
    if (bind_budget(q, c, b->budget, e) < 0)
        return -1;
    call_z(c, p->filters);
    call_bool(c, p->barrier);
    if (bind_targets(q, c, p, e) < 0)
        return -1;
    call_text(c, b->labels.p ? b->labels : STR("{}"));
    call_z(c, earlier);
    limits_bind_runs(q, c);
    return 0;
}

static int made(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_null(r, 0, 1))
        return limits_runs_full(q, e);
    declared_try_again(q->app);
    return 0;
}

struct source {
    struct req *q;
    struct work_ctx *ctx;
};

/* "name" or "name@version". */
static bool split_name(struct str name, struct str *base, int64_t *version)
{
    const char *at = memchr(name.p, '@', name.n);
    *base = (struct str){name.p, at ? (size_t)(at - name.p) : name.n};
    *version = 0;
    return !at || str_to_i64(str_from(name, base->n + 1), 1, INT32_MAX, version);
}

static void read_prompt(struct req *q, const struct rows *rows, const char *stage,
                        struct prompt *out)
{
    *out = (struct prompt){
        .name = arena_printf(q->arena, STR_FMT "@%lld", STR_ARG(rows_text(rows, 0, 0)),
                             (long long)rows_i64(rows, 0, 1)),
        .stage = stage,
        .system = arena_str(q->arena, rows_text(rows, 0, 2)).p,
        .template = arena_str(q->arena, rows_text(rows, 0, 3)).p,
    };
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (!rows_null(rows, 0, 4 + i))
            out->task[i] = arena_str(q->arena, rows_text(rows, 0, 4 + i)).p;
}

static int find_prompt(void *arg, const char *stage, struct str name, struct prompt *out,
                       struct err *e)
{
    const struct source *s = arg;
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    struct str base;
    int64_t version;
    if (!split_name(name, &base, &version))
        return 0;
    call_init(&c, STMT_PROMPT_FIND);
    bind_caller(s->q, &c);
    call_z(&c, stage);
    if (bind_copy(s->q, &c, base, e) < 0)
        return -1;
    call_i64(&c, version);
    if (db_run(s->ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    read_prompt(s->q, rows, stage, out);
    if (!out->name || !out->system || !out->template)
        return err_set(e, ERR_NO_MEMORY, "no memory for the prompt");
    return 1;
}

static int find_served(void *arg, const char *provider, const char *model, struct str *out,
                       struct err *e)
{
    const struct source *s = arg;
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_SERVED_FIND);
    call_z(&c, provider);
    call_z(&c, model);
    if (db_run(s->ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) > 0)
        *out = arena_str(s->q->arena, rows_text(rows, 0, 0));
    return 0;
}

static int find_image_moments(void *arg, const char *encoder, struct str reference, struct str *id,
                              struct err *e)
{
    const struct source *s = arg;
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    struct encoder *declared =
        declared_encoder(s->ctx->app, str_of(encoder), "/representations/encoder", e);
    call_init(&c, STMT_IMAGE_MOMENTS_FIND);
    call_z(&c, encoder);
    if (!declared ||
        bind_image_moments(s->q, &c, reference, "/representations/image_moments", e) < 0)
        return -1;
    call_declared(&c, declared);
    if (db_run(s->ctx->db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    *id = arena_str(s->q->arena, rows_text(rows, 0, 0));
    return id->p ? 1 : err_set(e, ERR_NO_MEMORY, "no memory for the run");
}

static bool transfer_is_no_string(const struct err *e)
{
    for (int i = 0; i < e->n_fields; i++)
        if (strcmp(e->fields[i].pointer, "/representations/transfer") == 0 &&
            strncmp(e->fields[i].detail, "must be a string", 16) == 0)
            return true;
    return false;
}

/* `transfer` is a name, or an object with all that it is made of; a field table describes one of
 * the two. */
static int decode(struct req *q, struct op_state *s, struct err *e)
{
    struct field fields[24];
    struct err as_name = {0};
    size_t n = 0;
    if (json_decode(q->body, run_fields, RUN_NODES_MAX, q->arena, s->body, sizeof(struct run_body),
                    &as_name) == 0)
        return 0;
    if (!transfer_is_no_string(&as_name)) {
        *e = as_name;
        return -1;
    }
    do {
        fields[n] = run_fields[n];
        if (fields[n].fields && strcmp(fields[n].name, "representations") == 0)
            fields[n].fields = vector_whole_fields;
    } while (run_fields[n++].type != FIELD_END);
    return json_decode(q->body, fields, RUN_NODES_MAX, q->arena, s->body, sizeof(struct run_body),
                       e);
}

static int create_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    struct source source = {q, ctx};
    const struct run_sources from = {&source, find_prompt, find_served, find_image_moments};
    struct run_plan *p = arena_alloc(q->arena, sizeof(*p));
    struct db_call *c = &op_state(q)->call;
    if (!p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the run");
    if (!dataset_name_is_valid(q->params[0]))
        return dataset_not_found(q, e);
    if (run_plan_make(q, op_body(q), &from, p, e) < 0 || bind(q, c, p, e) < 0)
        return -1;
    return job_create(q, ctx, c, "runs", made, e);
}

const struct operation op_create_run = {
    .work = create_work, .decode = decode, .body_size = sizeof(struct run_body), .once = true};
