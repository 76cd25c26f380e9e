/* What a language model wrote, read as the JSON that it meant. Models put prose, fences and
 * thoughts around their JSON, quote it in every way that a language knows, encode it twice, and
 * stop in the middle of it. All of that is read; nothing is made up: what is missing stays missing.
 */
#ifndef MONOCEROS_STAGES_REPAIR_H
#define MONOCEROS_STAGES_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum {
    REPAIR_BYTES_MAX = 1 << 20, /* of a text; what stands behind is not looked at */
    REPAIR_NODES_MAX = 4000,    /* values, those of false starts included */
    REPAIR_DEPTH_MAX = 16,
    REPAIR_STARTS_MAX = 16, /* brackets in prose that turn out to be none of JSON */
};

enum node_type { NODE_OBJECT, NODE_LIST, NODE_TEXT, NODE_NUMBER, NODE_TRUE, NODE_FALSE, NODE_NULL };

/* A value. Its strings are views of the text that was read, or memory of the arena. */
struct node {
    enum node_type type;
    bool cut;        /* the text ended within it */
    struct str key;  /* of a member of an object; members of one name may stand side by side */
    struct str text; /* NODE_TEXT: without quotes and escapes; NODE_NUMBER: as it is written */
    size_t n;        /* members or items */
    struct node *first, *next;
};

struct repair {
    struct node *values; /* the objects and lists in the text, in order; at least one */
    bool repaired;       /* the text is anything else than one JSON value and white space */
};

/* Reads valid UTF-8 without NUL, in time and memory proportional to its size. -1 when there is no
 * object and no list in it (ERR_MALFORMED), when it has too many values (ERR_TOO_LARGE), or without
 * memory. */
int repair_read(struct str text, struct arena *a, struct repair *out, struct err *e);

/* As strict JSON. Of members with the same name the last one is written. */
void repair_write(const struct node *n, struct buf *out);

#endif
