/* Two reports side by side. */
#include <stdio.h>

#include "handlers/report.h"
#include "handlers/report_json.h"

/* One number of a report under its path there, NaN when it is not defined. */
struct report_figure {
    const char *name;
    double value;
};
enum { REPORT_FIGURES_MAX = 80 };

/* The main figures in a row, as a list that is filled from the front. */
struct filling {
    struct report_figure *out;
    int n;
};

static void add(struct filling *f, const char *name, double value)
{
    if (f->n < REPORT_FIGURES_MAX)
        f->out[f->n++] = (struct report_figure){name, value};
}

static void add_count(struct filling *f, const char *name, int64_t value)
{
    add(f, name, (double)value);
}

static void add_captions(struct filling *f, const struct report *r)
{
    const int64_t *sum = r->captions.sum;
    const struct lexical *l = &r->lexical;
    const struct opening *one = NULL;
    int64_t median = spread_percentile(&r->words, 50);
    add_count(f, "captions.count", sum[SUM_ROWS]);
    add_count(f, "captions.usable", sum[SUM_USABLE]);
    add_count(f, "captions.measured", r->measured);
    add(f, "captions.dropped_share", report_ratio(sum[SUM_DROPPED], sum[SUM_ROWS]));
    add(f, "captions.duplicates.marked_near_share", report_ratio(r->marked_near, sum[SUM_ROWS]));
    add(f, "captions.duplicates.near.share", report_near_share(r));
    add(f, "captions.duplicates.repeated.share",
        r->with_words ? report_repeated(r) / (double)r->with_words : (double)NAN);
    add(f, "captions.words.mean", spread_mean(&r->words));
    add(f, "captions.words.percentiles.p50", r->words.n ? (double)median : (double)NAN);
    add(f, "captions.characters.mean", spread_mean(&r->characters));
    add(f, "captions.sentences.mean", spread_mean(&r->sentences));
    add(f, "captions.lexical.type_token_ratio", lexical_mean(l, LEXICAL_TYPE_TOKEN_RATIO));
    add(f, "captions.lexical.entropy", lexical_mean(l, LEXICAL_ENTROPY));
    add(f, "captions.lexical.moving_type_token_ratio", lexical_mean(l, LEXICAL_MOVING_RATIO));
    add(f, "captions.lexical.normalised_entropy", lexical_mean(l, LEXICAL_NORMALISED_ENTROPY));
    add(f, "captions.lexical.distinct_1.ratio", lexical_distinct(l, 1));
    add(f, "captions.lexical.distinct_2.ratio", lexical_distinct(l, 2));
    add(f, "captions.lexical.distinct_3.ratio", lexical_distinct(l, 3));
    add(f, "captions.lexical.self_bleu_4", r->self_bleu);
    add(f, "captions.lexical.compression_ratio", r->compression);
    add(f, "captions.openings.commonest.share", report_top_opening(r, &one));
}

/* Names of the figures of one task, in the order of task_values. */
#define TASK_FIGURES(task)                                                                         \
    {                                                                                              \
        "dialogues." task ".measured", "dialogues." task ".turns.mean",                            \
            "dialogues." task ".answer_words.mean", "dialogues." task ".tokens_estimate.mean",     \
            "dialogues." task ".letters.max_deviation",                                            \
            "dialogues." task ".letters.right_is_longest_share"                                    \
    }
enum { TASK_VALUES = 6 };
static const char *const task_names[DIALOGUE_TASKS][TASK_VALUES] = {
    TASK_FIGURES("multiple_choice"), TASK_FIGURES("question_answering"),
    TASK_FIGURES("complex_reasoning")};

static void add_task(struct filling *f, const struct report *r, int task)
{
    const struct dialogue_figures *d = &r->tasks[task].figures;
    const double values[TASK_VALUES] = {
        (double)d->dialogues,    spread_mean(&d->turns), spread_mean(&d->answer_words),
        spread_mean(&d->tokens), letters_deviation(d),   report_ratio(d->longest, d->choices)};
    for (int i = 0; i < TASK_VALUES; i++)
        add(f, task_names[task][i], values[i]);
}

#define USAGE_FIGURES(stage)                                                                       \
    {                                                                                              \
        "usage." stage ".failed", "usage." stage ".calls_per_row",                                 \
            "usage." stage ".tokens_in_per_row", "usage." stage ".tokens_out_per_row",             \
            "usage." stage ".cost_usd_per_row", "usage." stage ".latency_ms_mean"                  \
    }
