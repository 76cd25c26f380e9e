/* What a dialogue is to look like as JSON. */
#ifndef MONOCEROS_DOMAIN_DIALOGUE_SCHEMA_H
#define MONOCEROS_DOMAIN_DIALOGUE_SCHEMA_H

#include "server/base/buf.h"
#include "server/domain/turns.h"

/* In characters; the rules of the stage allow a little more. */
enum {
    SCHEMA_QUESTION_MAX = 400,
    SCHEMA_OPTION_MAX = 200,
    SCHEMA_SENTENCE_MAX = 500,
    SCHEMA_PARAGRAPH_MAX = 2000,
};

/* Appends the JSON schema of the answer of a task, by its number; part of the recipe. */
void dialogue_schema(int task, const struct turns *range, struct buf *json);

#endif
