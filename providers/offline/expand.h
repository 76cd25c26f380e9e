/* A template language of two marks: "{name}" is a slot, "[a|b]" a choice, which may be nested and
 * may hold slots of context but none that states a fact. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_EXPAND_H
#define MONOCEROS_PROVIDERS_OFFLINE_EXPAND_H

#include "providers/offline/choose.h"
#include "providers/offline/style.h"
#include "server/base/buf.h"

/* The first STYLE_KINDS slots are the kinds of style in their order. */
enum slot {
    SLOT_REF = STYLE_KINDS, /* "the dog" */
    SLOT_GROUND,            /* "the grass" */
    SLOT_PART,              /* "the fur" */
    SLOT_THING,             /* "the guitar" */
    SLOT_ACCENT,            /* "the red ball" */
    SLOT_SEED,
    SLOT_ACT,   /* "is running through the snow" */
    SLOT_PLACE, /* "on the beach" */
    SLOT_COUNT, /* "two" … */
    SLOT_COLOUR,
    SLOT_TIME,
    SLOT_OBJECT,          /* "a red ball" */
    SLOT_OTHER,           /* a value that does not hold */
    SLOT_FACTS,           /* slots up to here state something; the rest is grammar */
    SLOT_IS = SLOT_FACTS, /* of {ref} and {subject} */
    SLOT_HAS,
    SLOT_S,
    SLOT_THING_IS,
    SLOT_ACCENT_IS,
    SLOT_SUBJECT,
    SLOT_VALUE,   /* of the fact that is asked for */
    SLOT_A_VALUE, /* with an article */
    SLOT_ABOUT,   /* what that fact is about */
    SLOT_ABOUT_IS,
    SLOT_ABOUT_DO,
    SLOT_VERB,
    SLOT_COUNT_OF,
    SLOT_COUNT_ONE_MORE,
    SLOT_COLOUR_OF,
    SLOT_OBJECT_OF,
    SLOT_OBJECT_IS,
    SLOT_OBJECT_VERB,
    SLOTS
};

struct slots {
    struct str v[SLOTS];
};

#define SLOT_BIT(slot) ((uint64_t)1 << (slot))

/* Bits of the slots below SLOT_FACTS that a template names. */
uint64_t template_mask(const char *template);
void template_expand(struct buf *out, const char *template, const struct slots *slots,
                     struct choice *c);
/* Makes the ASCII letter at `at`, or the one behind a quote there, a capital. */
void capitalise(struct buf *b, size_t at);

#endif
