/* Recipes: everything that decides a stage's output, as canonical JSON and its hash. */
#ifndef MONOCEROS_DOMAIN_RECIPE_H
#define MONOCEROS_DOMAIN_RECIPE_H

#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"
#include "server/domain/identity.h"

enum { DIALOGUE_TASKS = 3 };
extern const char
    *const dialogue_tasks[]; /* multiple_choice, question_answering, complex_reasoning */
/* The default mix: the paper's 171 : 199 : 100 out of 1,243 thousand captions. */
extern const double dialogue_default_mix[DIALOGUE_TASKS];
/* The JSON schema of the answer of a task, by its number: a constant, part of the recipe. */
const char *dialogue_schema(int task);

/* A prompt built into the program; its text is part of the recipe. The user message is
 * task + user_prefix + seed or caption, joined as they stand. */
struct prompt {
    const char *name;        /* "dense-v1" */
    const char *stage;       /* "captions" or "dialogues" */
    const char *system;      /* captions: the instructions; dialogues: shared by the tasks */
    const char *user_prefix; /* what stands before the seed or caption */
    const char *task[DIALOGUE_TASKS]; /* dialogues: what differs by task; captions: NULL */
};

extern const struct prompt prompts[]; /* ended by a NULL name */
/* NULL when there is none. */
const struct prompt *prompt_find(struct str stage, struct str name);

struct recipe_settings {
    const char *stage; /* "captions" or "dialogues" */
    const char *kind;  /* provider kind: "openai", "offline" */
    struct str model;
    const struct prompt *prompt;
    double temperature, top_p;
    int max_tokens;
    int64_t seed;
    struct str salt;
};

/* Writes the canonical JSON (members in alphabetical order, no white space) to *json, in place of
 * what it held, and its SHA-256, first 16 bytes, to id. A negative temperature, top_p or seed and
 * a max_tokens of 0 are written as null. Check json->failed. */
void recipe_build(const struct recipe_settings *s, struct buf *json, uint8_t id[RECIPE_ID_BYTES]);
/* The recipe of human corrections. */
void recipe_human(struct buf *json, uint8_t id[RECIPE_ID_BYTES]);

#endif
