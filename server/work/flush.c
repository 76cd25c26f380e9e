/* The flush: one pipelined transaction per range. Its first statement moves flush_no on under the
 * token; the others join with the row that it wrote, so that a zombie writes nothing and a flush
 * that is repeated after a lost acknowledgement writes once. */
#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/work/range.h"

enum {
    ARRAY_BYTES_MAX = 256 << 20,
    ARRAYS = 20,
    CALLS_MAX = 5,
    RETRY_US = 500000,
    TALLY_BYTES_MAX = 65536
};

struct flush {
    struct db_call calls[CALLS_MAX];
    struct rows *rows[CALLS_MAX];
    int n, finish_at; /* finish_at: index of the finishing statement, or 0 */
    struct array results[ARRAYS], failures[ARRAYS];
    struct buf tally;
};

static struct str bytes(const uint8_t *p, size_t n)
{
    return (struct str){(const char *)p, n};
}

/* Shard, run, lower end and token: how a statement of one known stage names a leased range. */
static void call_range(struct db_call *c, enum stmt_id stmt, const struct task *t)
{
    call_init(c, stmt);
    call_i64(c, t->shard);
    call_bytes(c, t->run, UUID_BYTES);
    call_bytes(c, t->lo, UUID_BYTES);
    call_i64(c, t->token);
}

static void name_range(struct db_call *c, enum stmt_id stmt, const struct range *r)
{
    call_range(c, stmt, r->task);
    call_i64(c, r->flush_no + 1);
}

static void add_counters(struct flush *f, const struct range *r)
{
    struct db_call *c = &f->calls[f->n++];
    call_task(c, STMT_FLUSH_TASK, r->task);
    call_i64(c, r->flush_no + 1);
    call_double(c, r->worker->work->s.lease_s);
    call_i64(c, r->total);
    call_i64(c, r->existing);
    call_i64(c, r->done);
    call_i64(c, r->failed_total);
    call_i64(c, r->dropped);
    call_bool(c, r->n_fresh + r->n_failed > 0);
    buf_init(&f->tally, TALLY_BYTES_MAX);
    tally_write(&r->tally, r->by_task, range_settings(r), &f->tally);
    call_z(c, buf_z(&f->tally));
}

static void init_arrays(struct array *a, const enum array_type *types, int n)
{
    for (int i = 0; i < n; i++)
        array_init(&a[i], types[i], ARRAY_BYTES_MAX);
}

/* The columns that captions and dialogues share, from a[0] on. */
enum { MAKING_COLUMNS = 11 };
static const enum array_type making_types[MAKING_COLUMNS] = {
    ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_INT4, ARRAY_INT4,
    ARRAY_INT4, ARRAY_INT4, ARRAY_INT8, ARRAY_INT4, ARRAY_INT4};

