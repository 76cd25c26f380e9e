/* What a request for a run asks for, checked and completed: the settings that are frozen in the run
 * and the recipes that follow from them. */
#ifndef MONOCEROS_HANDLERS_RUN_REQUEST_H
#define MONOCEROS_HANDLERS_RUN_REQUEST_H

#include "handlers/job.h"
#include "handlers/operation.h"
#include "server/domain/settings.h"
#include "server/domain/transfer_parameters.h"
#include "server/json/decode.h"

enum run_stage { STAGE_CAPTIONS, STAGE_DIALOGUES, STAGE_REPRESENTATIONS, STAGE_COUNT };
extern const char *const run_stages[]; /* names by number, NULL-terminated */

struct run_select {
    struct str source, domain, verdict;
    struct list seed_ids;
};

enum { PROMPT_NAME_MAX = 80 };

/* One of several providers or prompts that share the items of a stage. */
struct run_share {
    struct str name;
    struct opt_number weight;
};

struct run_turns {
    struct opt_int min, max;
};

/* Of a stage that a language model does. */
struct run_llm {
    struct str provider, prompt, salt;
    struct list providers, prompts; /* of struct run_share */
    struct opt_number temperature, top_p;
    struct opt_int max_tokens, seed;
    struct opt_int variants;       /* captions */
    struct filters_given *filters; /* captions */
    /* Of dialogues: DIALOGUE_TASKS shares or numbers; NULL when not given. */
    struct opt_number *mix;
    struct opt_int *targets;
    struct opt_bool top_up;
    struct run_turns *turns, *reasoning_turns;
};

/* A transfer with all that it is made of, where a request has it in one object. */
struct run_transfer {
    struct str method, image_moments;
    struct transfer_parameters *parameters;
};

struct run_vectors {
    struct str encoder, transfer, image_moments;
    struct transfer_parameters *parameters;
    struct run_transfer *whole; /* instead of the three */
};
/* As those of the representations stage, with `transfer` as one object. */
extern const struct field vector_whole_fields[];

struct run_budget {
    struct opt_number cost_usd;
    struct opt_int tokens;
    struct str deadline;
};
extern const struct field budget_fields[];
/* DIALOGUE_TASKS numbers, the shares of a mix. */
extern const struct field mix_fields[];

struct run_dry_run {
    struct opt_int pilot;
};

struct run_body {
    struct str labels; /* as JSON */
    struct list stages;
    struct opt_int limit;
    struct run_select *select;
    struct opt_number max_failed;
    struct run_llm *captions, *dialogues;
    struct run_vectors *representations;
    struct run_budget *budget;
    struct run_dry_run *dry_run;
};

/* Where a plan finds what stands in the database. */
struct run_sources {
    void *arg;
    /* An operator's prompt of a stage by name, or by name@version: 1, 0 when there is none, -1. Its
     * texts live as long as the request. */
    int (*prompt)(void *arg, const char *stage, struct str name, struct prompt *out, struct err *e);
    /* What a provider's server calls its model, unset when nobody has asked lately. */
    int (*served)(void *arg, const char *provider, const char *model, struct str *out,
                  struct err *e);
    /* The id of an encoder's image moments by reference: 1, 0 when there are none, -1. */
    int (*image_moments)(void *arg, const char *encoder, struct str reference, struct str *id,
                         struct err *e);
};

/* Texts are JSON in the arena, NULL where the run has no such stage. */
struct run_plan {
    bool stages[STAGE_COUNT];
    int64_t variants;
    struct opt_int limit, dry_run;
    struct call_settings caption_settings, dialogue_settings;
    bool targeted;                   /* dialogues by number, not by share */
    int64_t targets[DIALOGUE_TASKS]; /* 0: none of this task */
    int top_up;                      /* rounds of making up for failures */
    const char *selection;
    /* {recipe, kind, canonical, settings}, or the settings alone */
    const char *captions, *dialogues;
    /* {name, settings} and, once the dimension is known, {id, kind, model, dimension} */
    const char *encoder;
    const char *filters; /* captions */
    bool barrier;        /* later stages wait until duplicates are dropped */
};

/* Checks the body against itself and against what is declared; every fault is reported as a field.
 */
int run_plan_make(struct req *q, const struct run_body *b, const struct run_sources *from,
                  struct run_plan *p, struct err *e);

/* Three parameters: cost, tokens and deadline, each NULL where b does not say. */
int bind_budget(struct req *q, struct db_call *c, const struct run_budget *b, struct err *e);

/* A time with date, seconds and zone that exists. */
bool is_rfc3339(struct str s);

#endif
