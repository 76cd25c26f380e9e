/* Where a report's figures come from: counts by one statement a shard, texts in pages. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers/report.h"
#include "server/base/cleanup.h"
#include "server/base/clock.h"

enum { WORDS_BOUND = 4096, CHARACTERS_BOUND = 32768, SENTENCES_BOUND = 512 };

/* Where the numbers begin that all counting statements have in the same order. */
enum { CAPTION_NUMBERS = 7, DIALOGUE_NUMBERS = 5 };

struct report *report_new(struct err *e)
{
    struct report *r = calloc(1, sizeof(*r));
    bool ok = r && spread_init(&r->words, WORDS_BOUND) &&
              spread_init(&r->characters, CHARACTERS_BOUND) &&
              spread_init(&r->sentences, SENTENCES_BOUND) && lexical_init(&r->lexical) &&
              openings_init(&r->openings) && sample_init(&r->sample, REPORT_SAMPLE);
    for (int i = 0; ok && i < DIALOGUE_TASKS; i++) {
        r->tasks[i].asked = -1;
        r->tasks[i].asked_share = (double)NAN;
        ok = dialogue_figures_init(&r->tasks[i].figures);
    }
    if (!ok) {
        report_free(r);
        (void)err_set(e, ERR_NO_MEMORY, "no memory for a report");
        return NULL;
    }
    distinct_init(&r->texts, REPORT_REPEATED_MAX);
    return r;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    spread_free(&r->words);
    spread_free(&r->characters);
    spread_free(&r->sentences);
    lexical_free(&r->lexical);
    openings_free(&r->openings);
    distinct_free(&r->texts);
    near_free(&r->near);
    sample_free(&r->sample);
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        dialogue_figures_free(&r->tasks[i].figures);
    free(r->scope.view);
    free(r->scope.dialogues);
    free(r);
}

int report_statement(struct report *r, const struct db_call *c, struct rows **rows, struct err *e)
{
    if (r->from.stop(r->from.arg))
        return err_set(e, ERR_UNAVAILABLE, "%s", r->from.stopped);
    return db_run(r->from.db, c, rows, e);
}

static int take_scope(const struct rows *rows, struct report *r, struct err *e)
{
    const struct report_ask *ask = &r->ask;
    struct report_scope *s = &r->scope;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no dataset named \"" STR_FMT "\"",
                       STR_ARG(ask->dataset));
    if (ask->run.p && !rows_bool(rows, 0, 3))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such run");
    if (ask->recipe.p && !rows_bool(rows, 0, 5))
        return err_set(e, ERR_NOT_FOUND, "the dataset has seen no such recipe");
    s->number = rows_i64(rows, 0, 0);
    s->shards = rows_i64(rows, 0, 1);
    s->changing = rows_i64(rows, 0, 6) > 0;
    s->view = strndup(rows_text(rows, 0, 2).p, rows_text(rows, 0, 2).n);
    struct str recipe = rows_text(rows, 0, 4);
    if (recipe.p && recipe.n < sizeof(s->dialogue_recipe))
        memcpy(s->dialogue_recipe, recipe.p, recipe.n);
    return s->view ? 0 : err_set(e, ERR_NO_MEMORY, "no memory for a report");
}

static int read_scope(struct report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_REPORT_SCOPE);
    call_z(&c, r->ask.caller);
    call_text(&c, r->ask.dataset);
    call_text(&c, r->ask.run);
    call_text(&c, r->ask.recipe);
    if (report_statement(r, &c, &rows, e) < 0)
        return -1;
    return take_scope(rows, r, e);
}

static int task_of(struct str name)
{
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (str_is(name, dialogue_tasks[i]))
            return i;
    return -1;
}

