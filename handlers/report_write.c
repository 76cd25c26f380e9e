/* A report as JSON, in the order in which people read it. */
#include <ctype.h>
#include <stdio.h>

#include "handlers/report.h"
#include "handlers/report_json.h"
#include "server/base/clock.h"

enum { TOP_OPENINGS = 10 };

static const int percentiles[] = {5, 25, 50, 75, 95, 99};
static const int64_t word_edges[REPORT_WORD_BUCKETS] = {0,   20,  40,  60,  80,  100, 120, 140,
                                                        160, 180, 200, 250, 300, 400, 500};
static const int64_t turn_edges[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
#define EDGES(table) (table), (int)(sizeof(table) / sizeof((table)[0]))

double report_ratio(int64_t a, int64_t b)
{
    return b ? (double)a / (double)b : (double)NAN;
}

static void put_time(struct buf *b, const char *key, int64_t unix_us)
{
    char text[25];
    if (!unix_us)
        return;
    clock_rfc3339_at(unix_us, text);
    put_text(b, key, text);
}

/* What is about rows that no view picks, or follows from the others when there are none of these:
 * nothing in the report of a frozen view. */
static void put_open_int(const struct report *r, struct buf *b, const char *key, int64_t v)
{
    if (!r->frozen)
        put_int(b, key, v);
}

static void put_histogram(struct buf *b, const struct spread *s, const int64_t *edges, int n)
{
    open_list(b, "histogram");
    for (int i = 0; i < n; i++) {
        int64_t to = i + 1 < n ? edges[i + 1] : INT64_MAX;
        json_open(b, '{');
        put_int(b, "from", edges[i]);
        if (to != INT64_MAX)
            put_int(b, "to", to);
        put_int(b, "count", spread_between(s, edges[i], to));
        json_close(b, '}');
    }
    json_close(b, ']');
}

void report_word_buckets(const struct report *r, uint32_t out[REPORT_WORD_BUCKETS])
{
    for (int i = 0; i < REPORT_WORD_BUCKETS; i++)
        out[i] = (uint32_t)spread_between(
            &r->words, word_edges[i], i + 1 < REPORT_WORD_BUCKETS ? word_edges[i + 1] : INT64_MAX);
}

/* Nothing at all when there is nothing to measure. */
static void put_spread(struct buf *b, const char *key, const struct spread *s, const int64_t *edges,
                       int n)
{
    char name[8];
    if (!s->n)
        return;
    open_object(b, key);
    put_number(b, "mean", spread_mean(s));
    put_int(b, "min", s->min);
    put_int(b, "max", s->max);
    open_object(b, "percentiles");
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        (void)snprintf(name, sizeof(name), "p%d", percentiles[i]);
        put_int(b, name, spread_percentile(s, percentiles[i]));
    }
    json_close(b, '}');
    if (edges)
        put_histogram(b, s, edges, n);
    json_close(b, '}');
}

