/* The stages of the pipeline: the table that says what they are, and the items that they work on.
 * A stage is a pure function of item and settings; leases, flushes and threads are work/'s. */
#ifndef MONOCEROS_STAGES_STAGE_H
#define MONOCEROS_STAGES_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/statements.h"
#include "providers/llm.h"
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/domain/identity.h"
#include "server/domain/reserved.h"
#include "server/domain/settings.h"
#include "stages/filters/filters.h"

enum stage_id {
    STAGE_RESOLVE,
    STAGE_PLAN,
    STAGE_CAPTIONS,
    STAGE_DUPLICATES,
    STAGE_DIALOGUES,
    STAGE_EMBED,
    STAGE_TARGETS,
    STAGE_MOMENTS,
    STAGE_TRANSFER,
    STAGE_PREPARE,
    STAGE_EXPORT,
    STAGE_MANIFEST,
    STAGE_DISCARD,
    STAGE_DELETE,
    STAGE_COUNT,
};

/* Which threads work on it. */
enum stage_lane {
    LANE_STAGES,  /* those that drive calls and may not stand still */
    LANE_SLOW,    /* takes minutes: one of its own */
    LANE_EXPORTS, /* reads and writes as fast as it can: some of their own */
    LANES
};

enum item_state {
    ITEM_PENDING,  /* no result and no failure of this run */
    ITEM_MADE,     /* by this run */
    ITEM_EXISTING, /* there before this run */
    ITEM_FAILED,   /* in this run */
};

/* What a stage made of an item; memory of the task's arena. */
struct result {
    struct str text; /* the caption, or the dialogue's conversations as JSON */
    uint8_t hash[CAPTION_HASH_BYTES];
    const char *dropped;           /* the filter that dropped a caption, or NULL */
    const char *flags;             /* comma-separated, "" for none */
    struct filter_verdict filters; /* captions: what both of them follow from */
    struct str signature;          /* MinHash of a caption; unset without a word */
    int turns;
    struct str vector; /* the stored bytes of an embedding */
    bool truncated;    /* of a text that was longer than its encoder reads */
    struct str model, finish_reason;
};

/* One (seed, variant) of captions, one (caption, task) of dialogues, one caption of embed. */
struct item {
    uint8_t seed[SEED_ID_BYTES];
    int variant;
    uint8_t hash[CAPTION_HASH_BYTES]; /* of the caption: dialogues and embed */
    int task;                         /* index in dialogue_tasks: dialogues */
    struct str text;                  /* the seed's or the caption's */
    struct str domain, source, label; /* of the seed: captions */
    int provider, prompt;             /* its choices among those of the run */
    int asked;                        /* calls that were answered so far */
    const char *refusal;              /* why the last answer was refused, for the next call */
    const char *refusal_code;         /* the same as a stable code, for failures */
    bool schema_held;                 /* the last answer was what its schema asks for */
    bool repaired;                    /* it was mended, or bad pairs were left out */
    struct llm_usage usage;           /* of all calls for it */
    int64_t cost;                     /* of the same, in billionths of a dollar */
    struct result result;
};

/* How an answer fared. */
enum verdict {
    VERDICT_TAKEN,   /* item->result is filled */
    VERDICT_REFUSED, /* item->refusal says why; worth asking again */
};

struct stage {
    const char *name;     /* in tasks.stage */
    const char *api_name; /* as runs and failures name it */
    bool ranged;          /* works on the items of a range, else on a whole shard or run */
    enum stmt_id load, finish;
    /* Language-model stages: the settings of a run that it has, the id that decides an item's
     * choices among providers and prompts, the call for an item, and the judgement of its answer.
     */
    const struct call_settings *(*settings)(const struct run_settings *s);
    struct str (*choice_id)(const struct item *it, struct arena *a);
    int (*request)(const struct run_settings *s, const struct item *it, struct arena *a,
                   struct llm_request *r, struct err *e);
    enum verdict (*accept)(const struct run_settings *s, struct item *it,
                           const struct llm_reply *reply, struct arena *a);
    /* The slot within the seed, as failures.item. */
    const char *(*item_key)(const struct item *it, struct arena *a);
    enum stage_lane lane;
    bool takes_cut; /* an answer that was cut by its token limit may be of use */
};

extern const struct stage stages[STAGE_COUNT];

/* STAGE_COUNT for an unknown name. */
enum stage_id stage_by_name(struct str name);

int caption_request(const struct run_settings *s, const struct item *it, struct arena *a,
                    struct llm_request *r, struct err *e);
enum verdict caption_accept(const struct run_settings *s, struct item *it,
                            const struct llm_reply *reply, struct arena *a);
/* Puts a changed verdict of the filters into the item's result. -1 when out of memory. */
int caption_verdict(struct item *it, const struct filter_verdict *v, struct arena *a);
int dialogue_request(const struct run_settings *s, const struct item *it, struct arena *a,
                     struct llm_request *r, struct err *e);
enum verdict dialogue_accept(const struct run_settings *s, struct item *it,
                             const struct llm_reply *reply, struct arena *a);
/* Fills item->result from a unit-length vector of n values. -1 when it is not finite. */
int embed_accept(const struct run_settings *s, struct item *it, const float *vector, size_t n,
                 struct arena *a);

#endif
