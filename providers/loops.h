/* Finds a model that has lost its way: white space without end, or the same words over and over.
 * Pure. Looks at a text as it grows, each byte once and a window behind it. */
#ifndef MONOCEROS_PROVIDERS_LOOPS_H
#define MONOCEROS_PROVIDERS_LOOPS_H

#include <stddef.h>

#include "server/base/str.h"

enum {
    LOOP_SPACES = 256, /* bytes of white space in a row */
    LOOP_BYTES = 256,  /* of one unit repeated, and at least LOOP_TIMES of it */
    LOOP_TIMES = 4,
    LOOP_UNIT_MAX = 512,
};

enum loop_kind { LOOP_NONE, LOOP_WHITESPACE, LOOP_REPETITION };

/* Zeroed at the start of a text. */
struct loops {
    size_t spaces_seen, spaces; /* bytes looked at, and how many at their end are white space */
    size_t checked;
    enum loop_kind found;
};

/* `text` is all there is so far; what was seen before must not have changed. Stays at what was
 * found first. */
enum loop_kind loops_look(struct loops *l, struct str text);
/* The stable code for a failure's reason; NULL for LOOP_NONE. */
const char *loop_reason(enum loop_kind kind);

#endif
