/* Recipes: everything that decides a stage's output, as canonical JSON and its hash. */
#ifndef MONOCEROS_DOMAIN_RECIPE_H
#define MONOCEROS_DOMAIN_RECIPE_H

#include <stdint.h>

#include "server/base/buf.h"
#include "server/domain/identity.h"
#include "server/domain/settings.h"

/* Writes the canonical JSON (members in alphabetical order, no white space) to *json, in place of
 * what it held, and its SHA-256, first 16 bytes, to id. A negative temperature, top_p or seed and
 * a max_tokens of 0 are written as null. What a provider is called here does not count, the model
 * that its server reports does. Check json->failed. */
void recipe_build(const struct call_settings *s, struct buf *json, uint8_t id[RECIPE_ID_BYTES]);
/* What a run keeps of a stage, as a JSON value: {recipe, kind, canonical, settings}. */
void recipe_freeze(const struct call_settings *s, const char *recipe_hex, struct str canonical,
                   struct buf *json);
/* The recipe of human corrections. A slot holds one caption for ever, so that a correction of a
 * slot that has one already goes under the next revision; the first is 1. */
void recipe_human(int revision, struct buf *json, uint8_t id[RECIPE_ID_BYTES]);
/* The recipe of captions that were made elsewhere and imported under a name. */
void recipe_imported(struct str name, struct buf *json, uint8_t id[RECIPE_ID_BYTES]);

#endif
