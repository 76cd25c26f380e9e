/* The settings of a run as they are frozen in it: what handlers write, and what stages see. */
#ifndef MONOCEROS_DOMAIN_SETTINGS_H
#define MONOCEROS_DOMAIN_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/domain/filters.h"
#include "server/domain/identity.h"
#include "server/domain/prompt.h"
#include "server/domain/turns.h"
#include "server/domain/vector.h"

enum { CHOICES_MAX = 8 };

/* A run may mix providers and prompts. Which one an item takes is a hash over the shares, which sum
 * to 1, so that it is the same in every run and every process. */
struct provider_choice {
    struct str name;   /* as it is declared */
    struct str kind;   /* "openai" or "offline" */
    struct str model;  /* as it is declared */
    struct str served; /* as the server reports it; unset while nobody has asked */
    struct str extra;  /* which members are added to its requests, as an id; empty: none */
    int window;        /* calls at a time, as configured: for estimates */
    double share;
};

struct prompt_choice {
    struct prompt prompt;
    double share;
};

/* Settings of one language-model stage. */
struct call_settings {
    bool set;
    const char *stage; /* "captions" or "dialogues" */
    int n_providers, n_prompts;
    struct provider_choice providers[CHOICES_MAX];
    struct prompt_choice prompts[CHOICES_MAX];
    double temperature, top_p; /* negative: not sent */
    int max_tokens;            /* 0: not sent */
    int64_t seed;              /* negative: none */
    struct str salt;
    int64_t variants;           /* captions */
    double mix[DIALOGUE_TASKS]; /* dialogues */
    struct turns turns, reasoning_turns;
    uint8_t recipe[RECIPE_ID_BYTES];
};

struct run_settings {
    struct call_settings captions, dialogues;
    struct filter_settings filters;
    const struct gram_set *instructions; /* of the captions' prompts; NULL: none */
    struct str encoder;           /* declared name; unset when the run has no representations */
    enum vector_type vector_type; /* of the dataset */
};

/* Whether the served model of every provider is known, so that there is a recipe. */
bool call_settings_resolved(const struct call_settings *s);
/* The kind of all providers, or "mixed". */
struct str call_settings_kind(const struct call_settings *s);
/* The settings as a JSON value, without the recipe. */
void call_settings_write(const struct call_settings *s, struct buf *json);
/* Reads what call_settings_write wrote. The strings are copied into the arena. */
int call_settings_read(struct str json, const char *stage, struct arena *a,
                       struct call_settings *out, struct err *e);

/* How long a dialogue of a task is to be. */
const struct turns *call_settings_turns(const struct call_settings *s, int task);

/* The choice of the item with this id. */
int call_settings_provider(const struct call_settings *s, struct str id);
int call_settings_prompt(const struct call_settings *s, struct str id);

#endif
