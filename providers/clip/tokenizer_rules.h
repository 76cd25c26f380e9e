/* tokenizer.json: whether its rules are CLIP's, and what it says besides. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_RULES_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_RULES_H

#include <jansson.h>

#include "providers/clip/tokenizer_state.h"
#include "server/base/err.h"

#define CLIP_TOKENIZER_JSON "tokenizer.json"

/* Refuses a normaliser, a splitting, a model or a framing that is not CLIP's, and takes vocabulary
 * and merges. Changes the file's tree. */
int clip_rules_take(struct clip_tokenizer *t, json_t *file, struct err *e);

#endif