/* Numbers that a server reports are bounded one by one, and their sum may still be too much. */
static int32_t bounded(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

static void add_making(struct array *a, const struct call_settings *s, const struct item *it)
{
    const struct llm_usage *u = &it->usage;
    array_add(&a[0], it->result.model);
    array_add(&a[1], it->result.finish_reason);
    array_add(&a[2], s->providers[it->provider].name);
    array_add(&a[3], str_of(s->prompts[it->prompt].prompt.name));
    array_add_i32(&a[4], bounded(u->tokens_in));
    array_add_i32(&a[5], bounded(u->tokens_cached));
    array_add_i32(&a[6], bounded(u->tokens_out));
    array_add_i32(&a[7], bounded(u->tokens_reasoning));
    array_add_i64(&a[8], it->cost);
    array_add_i32(&a[9], u->calls);
    array_add_i32(&a[10], bounded(u->latency_us / 1000));
}

static int add_captions(struct flush *f, const struct range *r)
{
    static const enum array_type types[] = {ARRAY_UUID, ARRAY_INT4, ARRAY_BYTEA, ARRAY_TEXT,
                                            ARRAY_TEXT, ARRAY_TEXT, ARRAY_BYTEA};
    enum { OWN = sizeof(types) / sizeof(types[0]) };
    struct array *a = f->results;
    init_arrays(a, types, OWN);
    init_arrays(a + OWN, making_types, MAKING_COLUMNS);
    for (int i = 0; i < r->n_fresh; i++) {
        const struct item *it = r->fresh[i];
        const struct result *x = &it->result;
        array_add(&a[0], bytes(it->seed, SEED_ID_BYTES));
        array_add_i32(&a[1], it->variant);
        array_add(&a[2], bytes(x->hash, CAPTION_HASH_BYTES));
        array_add(&a[3], x->text);
        array_add(&a[4], str_of(x->dropped));
        array_add(&a[5], str_of(x->flags));
        array_add(&a[6], x->signature);
        add_making(a + OWN, range_settings(r), it);
    }
    return OWN + MAKING_COLUMNS;
}

static int add_dialogues(struct flush *f, const struct range *r)
{
    static const enum array_type types[] = {ARRAY_UUID,  ARRAY_BYTEA, ARRAY_TEXT,
                                            ARRAY_BYTEA, ARRAY_TEXT,  ARRAY_INT4};
    enum { OWN = sizeof(types) / sizeof(types[0]) };
    struct array *a = f->results;
    init_arrays(a, types, OWN);
    init_arrays(a + OWN, making_types, MAKING_COLUMNS);
    for (int i = 0; i < r->n_fresh; i++) {
        const struct item *it = r->fresh[i];
        const struct result *x = &it->result;
        array_add(&a[0], bytes(it->seed, SEED_ID_BYTES));
        array_add(&a[1], bytes(it->hash, CAPTION_HASH_BYTES));
        array_add(&a[2], str_of(dialogue_tasks[it->task]));
        array_add(&a[3], bytes(x->hash, DIALOGUE_HASH_BYTES));
        array_add(&a[4], x->text);
        array_add_i32(&a[5], x->turns);
        add_making(a + OWN, range_settings(r), it);
    }
    return OWN + MAKING_COLUMNS;
}

static int add_vectors(struct flush *f, const struct range *r)
{
    static const enum array_type types[] = {ARRAY_UUID, ARRAY_BYTEA, ARRAY_BYTEA, ARRAY_INT4,
                                            ARRAY_INT4};
    enum { COLUMNS = sizeof(types) / sizeof(types[0]) };
    struct array *a = f->results;
    init_arrays(a, types, COLUMNS);
    for (int i = 0; i < r->n_fresh; i++) {
        const struct item *it = r->fresh[i];
        array_add(&a[0], bytes(it->seed, SEED_ID_BYTES));
        array_add(&a[1], bytes(it->hash, CAPTION_HASH_BYTES));
        array_add(&a[2], it->result.vector);
        array_add_i32(&a[3], bounded(it->usage.tokens_in));
        array_add_i32(&a[4], it->result.truncated);
    }
    return COLUMNS;
}

static void add_results(struct flush *f, const struct range *r)
{
    struct run_info *info = r->task->info;
    struct db_call *c = &f->calls[f->n++];
    int n_arrays;
    if (r->task->stage == STAGE_CAPTIONS) {
        name_range(c, STMT_FLUSH_CAPTIONS, r);
        call_bytes(c, info->settings.captions.recipe, RECIPE_ID_BYTES);
        n_arrays = add_captions(f, r);
    } else if (r->task->stage == STAGE_DIALOGUES) {
        name_range(c, STMT_FLUSH_DIALOGUES, r);
        call_bytes(c, info->settings.dialogues.recipe, RECIPE_ID_BYTES);
        n_arrays = add_dialogues(f, r);
    } else {
        name_range(c, STMT_FLUSH_EMBEDDINGS, r);
        call_bytes(c, info->encoder_id, UUID_BYTES);
        n_arrays = add_vectors(f, r);
    }
    for (int i = 0; i < n_arrays; i++)
        call_array(c, &f->results[i]);
}

static void add_failures(struct flush *f, const struct range *r)
{
    static const enum array_type types[] = {ARRAY_UUID,  ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT,
                                            ARRAY_BYTEA, ARRAY_TEXT, ARRAY_INT4, ARRAY_INT4,
                                            ARRAY_INT8,  ARRAY_INT4};
    enum { COLUMNS = sizeof(types) / sizeof(types[0]) };
    const struct call_settings *settings = range_settings(r);
    const struct stage *s = &stages[r->task->stage];
    struct db_call *c = &f->calls[f->n++];
    struct array *a = f->failures;
    name_range(c, STMT_FLUSH_FAILURES, r);
    call_z(c, s->name);
    call_z(c, s->api_name);
    init_arrays(a, types, COLUMNS);
    for (int i = 0; i < r->n_failed; i++) {
        const struct failed_item *x = &r->failed[i];
        array_add(&a[0], bytes(x->item->seed, SEED_ID_BYTES));
        array_add(&a[1], str_of(s->item_key(x->item, r->arena)));
        array_add(&a[2], str_of(x->reason));
        array_add(&a[3], str_of(x->detail));
        array_add(&a[4], x->raw);
        array_add(&a[5], settings ? settings->providers[x->item->provider].name : STR(""));
        array_add_i32(&a[6], bounded(x->item->usage.tokens_in));
        array_add_i32(&a[7], bounded(x->item->usage.tokens_out));
        array_add_i64(&a[8], x->item->cost);
        array_add_i32(&a[9], x->item->usage.calls);
    }
    for (int i = 0; i < COLUMNS; i++)
        call_array(c, &a[i]);
}

static void add_finish(struct flush *f, const struct range *r)
{
    const struct stage *s = &stages[r->task->stage];
    f->finish_at = f->n;
    call_range(&f->calls[f->n++], s->finish, r->task);
    if (r->task->stage == STAGE_CAPTIONS)
        call_range(&f->calls[f->n++], STMT_OPEN_NEXT, r->task);
}

static void flush_free(struct flush *f)
{
    for (int i = 0; i < ARRAYS; i++) {
        array_free(&f->results[i]);
        array_free(&f->failures[i]);
    }
    for (int i = 0; i < f->n; i++)
        rows_free(f->rows[i]);
    buf_free(&f->tally);
}

static void forget_flushed(struct range *r)
{
    r->flush_no++;
    r->flushed_us = clock_us();
    r->n_fresh = 0;
    r->n_failed = 0;
    r->tally_changed = false;
    r->uncertain = false;
}

/* After a lost acknowledgement: flush_no says whether the flush had landed. */
static enum flush_result resolve(struct range *r)
{
    struct rows *rows __attribute__((cleanup(rows_freep))) = NULL;
    struct db_call c;
    struct err e = {0};
    call_init(&c, STMT_TASK_STATE);
    call_i64(&c, r->task->shard);
    call_bytes(&c, r->task->run, UUID_BYTES);
    call_z(&c, stages[r->task->stage].name);
    call_bytes(&c, r->task->lo, UUID_BYTES);
    if (db_run(r->worker->db, &c, &rows, &e) < 0)
        return FLUSH_LATER;
    if (rows_count(rows) == 0 || rows_i64(rows, 0, 0) != r->task->token)
        return FLUSH_LOST;
    bool landed = rows_i64(rows, 0, 1) == r->flush_no + 1;
    r->uncertain = false;
    if (!landed)
        return FLUSH_WRITTEN; /* not written: the caller sends it again */
    forget_flushed(r);
    return str_is(rows_text(rows, 0, 2), "finished") ? FLUSH_FINISHED : FLUSH_WRITTEN;
}

static enum flush_result refused(struct range *r, const struct err *e)
{
    r->retry_us = clock_us() + RETRY_US;
    metric_add(METRIC_FLUSHES, "outcome=\"error\"", 1);
    if (e->code == ERR_UNAVAILABLE) {
        r->uncertain = true;
        return FLUSH_LATER;
    }
    /* The rows themselves are refused: that is a fault of this program, not of the items. They stay
     * pending, and the run says why it stands still. */
    log_event(LOG_ERROR, "flush_refused", log_z("detail", e->msg));
    run_ask_pause(r->worker->work, r->task->info, r->worker->db, "internal", e->msg);
    return FLUSH_LOST;
}

static enum flush_result judge(struct range *r, const struct flush *f)
{
    if (rows_count(f->rows[0]) == 0)
        return FLUSH_LOST;
    metric_add(METRIC_FLUSHES, "outcome=\"written\"", 1);
    forget_flushed(r);
    if (!f->finish_at)
        return FLUSH_WRITTEN;
    if (rows_count(f->rows[f->finish_at]) > 0)
        return FLUSH_FINISHED;
    r->reload = true;
    return FLUSH_WRITTEN;
}

enum flush_result range_flush(struct range *r)
{
    struct err e = {0};
    if (r->uncertain) {
        enum flush_result known = resolve(r);
        if (known != FLUSH_WRITTEN)
            return known;
    }
    struct flush f = {0};
    add_counters(&f, r);
    if (r->n_fresh > 0)
        add_results(&f, r);
    if (r->n_failed > 0)
        add_failures(&f, r);
    if (range_complete(r))
        add_finish(&f, r);
    enum flush_result result =
        db_batch(r->worker->db, f.calls, f.n, f.rows, &e) < 0 ? refused(r, &e) : judge(r, &f);
    if (result == FLUSH_LOST)
        metric_add(METRIC_FLUSHES, "outcome=\"lost_lease\"", 1);
    flush_free(&f);
    return result;
}
