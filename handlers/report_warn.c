/* What of a report somebody should look at, and the paper's figures to look at it beside. */
#include <stdarg.h>
#include <stdio.h>

#include "handlers/report.h"
#include "handlers/report_json.h"
#include "server/domain/tokens.h"

/* Beyond these, and with so many rows, it is not chance. */
enum { CAPTIONS_MIN = 20, QUESTIONS_MIN = 200 };
#define OPENING_MOST   0.2
#define DEVIATION_MOST 0.05
#define NEAR_MOST      0.01
#define REPEATED_MOST  0.01
#define DROPPED_MOST   0.1
#define FAILED_MOST    0.1
#define LONGEST_MOST   0.4
#define TRUNCATED_MOST 0.05

void put_warning(struct buf *b, const char *code, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_open(b, '{');
    put_text(b, "code", code);
    put_text(b, "message", text);
    json_close(b, '}');
}

static void warn_captions(const struct report *r, struct buf *b)
{
    const struct opening *one = NULL;
    const int64_t *sum = r->captions.sum;
    double top = report_top_opening(r, &one), near = report_near_share(r);
    double marked = report_ratio(r->marked_near, sum[SUM_ROWS]);
    double dropped = report_ratio(sum[SUM_DROPPED], sum[SUM_ROWS]);
    double repeated = report_repeated(r) / (double)r->with_words;
    if (r->openings.total >= CAPTIONS_MIN && top > OPENING_MOST)
        put_warning(b, "one_opening", "%.0f %% of the captions begin with \"%s\".", 100 * top,
                    opening_text(&r->openings, one));
    if (sum[SUM_ROWS] >= CAPTIONS_MIN && marked > NEAR_MOST)
        put_warning(b, "marked_near_duplicates",
                    "Filters marked %.1f %% of the captions as near duplicates.", 100 * marked);
    if (r->near.n >= CAPTIONS_MIN && near > NEAR_MOST)
        put_warning(
            b, "near_duplicates",
            "%.1f %% of a sample of the measured captions have a near duplicate among them.",
            100 * near);
    if (r->with_words >= CAPTIONS_MIN && repeated > REPEATED_MOST)
        put_warning(b, "repeated_captions",
                    "%.1f %% of the captions have the very words of another one.", 100 * repeated);
    if (sum[SUM_ROWS] >= CAPTIONS_MIN && dropped > DROPPED_MOST)
        put_warning(b, "many_dropped", "Filters dropped %.0f %% of the captions.", 100 * dropped);
}

static void warn_choices(const struct dialogue_figures *f, struct buf *b)
{
    double deviation = letters_deviation(f), longest = report_ratio(f->longest, f->choices);
    if (f->choices < QUESTIONS_MIN)
        return;
    if (deviation > DEVIATION_MOST)
        put_warning(
            b, "letters_unbalanced",
            "The right letters A to D stand at %.0f, %.0f, %.0f and %.0f %% instead of 25 each.",
            100 * report_ratio(f->letters[0], f->choices),
            100 * report_ratio(f->letters[1], f->choices),
            100 * report_ratio(f->letters[2], f->choices),
            100 * report_ratio(f->letters[3], f->choices));
    if (longest > LONGEST_MOST)
        put_warning(
            b, "right_is_longest",
            "The right option is the longest one in %.0f %% of the questions: it can be guessed.",
            100 * longest);
}

static void warn_dialogues(const struct report *r, struct buf *b)
{
    int64_t over = 0;
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        over += r->tasks[i].figures.over_limit;
        warn_choices(&r->tasks[i].figures, b);
    }
    if (over)
        put_warning(b, "too_long",
                    "%lld dialogues are longer than a trainer's sample of %d tokens, by estimate.",
                    (long long)over, SAMPLE_TOKENS_MAX);
}

static void warn_failures(const struct report *r, struct buf *b)
{
    static const char *const stages[] = {"captions", "dialogues", "representations"};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct ledger_values v = report_stage(r, stages[i]);
        int64_t all = v.sum[SUM_ROWS] + v.sum[SUM_FAILED];
        if (all >= CAPTIONS_MIN && report_ratio(v.sum[SUM_FAILED], all) > FAILED_MOST)
            put_warning(b, "many_failed", "%.0f %% of the items of the stage %s failed.",
                        100 * report_ratio(v.sum[SUM_FAILED], all), stages[i]);
    }
}

static void warn_truncated(const struct report *r, struct buf *b)
{
    struct ledger_values v = report_stage(r, "representations");
    double truncated = report_ratio(v.sum[SUM_TRUNCATED], v.sum[SUM_ROWS]);
    if (truncated > TRUNCATED_MOST)
        put_warning(
            b, "truncated",
            "%.0f %% of the embedded texts were longer than the encoder reads: their vectors are "
            "of their beginnings.",
            100 * truncated);
}

struct ledger_values report_stage(const struct report *r, const char *stage)
{
    struct ledger_values sum = {0};
    for (int i = 0; i < r->usage.n; i++)
        if (strcmp(r->usage.rows[i].key[0], stage) == 0)
            ledger_values_add(&sum, &r->usage.rows[i].values);
    return sum;
}

void report_write_warnings(const struct report *r, struct buf *b)
{
    open_list(b, "warnings");
    if (report_is_trial(r))
        put_warning(
            b, "trial",
            "%lld captions and %lld dialogues are the offline composer's: for trying the service, "
            "not for training a model.",
            (long long)r->trial, (long long)r->dialogues_trial);
    if (r->scope.changing)
        put_warning(b, "changing", "A run is at work: the figures are of no single moment.");
    warn_captions(r, b);
    warn_dialogues(r, b);
    warn_failures(r, b);
    warn_truncated(r, b);
    json_close(b, ']');
}

/* arXiv 2503.22655, tables and text. */
void report_write_paper(const struct report *r, struct buf *b)
{
    if (report_is_trial(r)) {
        put_text(b, "paper_note",
                 "The paper's figures are left out: some of these rows are the offline composer's, "
                 "whose statistics say nothing about what a language model writes.");
        return;
    }
    open_object(b, "paper");
    put_text(b, "source", "arXiv 2503.22655");
    put_int(b, "captions", 1243195);
    open_object(b, "words");
    put_int(b, "mean", 129);
    put_int(b, "min", 51);
    put_int(b, "max", 483);
    json_close(b, '}');
    put_number(b, "type_token_ratio", 0.68);
    put_number(b, "entropy", 6.07);
    put_number(b, "cost_usd_per_caption", 0.0003);
    open_object(b, "dialogues");
    put_int(b, "multiple_choice", 171000);
    put_int(b, "question_answering", 199000);
    put_int(b, "complex_reasoning", 100000);
    json_close(b, '}');
    json_close(b, '}');
}