static int read_asked(struct report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    if (!r->ask.run.p)
        return 0;
    call_init(&c, STMT_REPORT_ASKED);
    call_text(&c, r->ask.run);
    if (report_statement(r, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++) {
        int task = task_of(rows_text(rows, i, 0));
        if (task >= 0 && !rows_null(rows, i, 1))
            r->tasks[task].asked = rows_i64(rows, i, 1);
        if (task >= 0 && !rows_null(rows, i, 2))
            r->tasks[task].asked_share = rows_double(rows, i, 2);
    }
    return 0;
}

static struct ledger_values numbers(const struct rows *rows, int row, int col)
{
    static const enum ledger_sum order[] = {SUM_ROWS,          SUM_CALLS,      SUM_TOKENS_IN,
                                            SUM_TOKENS_CACHED, SUM_TOKENS_OUT, SUM_TOKENS_REASONING,
                                            SUM_COST,          SUM_LATENCY_MS, SUM_LATENCY_ROWS};
    const int n = (int)(sizeof(order) / sizeof(order[0]));
    struct ledger_values v = {0};
    for (int i = 0; i < n; i++)
        v.sum[order[i]] = rows_i64(rows, row, col + i);
    v.first_us = rows_i64(rows, row, col + n);
    v.last_us = rows_i64(rows, row, col + n + 1);
    return v;
}

/* The filters that flagged these captions, and the one that dropped them. */
static void add_filters(struct report *r, struct str flags, struct str dropped, int64_t n)
{
    const struct ledger_values flagged = {.sum = {[SUM_FLAGGED] = n}},
                               gone = {.sum = {[SUM_DROPPED] = n}};
    bool exact = false, near = false;
    if (dropped.p) {
        ledger_add(&r->filters, dropped, STR(""), &gone);
        exact = str_is(dropped, "exact_duplicate");
        near = str_is(dropped, "near_duplicate");
    }
    while (flags.n) {
        struct str one = str_next(&flags, ',');
        if (one.n)
            ledger_add(&r->filters, one, STR(""), &flagged);
        exact = exact || str_is(one, "exact_duplicate");
        near = near || str_is(one, "near_duplicate");
    }
    r->marked_exact += exact ? n : 0;
    r->marked_near += near ? n : 0;
}

static void add_verdict(struct report *r, struct str verdict, int64_t n)
{
    r->accepted += str_is(verdict, "accepted") ? n : 0;
    r->corrected += str_is(verdict, "corrected") ? n : 0;
    r->verdict_rejected += str_is(verdict, "rejected") ? n : 0;
}

static void add_caption_group(struct report *r, const struct rows *rows, int i)
{
    struct ledger_values v = numbers(rows, i, CAPTION_NUMBERS);
    struct str dropped = rows_text(rows, i, 3), flags = rows_text(rows, i, 6);
    bool rejected = rows_bool(rows, i, 4);
    int64_t n = v.sum[SUM_ROWS];
    v.sum[SUM_DROPPED] = dropped.p ? n : 0;
    v.sum[SUM_FLAGGED] = flags.n ? n : 0;
    v.sum[SUM_USABLE] = dropped.p || rejected ? 0 : n;
    r->rejected += rejected ? n : 0;
    ledger_values_add(&r->captions, &v);
    ledger_add(&r->recipes, STR("captions"), rows_text(rows, i, 0), &v);
    ledger_add(&r->usage, STR("captions"), rows_text(rows, i, 1), &v);
    ledger_add(&r->prompts, STR("captions"), rows_text(rows, i, 2), &v);
    add_filters(r, flags, dropped, n);
    add_verdict(r, rows_text(rows, i, 5), n);
}

static void add_dialogue_group(struct report *r, const struct rows *rows, int i)
{
    struct ledger_values v = numbers(rows, i, DIALOGUE_NUMBERS);
    int task = task_of(rows_text(rows, i, 3));
    v.sum[SUM_USABLE] = v.sum[SUM_ROWS];
    if (task >= 0 && str_is(rows_text(rows, i, 0), r->scope.dialogue_recipe))
        r->tasks[task].existing += v.sum[SUM_ROWS];
    if (!rows_bool(rows, i, 4))
        return;
    r->dialogues += v.sum[SUM_ROWS];
    if (task >= 0)
        r->tasks[task].count += v.sum[SUM_ROWS];
    ledger_add(&r->recipes, STR("dialogues"), rows_text(rows, i, 0), &v);
    ledger_add(&r->usage, STR("dialogues"), rows_text(rows, i, 1), &v);
    ledger_add(&r->prompts, STR("dialogues"), rows_text(rows, i, 2), &v);
}

static void add_embedding_group(struct report *r, const struct rows *rows, int i)
{
    struct ledger_values v = {.sum = {[SUM_ROWS] = rows_i64(rows, i, 1),
                                      [SUM_USABLE] = rows_i64(rows, i, 1),
                                      [SUM_TOKENS_IN] = rows_i64(rows, i, 2),
                                      [SUM_TRUNCATED] = rows_i64(rows, i, 5)}};
    v.first_us = rows_i64(rows, i, 3);
    v.last_us = rows_i64(rows, i, 4);
    ledger_add(&r->usage, STR("representations"), rows_text(rows, i, 0), &v);
}

static void add_failure_group(struct report *r, const struct rows *rows, int i)
{
    const struct ledger_values v = {.sum = {[SUM_FAILED] = rows_i64(rows, i, 3),
                                            [SUM_CALLS] = rows_i64(rows, i, 4),
                                            [SUM_TOKENS_IN] = rows_i64(rows, i, 5),
                                            [SUM_TOKENS_OUT] = rows_i64(rows, i, 6),
                                            [SUM_COST] = rows_i64(rows, i, 7),
                                            [SUM_COST_FAILED] = rows_i64(rows, i, 7)}};
    r->failures += v.sum[SUM_FAILED];
    ledger_add(&r->reasons, rows_text(rows, i, 0), rows_text(rows, i, 1), &v);
    ledger_add(&r->usage, rows_text(rows, i, 0), rows_text(rows, i, 2), &v);
}

static void add_seeds(struct report *r, const struct rows *rows, int i)
{
    r->seeds += rows_i64(rows, i, 0);
}

static int each(struct report *r, const struct db_call *c,
                void (*add)(struct report *r, const struct rows *rows, int row), struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    if (report_statement(r, c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++)
        add(r, rows, i);
    return 0;
}

static int count_rows(struct report *r, int64_t shard, struct err *e)
{
    const struct report_ask *ask = &r->ask;
    struct db_call captions, dialogues;
    call_init(&captions, STMT_REPORT_CAPTIONS);
    call_i64(&captions, shard);
    call_text(&captions, ask->run);
    call_text(&captions, ask->recipe);
    call_bool(&captions, r->frozen);
    call_z(&captions, r->scope.view);
    call_init(&dialogues, STMT_REPORT_DIALOGUES);
    call_i64(&dialogues, shard);
    call_text(&dialogues, ask->run);
    call_text(&dialogues, ask->recipe);
    call_z(&dialogues, r->scope.dialogue_recipe[0] ? r->scope.dialogue_recipe : NULL);
    call_bool(&dialogues, r->frozen);
    call_z(&dialogues, r->scope.view);
    call_z(&dialogues, r->scope.dialogues);
    if (each(r, &captions, add_caption_group, e) < 0)
        return -1;
    return each(r, &dialogues, add_dialogue_group, e);
}

static int count_others(struct report *r, int64_t shard, struct err *e)
{
    const struct report_ask *ask = &r->ask;
    struct db_call seeds, failures, embeddings;
    call_init(&seeds, STMT_REPORT_SEEDS);
    call_i64(&seeds, shard);
    call_init(&failures, STMT_REPORT_FAILURES);
    call_i64(&failures, shard);
    call_i64(&failures, r->scope.number);
    call_text(&failures, ask->run);
    call_text(&failures, ask->recipe);
    call_init(&embeddings, STMT_REPORT_EMBEDDINGS);
    call_i64(&embeddings, shard);
    call_text(&embeddings, ask->run);
    if (each(r, &seeds, add_seeds, e) < 0 || each(r, &failures, add_failure_group, e) < 0)
        return -1;
    /* Embeddings have no recipe. */
    return ask->recipe.p ? 0 : each(r, &embeddings, add_embedding_group, e);
}

static int read_kinds(struct report *r, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_REPORT_RECIPES);
    call_i64(&c, r->scope.number);
    if (report_statement(r, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++)
        for (int k = 0; k < r->recipes.n; k++)
            if (str_is(rows_text(rows, i, 0), r->recipes.rows[k].key[1]))
                (void)snprintf(r->recipe_kinds[k], LEDGER_KEY, STR_FMT,
                               STR_ARG(rows_text(rows, i, 2)));
    return 0;
}

static int read_shard(struct report *r, int64_t shard, struct err *e)
{
    if (count_rows(r, shard, e) < 0 || (!r->frozen && count_others(r, shard, e) < 0))
        return -1;
    /* A shard is a sample that depends on nothing but the seeds' texts. */
    if (r->frozen && r->measured >= REPORT_FROZEN_MEASURED)
        return 0;
    r->measured_shards++;
    return report_read_texts(r, shard, e) < 0 ? -1 : report_read_dialogues(r, shard, e);
}

/* A second pass over the captions, once the sample is known. */
static int find_near(struct report *r, struct err *e)
{
    for (int64_t i = 0; r->near.n && i < r->measured_shards; i++)
        if (report_read_near(r, shard_id(r->scope.number, i), e) < 0)
            return -1;
    return 0;
}

int report_read_rows(struct report *r, struct err *e)
{
    for (int64_t i = 0; i < r->scope.shards; i++)
        if (read_shard(r, shard_id(r->scope.number, i), e) < 0)
            return -1;
    ledger_sort(&r->usage);
    ledger_sort(&r->recipes);
    ledger_sort(&r->prompts);
    ledger_sort(&r->filters);
    ledger_sort(&r->reasons);
    if (read_kinds(r, e) < 0 || report_finish(r, e) < 0)
        return -1;
    return find_near(r, e);
}

int report_read(struct report *r, const struct report_from *from, const struct report_ask *ask,
                struct err *e)
{
    int64_t started = clock_us();
    r->from = *from;
    r->ask = *ask;
    if (read_scope(r, e) < 0 || read_asked(r, e) < 0 || report_read_rows(r, e) < 0)
        return -1;
    r->took_us = clock_us() - started;
    return 0;
}
