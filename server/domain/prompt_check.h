/* What the texts of a prompt must be like: which variables stand where. Pure functions. */
#ifndef MONOCEROS_DOMAIN_PROMPT_CHECK_H
#define MONOCEROS_DOMAIN_PROMPT_CHECK_H

#include <stdbool.h>

#include "server/base/err.h"
#include "server/domain/prompt.h"
#include "server/domain/template.h"

/* The texts parsed; refers to them. */
struct prompt_form {
    struct template user, tasks[DIALOGUE_TASKS];
};

/* Reports faults by pointers to /system, /template and /tasks/…: unknown and missing variables,
 * braces without counterpart, variables in `system`, which is the same for all items, and reserved
 * strings. 0, or -1. */
int prompt_check(const struct prompt *p, struct arena *a, struct prompt_form *f, struct err *e);
/* Whether words that are the same for many items stand behind the item's own text, where no prefix
 * cache can keep them. */
bool prompt_is_wasteful(const struct prompt_form *f);
/* The variables that stand anywhere in it, as bits. */
unsigned prompt_variables(const struct prompt_form *f);

#endif
