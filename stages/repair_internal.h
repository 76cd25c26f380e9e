/* Private to stages/repair*.c. */
#ifndef MONOCEROS_STAGES_REPAIR_INTERNAL_H
#define MONOCEROS_STAGES_REPAIR_INTERNAL_H

#include <stdint.h>

#include "stages/repair.h"

struct reader {
    struct str s;
    size_t i; /* never beyond s.n */
    struct arena *arena;
    size_t *nodes; /* counted over all starts */
    int lists;     /* open ones */
    bool repaired;
    bool failed; /* too many values, or no memory */
};

/* Where a string stands decides what may follow its closing quote. */
enum place {
    PLACE_KEY,
    PLACE_MEMBER, /* value of an object's member */
    PLACE_ITEM,   /* of a list */
    PLACE_WHOLE,  /* the text is this string alone */
};

/* Reads the value at r->i; NULL when there is none, or when r->failed. */
struct node *repair_value(struct reader *r, enum place place, int depth);
/* Reads the string whose opening quote is at r->i. */
struct node *repair_string(struct reader *r, enum place place);
/* Undoes one level of escapes; r->repaired is set when they are not JSON's. p is NULL without
 * memory. */
struct str repair_unescape(struct reader *r, struct str raw);

/* NULL, and r->failed, when there are too many. */
struct node *repair_node(struct reader *r, enum node_type type);
/* Skips white space, and comments and marks that JSON does not know. */
void repair_advance(struct reader *r);
/* Length of an opening quote at `at`; 0 when there is none. */
size_t repair_quote(const struct reader *r, size_t at);
/* Whether a member's name and a colon stand at `at`. */
bool repair_is_key(const struct reader *r, size_t at);
/* Whether a value that is no bare word of prose stands at `at`. */
bool repair_is_item(const struct reader *r, size_t at);

static inline bool repair_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '-';
}

static inline struct str repair_rest(const struct reader *r, size_t at)
{
    return str_from(r->s, at);
}

static inline char repair_at(const struct reader *r, size_t at)
{
    return at < r->s.n ? r->s.p[at] : '\0';
}

#endif
