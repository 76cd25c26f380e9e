/* A report: what the rows of a dataset, of a run or of a recipe are like. It is read in pages by
 * key, so that nothing holds a long snapshot, into accumulators of a bounded size. */
#ifndef MONOCEROS_HANDLERS_REPORT_H
#define MONOCEROS_HANDLERS_REPORT_H

#include "handlers/ledger.h"
#include "handlers/operation.h"
#include "server/domain/dialogue_figures.h"
#include "server/domain/lexical.h"
#include "server/domain/near.h"
#include "server/domain/openings.h"
#include "server/domain/recipe.h"
#include "server/domain/sample.h"

enum {
    REPORT_SAMPLE = 500,             /* captions for what is not computed over all of them */
    REPORT_FROZEN_MEASURED = 100000, /* captions after which no further shard is measured */
    REPORT_REPEATED_MAX = 1 << 21,   /* captions whose repetitions are counted exactly */
};

/* Where a report is read from, and whether it is to be given up. */
struct report_from {
    struct db *db;
    bool (*stop)(void *arg);
    void *arg;
    const char *stopped; /* what is said then */
};

/* What a report is asked about. Run and recipe may be unset. */
struct report_ask {
    const char *caller;              /* as statements take it */
    struct str dataset, run, recipe; /* with a terminator */
    bool picked;                     /* only what the default view picks is measured */
};

/* The dataset as it was found. */
struct report_scope {
    int64_t number, shards;
    char *view;      /* recipes of the view, uuid[] as text; owned */
    char *dialogues; /* those of a frozen view's dialogues; NULL without one; owned */
    char dialogue_recipe[33];
    bool changing; /* a run is at work */
};

struct report_task {
    int64_t count, existing;
    int64_t asked;      /* -1: not said */
    double asked_share; /* NaN: not said */
    struct dialogue_figures figures;
};

struct report {
    struct report_from from; /* while it is read */
    struct report_ask ask;
    struct report_scope scope;
    bool frozen; /* of nothing but what a view picks: see report_view.h */
    int64_t took_us;
    int64_t seeds;
    /* Captions: all of them, then those that are measured. */
    struct ledger_values captions;
    int64_t rejected, accepted, corrected, verdict_rejected;
    int64_t marked_exact, marked_near;
    int64_t measured, trial;
    int64_t measured_shards; /* the first ones; of a frozen view not always all */
    struct spread words, characters, sentences;
    struct lexical lexical;
    struct openings openings;
    struct distinct texts;
    int64_t with_words;            /* of the measured, those that have words */
    struct sample sample;          /* with signatures */
    struct near near;              /* of the sample: what has a near duplicate */
    double self_bleu, compression; /* NaN: too few */
    int64_t dialogues, dialogues_measured, dialogues_trial;
    struct report_task tasks[DIALOGUE_TASKS];
    int64_t failures;
    struct ledger usage, recipes, prompts, filters, reasons;
    char recipe_kinds[LEDGER_ROWS_MAX][LEDGER_KEY]; /* of the rows of `recipes`, once sorted */
};

/* No more than half of the request pool's threads make reports at a time: ERR_UNAVAILABLE. */
int report_enter(struct app *app, struct err *e);
void report_leave(struct app *app);
/* A connection of its own: a plan that was made while the tables were small would read them whole
 * for every page. */
struct db *report_connect(const struct app *app, struct err *e);
void report_disconnect(struct db **db);

struct report *report_new(struct err *e);
void report_free(struct report *r); /* accepts NULL */
static inline void report_freep(struct report **r)
{
    report_free(*r);
}
/* Reads all that the report needs. Ends with ERR_UNAVAILABLE when it is to be given up. */
int report_read(struct report *r, const struct report_from *from, const struct report_ask *ask,
                struct err *e);
/* The same once r->from, r->ask and r->scope are set. */
int report_read_rows(struct report *r, struct err *e);
/* Every statement of a report goes through here, so that no report outlives the server. */
int report_statement(struct report *r, const struct db_call *c, struct rows **rows, struct err *e);
/* Parts of report_read, of one shard: texts, conversations, and in a second pass signatures. */
int report_read_texts(struct report *r, int64_t shard, struct err *e);
int report_read_dialogues(struct report *r, int64_t shard, struct err *e);
int report_read_near(struct report *r, int64_t shard, struct err *e);
/* What follows from the sample, once all captions have been read: self-BLEU and compression, and
 * the sample's signatures for report_read_near. */
int report_finish(struct report *r, struct err *e);

/* Whether anything of the offline composer's was measured. */
static inline bool report_is_trial(const struct report *r)
{
    return r->trial + r->dialogues_trial > 0;
}
/* a / b; NaN when b is 0. */
double report_ratio(int64_t a, int64_t b);
/* How many captions have the very words of one before them; estimated beyond REPORT_REPEATED_MAX.
 */
double report_repeated(const struct report *r);
/* The share of the sample that has a near duplicate among the measured captions; NaN without
 * signatures. */
double report_near_share(const struct report *r);
/* The share of the commonest opening, NaN when there is none. */
double report_top_opening(const struct report *r, const struct opening **one);
enum { REPORT_WORD_BUCKETS = 15 };
/* The histogram of words per caption. */
void report_word_buckets(const struct report *r, uint32_t out[REPORT_WORD_BUCKETS]);
/* Sum over the rows of a stage. */
struct ledger_values report_stage(const struct report *r, const char *stage);

void report_write(const struct report *r, struct buf *b);
void report_write_ask(const struct report *r, struct buf *b);
void report_write_warnings(const struct report *r, struct buf *b);
/* The members `paper`, or `paper_note` for the offline composer's. */
void report_write_paper(const struct report *r, struct buf *b);
void report_write_definitions(const struct report *r, struct buf *b);
void report_write_comparison(const struct report *a, const struct report *b,
                             const char *const reference[2], struct buf *out);

#endif
