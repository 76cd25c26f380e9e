#include "server/work/range.h"

#include <stdlib.h>

#include "server/base/clock.h"
#include "server/base/metrics.h"

enum { RANGE_BYTES_MAX = 256 << 20, ASK_MAX = 3, SCRATCH_BYTES_MAX = 4 << 20 };

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
}

static void count_item(struct range *r, const struct rows *rows, int row)
{
    int64_t state = rows_i64(rows, row, 2);
    r->total++;
    r->existing += state == ITEM_EXISTING;
    r->done += state == ITEM_MADE;
    r->failed_total += state == ITEM_FAILED;
    r->dropped += state == ITEM_MADE && rows_bool(rows, row, 6);
    if (state == ITEM_PENDING)
        read_item(r, rows, row);
}

static int allocate(struct range *r, int n)
{
    size_t count = (size_t)(n ? n : 1);
    r->arena = arena_new(RANGE_BYTES_MAX);
    r->items = calloc(count, sizeof(*r->items));
    r->again = calloc(count, sizeof(struct item *));
    r->fresh = calloc(count, sizeof(struct item *));
    r->failed = calloc(count, sizeof(*r->failed));
    return r->arena && r->items && r->again && r->fresh && r->failed ? 0 : -1;
}

static int load(struct worker *k, const struct task *t, bool begin, struct rows **ret,
                struct err *e)
{
    struct db_call c[3];
    struct rows *rows[3] = {0};
    call_init(&c[0], stages[t->stage].load);
    call_i64(&c[0], t->shard);
    call_bytes(&c[0], t->run, UUID_BYTES);
    call_bytes(&c[0], t->lo, UUID_BYTES);
    if (!begin)
        return db_run(k->db, &c[0], ret, e);
    call_init(&c[1], STMT_COMMIT_LAZILY);
    call_task(&c[2], STMT_TASK_BEGIN, t);
    int rc = db_batch(k->db, c, 3, rows, e);
    rows_free(rows[1]);
    rows_free(rows[2]);
    *ret = rows[0];
    return rc;
}

struct range *range_open(struct worker *k, struct task *t, bool begin, struct err *e)
{
    struct rows *rows = NULL;
    if (load(k, t, begin, &rows, e) < 0)
        return NULL;
    struct range *r = calloc(1, sizeof(*r));
    if (!r || allocate(r, rows_count(rows)) < 0) {
        err_set(e, ERR_NO_MEMORY, "out of memory");
        range_free(r);
        rows_free(rows);
        return NULL;
    }
    r->worker = k;
    r->task = t;
    r->flushed_us = clock_us();
    for (int i = 0; i < rows_count(rows); i++)
        count_item(r, rows, i);
    rows_free(rows);
    return r;
}

void range_free(struct range *r)
{
    if (!r)
        return;
    arena_free(r->arena);
    free(r->items);
    free(r->again);
    free(r->fresh);
    free(r->failed);
    free(r);
}

int range_waiting(const struct range *r)
{
    return r->n_items - r->next_item + r->n_again;
}

