#include "server/work/range.h"

#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/metrics.h"

enum { RANGE_BYTES_MAX = 256 << 20 };

static const char *const metric_labels[STAGE_COUNT][3] = {
    [STAGE_CAPTIONS] = {"stage=\"captions\",outcome=\"done\"",
                        "stage=\"captions\",outcome=\"dropped\"",
                        "stage=\"captions\",outcome=\"failed\""},
    [STAGE_DIALOGUES] = {"stage=\"dialogues\",outcome=\"done\"",
                         "stage=\"dialogues\",outcome=\"dropped\"",
                         "stage=\"dialogues\",outcome=\"failed\""},
    [STAGE_EMBED] = {"stage=\"representations\",outcome=\"done\"",
                     "stage=\"representations\",outcome=\"dropped\"",
                     "stage=\"representations\",outcome=\"failed\""},
};

static int task_index(struct str name)
{
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (str_is(name, dialogue_tasks[i]))
            return i;
    return 0;
}

const struct call_settings *range_settings(const struct range *r)
{
    const struct stage *s = &stages[r->task->stage];
    return s->settings ? s->settings(&r->task->info->settings) : NULL;
}

static void choose(struct range *r, struct item *it)
{
    const struct call_settings *s = range_settings(r);
    if (!s || (s->n_providers == 1 && s->n_prompts == 1))
        return;
    struct str id = stages[r->task->stage].choice_id(it, r->arena);
    it->provider = call_settings_provider(s, id);
    it->prompt = call_settings_prompt(s, id);
}

static void read_item(struct range *r, const struct rows *rows, int row)
{
    struct item *it = &r->items[r->n_items++];
    memcpy(it->seed, rows_bytes(rows, row, 0).p, SEED_ID_BYTES);
    it->variant = (int)rows_i64(rows, row, 1);
    it->text = arena_str(r->arena, rows_text(rows, row, 3));
    struct str hash = rows_bytes(rows, row, 4), task = rows_text(rows, row, 5);
    if (hash.p)
        memcpy(it->hash, hash.p, CAPTION_HASH_BYTES);
    if (task.p)
        it->task = task_index(task);
    it->domain = arena_str(r->arena, rows_text(rows, row, 7));
    it->source = arena_str(r->arena, rows_text(rows, row, 8));
    it->label = arena_str(r->arena, rows_text(rows, row, 9));
    choose(r, it);
}

static void count_item(struct range *r, const struct rows *rows, int row)
{
    int64_t state = rows_i64(rows, row, 2);
    r->total++;
    r->existing += state == ITEM_EXISTING;
    r->done += state == ITEM_MADE;
    r->failed_total += state == ITEM_FAILED;
    r->dropped += state == ITEM_MADE && rows_bool(rows, row, 6);
    if (rows_text(rows, row, 5).p) {
        struct task_count *c = &r->by_task[task_index(rows_text(rows, row, 5))];
        c->chosen++;
        c->got += state == ITEM_MADE || state == ITEM_EXISTING;
    }
    if (state == ITEM_PENDING)
        read_item(r, rows, row);
}

static int allocate(struct range *r, int n)
{
    size_t count = (size_t)(n ? n : 1);
    r->arena = arena_new(RANGE_BYTES_MAX);
    r->items = calloc(count, sizeof(*r->items));
    r->reserved = calloc(count, sizeof(*r->reserved));
    r->todo = calloc(count, sizeof(struct item *));
    r->fresh = calloc(count, sizeof(struct item *));
    r->failed = calloc(count, sizeof(*r->failed));
    return r->arena && r->items && r->reserved && r->todo && r->fresh && r->failed ? 0 : -1;
}

