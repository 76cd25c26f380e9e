/* Prompts: the texts that make a model write captions and dialogues. */
#ifndef MONOCEROS_DOMAIN_PROMPT_H
#define MONOCEROS_DOMAIN_PROMPT_H

#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/str.h"
#include "server/domain/turns.h"

enum { DIALOGUE_TASKS = 3, PROMPT_HASH_BYTES = 16 };
extern const char
    *const dialogue_tasks[]; /* multiple_choice, question_answering, complex_reasoning */
/* The default mix: the paper's 171 : 199 : 100 out of 1,243 thousand captions. */
extern const double dialogue_default_mix[DIALOGUE_TASKS];
/* How many turns a dialogue has when its run does not say. */
extern const struct turns dialogue_default_turns[DIALOGUE_TASKS];

/* A prompt; its texts are part of every recipe that names it. The system message is the same for
 * every item of a stage, byte for byte, so that servers find it in their prefix caches; what
 * differs stands in the user's message. */
struct prompt {
    const char *name;     /* "dense-v1", or "name@version" of an operator's */
    const char *stage;    /* "captions" or "dialogues" */
    const char *system;   /* captions: the instructions; dialogues: shared by the tasks */
    const char *template; /* the user's message, with {{seed}}, {{caption}}, {{task}} … */
    const char *task[DIALOGUE_TASKS]; /* dialogues: what {{task}} stands for; captions: NULL */
    const char *description;          /* for people; no part of what is hashed */
};

extern const struct prompt prompts[]; /* those built into the program, ended by a NULL name */
/* NULL when there is none. */
const struct prompt *prompt_find(struct str stage, struct str name);

/* The members system, tasks and template, in this order, of an object that is open. */
void prompt_parts_write(const struct prompt *p, struct buf *json);
/* First 16 bytes of SHA-256 over {stage, system, tasks, template} as JSON: the same texts have the
 * same hash under any name. */
void prompt_hash(const struct prompt *p, uint8_t out[PROMPT_HASH_BYTES]);

/* What the variables stand for; unset ones are empty. `task` may use {{turns_min}} and
 * {{turns_max}} itself. */
struct prompt_values {
    struct str seed, caption, domain, source, label, task;
    struct turns turns; /* that the run asks for; 0: unset */
};

/* The user's message in the arena, of a template that has been checked; p is NULL when memory is
 * short. */
struct str prompt_render(const struct prompt *p, const struct prompt_values *v, struct arena *a);

#endif