bool range_complete(const struct range *r)
{
    return range_waiting(r) == 0 && r->in_flight == 0;
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

static void take(struct range *r, struct item *it)
{
    r->fresh[r->n_fresh++] = it;
    r->done++;
    r->dropped += it->result.dropped != NULL;
    outcome(r, it->result.dropped ? 1 : 0);
}

static void fail(struct range *r, const struct item *it, const char *reason, struct str detail,
                 struct str raw)
{
    struct failed_item *f = &r->failed[r->n_failed++];
    struct str kept = arena_str(r->arena, detail);
    const char *name = arena_printf(r->arena, "%s", reason ? reason : "unknown");
    *f = (struct failed_item){it, name ? name : "unknown", kept.p ? kept.p : "",
                              raw.n ? arena_str(r->arena, raw) : (struct str){NULL, 0}};
    r->failed_total++;
    outcome(r, 2);
}

static struct item *next_item(struct range *r)
{
    if (r->n_again > 0)
        return r->again[--r->n_again];
    return r->next_item < r->n_items ? &r->items[r->next_item++] : NULL;
}

static void put_back(struct range *r, struct item *it)
{
    r->again[r->n_again++] = it;
}

static void count_call(const char *outcome_label, int64_t tokens_in, int64_t tokens_out)
{
    metric_add(METRIC_PROVIDER_CALLS, outcome_label, 1);
    metric_add(METRIC_PROVIDER_IN_FLIGHT, NULL, -1);
    metric_add(METRIC_PROVIDER_TOKENS, "direction=\"in\"", tokens_in);
    metric_add(METRIC_PROVIDER_TOKENS, "direction=\"out\"", tokens_out);
}

static void on_llm(void *arg, const struct llm_reply *reply)
{
    struct range *r = arg;
    struct item *it = reply->ctx;
    const struct stage *s = &stages[r->task->stage];
    r->in_flight--;
    count_call(reply->outcome == LLM_OK       ? "outcome=\"ok\""
               : reply->outcome == LLM_FAILED ? "outcome=\"failed\""
                                              : "outcome=\"returned\"",
               reply->usage.tokens_in, reply->usage.tokens_out);
    if (reply->outcome == LLM_RETURNED) {
        put_back(r, it);
        return;
    }
    it->asked++;
    if (reply->outcome == LLM_FAILED) {
        fail(r, it, reply->reason, str_of(reply->detail), reply->raw);
        return;
    }
    if (s->accept(&r->task->info->settings, it, reply, r->arena) == VERDICT_TAKEN)
        take(r, it);
    else if (it->asked < ASK_MAX)
        put_back(r, it);
    else
        fail(r, it, "invalid_answer", str_of(it->refusal), reply->raw);
}

static void issue_llm(struct range *r, struct llm_provider *p)
{
    struct arena *scratch __attribute__((cleanup(arena_freep))) = arena_new(SCRATCH_BYTES_MAX);
    const struct stage *s = &stages[r->task->stage];
    while (scratch && llm_room(r->worker->engine, p) > 0) {
        struct llm_request request;
        struct err e = {0};
        struct item *it = next_item(r);
        if (!it)
            return;
        arena_reset(scratch);
        if (s->request(&r->task->info->settings, it, scratch, &request, &e) < 0 ||
            llm_submit(r->worker->engine, p, &request, it, on_llm, r, &e) < 0) {
            put_back(r, it);
            return;
        }
        r->in_flight++;
        metric_add(METRIC_PROVIDER_IN_FLIGHT, NULL, 1);
    }
}

struct batch {
    size_t n;
    struct item *items[];
};

static void on_vectors(void *arg, const struct encoder_reply *reply)
{
    struct range *r = arg;
    struct batch *b = reply->ctx;
    for (size_t i = 0; i < b->n; i++) {
        struct item *it = b->items[i];
        r->in_flight--;
        it->asked++;
        if (reply->outcome[i] == ENCODER_RETURNED) {
            put_back(r, it);
        } else if (reply->outcome[i] == ENCODER_FAILED) {
            fail(r, it, reply->reason[i], str_of(reply->detail), reply->raw);
        } else if (embed_accept(it, reply->vectors + i * (size_t)reply->dimension,
                                (size_t)reply->dimension, r->arena) < 0) {
            fail(r, it, "not_finite", str_of("a value is not finite"), (struct str){NULL, 0});
        } else {
            /* The server counts a batch; the remainder goes to its first text. */
            int share = reply->tokens_in / (int)b->n;
            it->result.tokens_in = share + (i == 0 ? reply->tokens_in % (int)b->n : 0);
            take(r, it);
        }
    }
    free(b);
}

static struct batch *gather(struct range *r, size_t max, struct str *texts)
{
    struct batch *b = calloc(1, sizeof(*b) + max * sizeof(struct item *));
    while (b && b->n < max) {
        struct item *it = next_item(r);
        if (!it)
            break;
        texts[b->n] = it->text;
        b->items[b->n++] = it;
    }
    return b;
}

static void issue_vectors(struct range *r)
{
    struct encoder *c = r->task->info->encoder;
    size_t max = (size_t)encoder_get_settings(c)->batch;
    struct str texts[ENCODER_BATCH_MAX];
    if (max > ENCODER_BATCH_MAX)
        max = ENCODER_BATCH_MAX;
    while (range_waiting(r) > 0 && encoder_room(r->worker->engine, c) > 0) {
        struct err e = {0};
        struct batch *b = gather(r, max, texts);
        if (!b)
            return;
        /* Before the submission: the answer may come from within it. */
        r->in_flight += (int)b->n;
        if (encoder_submit(r->worker->engine, c, texts, b->n, b, on_vectors, r, &e) < 0) {
            r->in_flight -= (int)b->n;
            for (size_t i = 0; i < b->n; i++)
                put_back(r, b->items[i]);
            free(b);
            return;
        }
    }
}

/* A single seed whose task has killed its workers again and again is given up. */
static void give_up(struct range *r)
{
    for (struct item *it = next_item(r); it; it = next_item(r))
        fail(r, it, "worker_lost", str_of("the worker died each time that it worked on this item"),
             (struct str){NULL, 0});
}

static void pause_if_stopped(struct range *r, struct llm_provider *p)
{
    struct run_info *info = r->task->info;
    char why[200];
    bool stopped = p ? llm_provider_stopped(p, why) : encoder_stopped(info->encoder, why);
    if (stopped && range_waiting(r) > 0)
        run_ask_pause(r->worker->work, info, r->worker->db, "provider", why);
}

void range_issue(struct range *r)
{
    struct run_info *info = r->task->info;
    if (range_waiting(r) == 0 || range_stopping(r))
        return;
    if (r->task->attempts >= GIVE_UP_ATTEMPTS) {
        give_up(r);
        return;
    }
    struct llm_provider *p = r->task->stage == STAGE_CAPTIONS    ? info->caption_provider
                             : r->task->stage == STAGE_DIALOGUES ? info->dialogue_provider
                                                                 : NULL;
    if (p)
        issue_llm(r, p);
    else
        issue_vectors(r);
    pause_if_stopped(r, p);
}