enum { STAGES = 2, USAGE_VALUES = 6 };
static const char *const stages[STAGES] = {"captions", "dialogues"};
static const char *const usage_names[STAGES][USAGE_VALUES] = {USAGE_FIGURES("captions"),
                                                              USAGE_FIGURES("dialogues")};

static void add_usage(struct filling *f, const struct report *r, int stage)
{
    struct ledger_values v = report_stage(r, stages[stage]);
    int64_t rows = v.sum[SUM_ROWS];
    const double values[USAGE_VALUES] = {
        (double)v.sum[SUM_FAILED],
        report_ratio(v.sum[SUM_CALLS], rows),
        report_ratio(v.sum[SUM_TOKENS_IN], rows),
        report_ratio(v.sum[SUM_TOKENS_OUT], rows),
        report_ratio(v.sum[SUM_COST], rows) / 1e9,
        report_ratio(v.sum[SUM_LATENCY_MS], v.sum[SUM_LATENCY_ROWS])};
    for (int i = 0; i < USAGE_VALUES; i++)
        add(f, usage_names[stage][i], values[i]);
}

static int report_figures(const struct report *r, struct report_figure out[REPORT_FIGURES_MAX])
{
    struct filling f = {out, 0};
    double cost = 0;
    for (int i = 0; i < r->usage.n; i++)
        cost += (double)r->usage.rows[i].values.sum[SUM_COST];
    add_captions(&f, r);
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        add_task(&f, r, i);
    add_count(&f, "failures.count", r->failures);
    for (int i = 0; i < STAGES; i++)
        add_usage(&f, r, i);
    add(&f, "cost_usd", cost / 1e9);
    return f.n;
}

static void write_side(const struct report *r, const char *key, const char *reference,
                       struct buf *b)
{
    open_object(b, key);
    put_text(b, "reference", reference);
    report_write_ask(r, b);
    put_int(b, "captions", r->measured);
    put_int(b, "dialogues", r->dialogues_measured);
    json_close(b, '}');
}

static void write_figures(const struct report *a, const struct report *b, struct buf *out)
{
    struct report_figure one[REPORT_FIGURES_MAX], other[REPORT_FIGURES_MAX];
    int n = report_figures(a, one);
    (void)report_figures(b, other);
    open_list(out, "figures");
    for (int i = 0; i < n; i++) {
        double x = one[i].value, y = other[i].value;
        if (!isfinite(x) && !isfinite(y))
            continue;
        json_open(out, '{');
        put_text(out, "figure", one[i].name);
        put_number(out, "a", x);
        put_number(out, "b", y);
        put_number(out, "difference", y - x);
        put_number(out, "ratio", y / x);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static double words_divergence(const struct report *a, const struct report *b)
{
    uint32_t one[REPORT_WORD_BUCKETS], other[REPORT_WORD_BUCKETS];
    report_word_buckets(a, one);
    report_word_buckets(b, other);
    return jensen_shannon(one, other, REPORT_WORD_BUCKETS);
}

static void write_meanings(struct buf *b)
{
    open_object(b, "definitions");
    put_text(
        b, "figures",
        "Figures of the two reports by their paths there, where dialogues go by task and usage "
        "by stage, all providers together; those that neither report has are left out.");
    put_text(b, "figures.difference", "b - a.");
    put_text(b, "figures.ratio", "b / a; left out when a is 0.");
    put_text(
        b, "divergence",
        "Jensen-Shannon divergence of two distributions in bits: 0 for equal ones, 1 for those "
        "that share nothing.");
    put_text(b, "divergence.caption_words",
             "Of the histograms of words per caption, by the report's buckets.");
    put_text(
        b, "divergence.vocabulary",
        "Of how often each word is used, words as in captions.lexical, put by their hash in one "
        "of 65,536 places; words that share a place make it a little smaller.");
    json_close(b, '}');
}

void report_write_comparison(const struct report *a, const struct report *b,
                             const char *const reference[2], struct buf *out)
{
    json_open(out, '{');
    write_side(a, "a", reference[0], out);
    write_side(b, "b", reference[1], out);
    write_figures(a, b, out);
    open_object(out, "divergence");
    put_number(out, "caption_words", words_divergence(a, b));
    put_number(out, "vocabulary",
               jensen_shannon(a->lexical.buckets, b->lexical.buckets, LEXICAL_BUCKETS));
    json_close(out, '}');
    write_meanings(out);
    json_close(out, '}');
}
