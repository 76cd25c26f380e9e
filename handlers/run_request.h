/* What a request for a run asks for, checked and completed: the settings that are frozen in the run
 * and the recipes that follow from them. */
#ifndef MONOCEROS_HANDLERS_RUN_REQUEST_H
#define MONOCEROS_HANDLERS_RUN_REQUEST_H

#include "handlers/operation.h"
#include "server/domain/recipe.h"
#include "server/json/decode.h"

enum run_stage { STAGE_CAPTIONS, STAGE_DIALOGUES, STAGE_REPRESENTATIONS, STAGE_COUNT };
extern const char *const run_stages[]; /* names by number, NULL-terminated */

struct run_select {
    struct str source, domain;
    struct list seed_ids;
};

/* Of a stage that a language model does. */
struct run_llm {
    struct str provider, prompt, salt;
    struct opt_number temperature, top_p;
    struct opt_int max_tokens, seed;
    struct opt_int variants; /* captions */
    struct opt_number *mix;  /* dialogues: DIALOGUE_TASKS shares; NULL when not given */
};

struct run_vectors {
    struct str encoder, transfer;
};

struct run_body {
    struct list stages;
    struct opt_int limit;
    struct run_select *select;
    struct opt_number max_failed;
    struct run_llm *captions, *dialogues;
    struct run_vectors *representations;
};

/* As JSON text in the arena, NULL where the run has no such stage. */
struct run_plan {
    bool stages[STAGE_COUNT];
    int64_t variants;
    double mix[DIALOGUE_TASKS];
    const char *selection;
    /* {recipe, kind, canonical, settings} */
    const char *captions, *dialogues;
    /* {name, settings} and, once the dimension is known, {id, kind, model, dimension} */
    const char *encoder;
};

/* Checks the body against itself and against what is declared; every fault is reported as a field.
 */
int run_plan_make(struct req *q, const struct run_body *b, struct run_plan *p, struct err *e);

#endif