/* The items, and with `begin` the tally that the task has from earlier leases. */
static int load(struct worker *k, const struct task *t, bool begin, struct rows *ret[2],
                struct err *e)
{
    struct db_call c[3];
    struct rows *rows[3] = {0};
    call_init(&c[0], stages[t->stage].load);
    call_i64(&c[0], t->shard);
    call_bytes(&c[0], t->run, UUID_BYTES);
    call_bytes(&c[0], t->lo, UUID_BYTES);
    if (!begin)
        return db_run(k->db, &c[0], &ret[0], e);
    call_init(&c[1], STMT_COMMIT_LAZILY);
    call_task(&c[2], STMT_TASK_BEGIN, t);
    int rc = db_batch(k->db, c, 3, rows, e);
    rows_free(rows[1]);
    ret[0] = rows[0];
    ret[1] = rows[2];
    return rc;
}

static struct range *read_range(struct worker *k, struct task *t, struct rows *const rows[2],
                                struct err *e)
{
    struct range *r = calloc(1, sizeof(*r));
    if (!r || allocate(r, rows_count(rows[0])) < 0) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        range_free(r);
        return NULL;
    }
    r->worker = k;
    r->task = t;
    r->flushed_us = clock_us();
    for (int i = 0; i < rows_count(rows[0]); i++)
        count_item(r, rows[0], i);
    /* From the end, so that the first item is the first to go. */
    for (int i = r->n_items - 1; i >= 0; i--)
        r->todo[r->n_todo++] = &r->items[i];
    if (rows[1] && rows_count(rows[1]) > 0)
        tally_read(rows_text(rows[1], 0, 0), range_settings(r), r->arena, &r->tally);
    return r;
}

struct range *range_open(struct worker *k, struct task *t, bool begin, struct err *e)
{
    struct rows *rows[2] = {0};
    if (load(k, t, begin, rows, e) < 0)
        return NULL;
    struct range *r = read_range(k, t, rows, e);
    rows_free(rows[0]);
    rows_free(rows[1]);
    return r;
}

void range_free(struct range *r)
{
    if (!r)
        return;
    arena_free(r->arena);
    free(r->items);
    free(r->reserved);
    free(r->todo);
    free(r->fresh);
    free(r->failed);
    free(r);
}

bool range_complete(const struct range *r)
{
    return r->n_todo == 0 && r->in_flight == 0;
}

bool range_stopping(const struct range *r)
{
    return atomic_load(&r->task->info->stopping) || atomic_load(&r->task->lost) ||
           atomic_load(&r->worker->work->draining);
}

static void outcome(struct range *r, int kind)
{
    metric_add(METRIC_ITEMS, metric_labels[r->task->stage][kind], 1);
    run_outcome(r->worker->work, r->task->info, r->worker->db, kind != 0);
}

void range_take(struct range *r, struct item *it)
{
    if (r->task->stage == STAGE_CAPTIONS)
        run_note_caption(r->task->info, it, r->arena);
    r->fresh[r->n_fresh++] = it;
    r->done++;
    r->dropped += it->result.dropped != NULL;
    r->by_task[it->task].got++;
    tally_add(&r->tally, it, true);
    outcome(r, it->result.dropped ? 1 : 0);
}

void range_fail(struct range *r, const struct item *it, const char *reason, struct str detail,
                struct str raw)
{
    struct failed_item *f = &r->failed[r->n_failed++];
    struct str kept = arena_str(r->arena, detail);
    const char *name = arena_printf(r->arena, "%s", reason ? reason : "unknown");
    *f = (struct failed_item){it, name ? name : "unknown", kept.p ? kept.p : "",
                              raw.n ? arena_str(r->arena, raw) : (struct str){NULL, 0}};
    r->failed_total++;
    tally_add(&r->tally, it, false);
    outcome(r, 2);
}

void range_put_back(struct range *r, struct item *it)
{
    r->todo[r->n_todo++] = it;
}

void range_write_off(struct range *r)
{
    for (int i = 0; i < r->n_todo; i++) {
        struct item *it = r->todo[i];
        if (it->usage.calls == 0)
            continue;
        tally_add(&r->tally, it, false);
        it->usage = (struct llm_usage){0};
        it->cost = 0;
        r->tally_changed = true;
    }
}
