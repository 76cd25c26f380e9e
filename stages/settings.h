/* The frozen settings of a run as the stages see them. */
#ifndef MONOCEROS_STAGES_SETTINGS_H
#define MONOCEROS_STAGES_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/domain/identity.h"
#include "server/domain/recipe.h"

/* Settings of one language-model stage. */
struct call_settings {
    bool set;
    struct str provider; /* its declared name */
    const struct prompt *prompt;
    double temperature, top_p;
    int max_tokens;
    int64_t seed; /* negative: none */
    struct str salt;
    uint8_t recipe[RECIPE_ID_BYTES];
};

struct run_settings {
    struct call_settings captions, dialogues;
    struct str encoder; /* declared name; unset when the run has no representations */
};

/* Fills one stage's settings from the JSON that the run was created with. The strings are copied
 * into the arena. recipe_hex is the recipe's id as 32 hex digits. */
int call_settings_read(struct str json, const char *stage, struct str recipe_hex, struct arena *a,
                       struct call_settings *out, struct err *e);

#endif
