/* Whom or what a text is about, and what it does. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_SUBJECT_H
#define MONOCEROS_PROVIDERS_OFFLINE_SUBJECT_H

#include "providers/offline/phrases.h"

enum { SUBJECT_REF_MAX = 96 };

struct subject {
    const struct noun *noun;   /* NULL: unknown */
    char ref[SUBJECT_REF_MAX]; /* "the dog", "the man and the woman", "the main subject" */
    bool plural;
    bool joined;             /* of two phrases */
    bool repeated;           /* the text has another one of the same kind */
    int phrase;              /* its index, or -1 */
    uint64_t traits;         /* S_ and F_LIVE */
    const struct verb *verb; /* NULL: none found */
    size_t verb_at;
};

/* Looks in the first `sentences` sentences. */
void subject_find(struct subject *s, const struct words *ws, const struct phrases *ps,
                  unsigned sentences);
/* The first verb of a phrase within its sentence; the word's index or -1. */
int phrase_verb(const struct words *ws, const struct phrases *ps, const struct phrase *p);

#endif
