/* Noun phrases and verbs of a text: a shallow reading that is content with what the lexicon
 * knows. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_PHRASES_H
#define MONOCEROS_PROVIDERS_OFFLINE_PHRASES_H

#include "providers/offline/words.h"

enum { PHRASES_MAX = 192 };

/* [determiner] [number] [qualities] noun, e.g. "the two small brown dogs". */
struct phrase {
    uint16_t first, head, end; /* word indices; end is one past the last */
    uint16_t number;           /* index of the number word + 1, 0: none */
    uint16_t colour;           /* index of the first colour word + 1, 0: none */
    uint16_t colour_end;       /* one past the last colour word */
    bool determined;           /* has a determiner, number or possessive */
    bool indefinite;           /* a, an, another */
    bool plural;
    const struct noun *noun;
};

enum verb_role { VERB_NONE, VERB_FINITE, VERB_ING, VERB_MAYBE };

struct phrases {
    size_t n;
    struct phrase p[PHRASES_MAX];
    uint8_t role[WORDS_MAX]; /* enum verb_role of each word */
};

void phrases_read(struct phrases *ps, const struct words *ws);
/* Index of the phrase that contains word i, or -1. */
int phrase_at(const struct phrases *ps, size_t word);
/* Whether a word that the lexicon lacks follows, so that the head may be another ("fire engine").
 */
bool phrase_is_open(const struct words *ws, const struct phrase *p);
/* Colours of a phrase as written, or empty. */
struct str phrase_colour(const struct phrase *p, const struct words *ws);

#endif
