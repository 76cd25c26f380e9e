/* What a trainer's template cannot take. */
#ifndef MONOCEROS_DOMAIN_RESERVED_H
#define MONOCEROS_DOMAIN_RESERVED_H

#include "server/base/str.h"

/* Strings that end or open a turn in the trainers' templates: a text that holds one breaks the loss
 * mask of its whole sample. NULL when there is none, else the string found. */
const char *reserved_string(struct str text);

#endif