static void write_filters(const struct report *r, struct buf *b)
{
    open_list(b, "filters");
    for (int i = 0; i < r->filters.n; i++) {
        const struct ledger_row *row = &r->filters.rows[i];
        json_open(b, '{');
        put_text(b, "filter", row->key[0]);
        put_open_int(r, b, "dropped", row->values.sum[SUM_DROPPED]);
        put_int(b, "flagged", row->values.sum[SUM_FLAGGED]);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void write_distinct(struct buf *b, const char *key, const struct lexical *l, int n)
{
    const struct lexical_grams *g = &l->grams[n - 1];
    open_object(b, key);
    put_int(b, "different", llround(distinct_count(&g->distinct)));
    put_int(b, "total", g->total);
    put_number(b, "ratio", lexical_distinct(l, n));
    put_bool(b, "exact", !g->distinct.estimated);
    put_number(b, "standard_error", distinct_standard_error(&g->distinct));
    json_close(b, '}');
}

double report_repeated(const struct report *r)
{
    double repeated = (double)r->with_words - distinct_count(&r->texts);
    return repeated > 0 ? repeated : 0;
}

double report_near_share(const struct report *r)
{
    return report_ratio((int64_t)near_found(&r->near), (int64_t)r->near.n);
}

static void write_near(const struct report *r, struct buf *b)
{
    double share = report_near_share(r), n = (double)r->near.n;
    if (!r->near.n)
        return;
    open_object(b, "near");
    put_int(b, "sample", (int64_t)r->near.n);
    put_int(b, "count", (int64_t)near_found(&r->near));
    put_number(b, "share", share);
    put_number(b, "standard_error", sqrt(share * (1 - share) / n));
    json_close(b, '}');
}

static void write_duplicates(const struct report *r, struct buf *b)
{
    open_object(b, "duplicates");
    put_int(b, "marked_exact", r->marked_exact);
    put_int(b, "marked_near", r->marked_near);
    put_number(b, "marked_near_share", report_ratio(r->marked_near, r->captions.sum[SUM_ROWS]));
    open_object(b, "repeated");
    put_int(b, "count", llround(report_repeated(r)));
    if (r->with_words)
        put_number(b, "share", report_repeated(r) / (double)r->with_words);
    put_bool(b, "exact", !r->texts.estimated);
    /* Of the share itself: it is one minus an estimated share. */
    if (r->with_words)
        put_number(b, "standard_error",
                   distinct_standard_error(&r->texts) * distinct_count(&r->texts) /
                       (double)r->with_words);
    json_close(b, '}');
    write_near(r, b);
    json_close(b, '}');
}

static void write_lexical(const struct report *r, struct buf *b)
{
    const struct lexical *l = &r->lexical;
    if (!l->texts)
        return;
    open_object(b, "lexical");
    put_int(b, "captions", l->texts);
    put_number(b, "type_token_ratio", lexical_mean(l, LEXICAL_TYPE_TOKEN_RATIO));
    put_number(b, "entropy", lexical_mean(l, LEXICAL_ENTROPY));
    put_number(b, "moving_type_token_ratio", lexical_mean(l, LEXICAL_MOVING_RATIO));
    put_number(b, "normalised_entropy", lexical_mean(l, LEXICAL_NORMALISED_ENTROPY));
    write_distinct(b, "distinct_1", l, 1);
    write_distinct(b, "distinct_2", l, 2);
    write_distinct(b, "distinct_3", l, 3);
    put_int(b, "sample", (int64_t)r->sample.n);
    put_number(b, "self_bleu_4", r->self_bleu);
    put_number(b, "compression_ratio", r->compression);
    json_close(b, '}');
}

double report_top_opening(const struct report *r, const struct opening **one)
{
    return openings_top(&r->openings, one, 1) ? report_ratio((*one)->count, r->openings.total)
                                              : (double)NAN;
}

static void write_openings(const struct report *r, struct buf *b)
{
    const struct opening *top[TOP_OPENINGS];
    size_t n = openings_top(&r->openings, top, TOP_OPENINGS);
    open_object(b, "openings");
    put_int(b, "captions", r->openings.total);
    put_int(b, "different", (int64_t)r->openings.n);
    put_int(b, "uncounted", r->openings.missed);
    open_list(b, "commonest");
    for (size_t i = 0; i < n; i++) {
        json_open(b, '{');
        put_text(b, "words", opening_text(&r->openings, top[i]));
        put_int(b, "count", top[i]->count);
        put_number(b, "share", report_ratio(top[i]->count, r->openings.total));
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
}

static void write_captions(const struct report *r, struct buf *b)
{
    int64_t count = r->captions.sum[SUM_ROWS];
    open_object(b, "captions");
    put_int(b, "count", count);
    put_open_int(r, b, "usable", r->captions.sum[SUM_USABLE]);
    put_int(b, "measured", r->measured);
    if (r->frozen)
        put_int(b, "measured_shards", r->measured_shards);
    put_open_int(r, b, "dropped", r->captions.sum[SUM_DROPPED]);
    if (!r->frozen)
        put_number(b, "dropped_share", report_ratio(r->captions.sum[SUM_DROPPED], count));
    put_int(b, "flagged", r->captions.sum[SUM_FLAGGED]);
    put_open_int(r, b, "rejected", r->rejected);
    open_object(b, "verdicts");
    put_int(b, "accepted", r->accepted);
    put_open_int(r, b, "rejected", r->verdict_rejected);
    put_open_int(r, b, "corrected", r->corrected);
    json_close(b, '}');
    write_filters(r, b);
    write_duplicates(r, b);
    put_spread(b, "words", &r->words, EDGES(word_edges));
    put_spread(b, "characters", &r->characters, NULL, 0);
    put_spread(b, "sentences", &r->sentences, NULL, 0);
    write_lexical(r, b);
    write_openings(r, b);
    json_close(b, '}');
}

static void write_question_words(const struct dialogue_figures *f, struct buf *b)
{
    open_list(b, "question_words");
    for (int i = 0; i < QUESTION_WORDS; i++) {
        json_open(b, '{');
        put_text(b, "word", question_words[i]);
        put_int(b, "count", f->begins[i]);
        put_number(b, "share", report_ratio(f->begins[i], f->questions));
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void write_letters(const struct dialogue_figures *f, struct buf *b)
{
    if (!f->choices)
        return;
    open_object(b, "letters");
    put_int(b, "questions", f->choices);
    open_list(b, "counts");
    for (int i = 0; i < CHOICE_OPTIONS; i++) {
        const char letter[] = {(char)('A' + i), '\0'};
        json_open(b, '{');
        put_text(b, "letter", letter);
        put_int(b, "count", f->letters[i]);
        put_number(b, "share", report_ratio(f->letters[i], f->choices));
        json_close(b, '}');
    }
    json_close(b, ']');
    put_number(b, "max_deviation", letters_deviation(f));
    put_number(b, "chi_square", letters_chi_square(f));
    put_number(b, "right_is_longest_share", report_ratio(f->longest, f->choices));
    json_close(b, '}');
}

static void write_task(const struct report *r, int i, struct buf *b)
{
    const struct report_task *t = &r->tasks[i];
    const struct dialogue_figures *f = &t->figures;
    json_open(b, '{');
    put_text(b, "task", dialogue_tasks[i]);
    put_int(b, "count", t->count);
    put_int(b, "measured", f->dialogues);
    if (t->asked >= 0)
        put_int(b, "asked", t->asked);
    put_number(b, "asked_share", t->asked_share);
    if (r->scope.dialogue_recipe[0])
        put_int(b, "existing", t->existing);
    put_spread(b, "turns", &f->turns, EDGES(turn_edges));
    put_int(b, "questions", f->questions);
    if (f->questions)
        write_question_words(f, b);
    put_spread(b, "answer_words", &f->answer_words, NULL, 0);
    put_spread(b, "tokens_estimate", &f->tokens, NULL, 0);
    put_int(b, "over_limit", f->over_limit);
    write_letters(f, b);
    json_close(b, '}');
}

static void write_dialogues(const struct report *r, struct buf *b)
{
    open_object(b, "dialogues");
    put_int(b, "count", r->dialogues);
    put_int(b, "measured", r->dialogues_measured);
    open_list(b, "tasks");
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        write_task(r, i, b);
    json_close(b, ']');
    json_close(b, '}');
}

static void write_failures(const struct report *r, struct buf *b)
{
    open_object(b, "failures");
    put_int(b, "count", r->failures);
    open_list(b, "reasons");
    for (int i = 0; i < r->reasons.n; i++) {
        const struct ledger_row *row = &r->reasons.rows[i];
        json_open(b, '{');
        put_text(b, "stage", row->key[0]);
        put_text(b, "reason", row->key[1]);
        put_int(b, "count", row->values.sum[SUM_FAILED]);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
}

static void put_dollars(struct buf *b, const char *key, double billionths)
{
    put_number(b, key, billionths / 1e9);
}

static void put_open_dollars(const struct report *r, struct buf *b, const char *key,
                             double billionths)
{
    if (!r->frozen)
        put_dollars(b, key, billionths);
}

static void write_usage_row(const struct report *r, const struct ledger_row *row, struct buf *b)
{
    const struct ledger_values *v = &row->values;
    int64_t rows = v->sum[SUM_ROWS];
    json_open(b, '{');
    put_text(b, "stage", row->key[0]);
    put_text(b, "provider", row->key[1]);
    put_int(b, "rows", rows);
    put_open_int(r, b, "usable", v->sum[SUM_USABLE]);
    put_open_int(r, b, "failed", v->sum[SUM_FAILED]);
    put_int(b, "calls", v->sum[SUM_CALLS]);
    put_int(b, "tokens_in", v->sum[SUM_TOKENS_IN]);
    put_int(b, "tokens_cached", v->sum[SUM_TOKENS_CACHED]);
    put_int(b, "tokens_out", v->sum[SUM_TOKENS_OUT]);
    put_int(b, "tokens_reasoning", v->sum[SUM_TOKENS_REASONING]);
    put_dollars(b, "cost_usd", (double)v->sum[SUM_COST]);
    put_open_dollars(r, b, "cost_usd_failed", (double)v->sum[SUM_COST_FAILED]);
    put_number(b, "calls_per_row", report_ratio(v->sum[SUM_CALLS], rows));
    put_number(b, "tokens_in_per_row", report_ratio(v->sum[SUM_TOKENS_IN], rows));
    put_number(b, "tokens_out_per_row", report_ratio(v->sum[SUM_TOKENS_OUT], rows));
    put_dollars(b, "cost_usd_per_row", report_ratio(v->sum[SUM_COST], rows));
    put_open_dollars(r, b, "cost_usd_per_usable_row",
                     report_ratio(v->sum[SUM_COST], v->sum[SUM_USABLE]));
    if (strcmp(row->key[0], "representations") == 0)
        put_int(b, "truncated", v->sum[SUM_TRUNCATED]);
    put_number(b, "latency_ms_mean",
               report_ratio(v->sum[SUM_LATENCY_MS], v->sum[SUM_LATENCY_ROWS]));
    put_time(b, "first_at", v->first_us);
    put_time(b, "last_at", v->last_us);
    put_number(b, "rows_per_second", 1e6 * report_ratio(rows, v->last_us - v->first_us));
    json_close(b, '}');
}

static void write_usage(const struct report *r, struct buf *b)
{
    double cost = 0;
    open_list(b, "usage");
    for (int i = 0; i < r->usage.n; i++) {
        write_usage_row(r, &r->usage.rows[i], b);
        cost += (double)r->usage.rows[i].values.sum[SUM_COST];
    }
    json_close(b, ']');
    put_dollars(b, "cost_usd", cost);
}

static void write_made(const struct report *r, const struct ledger_row *row, const char *key,
                       const char *kind, struct buf *b)
{
    const int64_t *sum = row->values.sum;
    json_open(b, '{');
    put_text(b, "stage", row->key[0]);
    put_text(b, key, row->key[1]);
    if (kind)
        put_text(b, "kind", kind);
    put_int(b, "rows", sum[SUM_ROWS]);
    put_open_int(r, b, "usable", sum[SUM_USABLE]);
    put_open_int(r, b, "dropped", sum[SUM_DROPPED]);
    put_dollars(b, "cost_usd", (double)sum[SUM_COST]);
    json_close(b, '}');
}

static void write_recipes(const struct report *r, struct buf *b)
{
    open_list(b, "recipes");
    for (int i = 0; i < r->recipes.n; i++)
        write_made(r, &r->recipes.rows[i], "recipe", r->recipe_kinds[i], b);
    json_close(b, ']');
    open_list(b, "prompts");
    for (int i = 0; i < r->prompts.n; i++)
        write_made(r, &r->prompts.rows[i], "prompt", NULL, b);
    json_close(b, ']');
}

/* The ids of a uuid[] in the form that they have everywhere else: without dashes. */
static void write_ids(struct buf *b, const char *key, const char *array)
{
    char id[2 * RECIPE_ID_BYTES + 1] = "";
    size_t n = 0;
    open_list(b, key);
    for (const char *p = array; *p; p++) {
        if (isxdigit((unsigned char)*p))
            id[n++] = *p;
        if (n < 2 * RECIPE_ID_BYTES)
            continue;
        json_z(b, id);
        n = 0;
    }
    json_close(b, ']');
}

void report_write_ask(const struct report *r, struct buf *b)
{
    json_key(b, "dataset");
    json_str(b, r->ask.dataset);
    if (r->ask.run.p)
        put_text(b, "run", r->ask.run.p);
    if (r->ask.recipe.p)
        put_text(b, "recipe", r->ask.recipe.p);
    if (r->frozen) {
        write_ids(b, "view", r->scope.view);
        write_ids(b, "dialogue_recipes", r->scope.dialogues);
    } else {
        put_text(b, "view", r->ask.picked ? "default" : "all");
    }
    put_bool(b, "trial", report_is_trial(r));
}

void report_write(const struct report *r, struct buf *b)
{
    char now[25];
    clock_rfc3339(now);
    json_open(b, '{');
    report_write_ask(r, b);
    if (!r->frozen) {
        put_text(b, "generated_at", now);
        put_number(b, "took_seconds", (double)r->took_us / 1e6);
    }
    report_write_warnings(r, b);
    put_open_int(r, b, "seeds", r->seeds);
    write_captions(r, b);
    write_dialogues(r, b);
    if (!r->frozen)
        write_failures(r, b);
    write_usage(r, b);
    write_recipes(r, b);
    report_write_paper(r, b);
    report_write_definitions(r, b);
    json_close(b, '}');
}
