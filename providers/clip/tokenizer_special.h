/* Special tokens: which a tokenizer has, and whether they are looked for before a text is
 * normalised or after. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_SPECIAL_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_SPECIAL_H

#include <jansson.h>

#include "providers/clip/tokenizer_state.h"
#include "server/base/err.h"

/* What says something about them; each may be NULL, but the vocabulary. */
struct clip_special_files {
    const json_t *vocabulary;
    const json_t *tokenizer; /* tokenizer.json */
    const json_t *config;    /* tokenizer_config.json */
    const json_t *map;       /* special_tokens_map.json */
    json_t *added;           /* added_tokens.json */
};

int clip_special_take(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e);

#endif
