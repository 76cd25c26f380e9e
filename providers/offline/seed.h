/* A seed as the grammar needs it: cleaned, classed, with what it settles about the scene. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_SEED_H
#define MONOCEROS_PROVIDERS_OFFLINE_SEED_H

#include "providers/offline/subject.h"
#include "server/base/buf.h"

enum seed_form {
    SEED_SENTENCE, /* one sentence with a finite verb */
    SEED_PHRASE,   /* a noun phrase, perhaps with participles */
    SEED_PICTURE,  /* a phrase that begins with "a photo of" or the like */
    SEED_DOUBTFUL, /* English, but the reading is not sure */
    SEED_VERBATIM, /* several sentences, or a language the lexicon does not know */
};

enum { SEED_THINGS_MAX = 4 };

/* "the red ball" */
struct seed_thing {
    char ref[SUBJECT_REF_MAX];
    bool plural;
    bool coloured; /* with a colour that can stand out */
};

struct seed {
    struct words words;
    struct phrases phrases;
    struct subject subject;
    enum seed_form form;
    uint64_t traits;
    struct buf clean;    /* spacing and case put right, no full stop at the end */
    char end;            /* '.', '!' or '?' */
    bool lower_first;    /* the first word may lose its capital inside a sentence */
    const char *article; /* "a ", "an " where a bare singular noun begins the seed, or "" */
    size_t n_words;
    struct seed_thing things[SEED_THINGS_MAX];
    size_t n_things;
};

/* Free with seed_free; NULL when out of memory. */
struct seed *seed_read(struct str text);
void seed_free(struct seed *s); /* accepts NULL */

static inline void seed_freep(struct seed **s)
{
    seed_free(*s);
}

/* The parts, in the order in which seed_read runs them. */
void seed_clean(struct seed *s, struct str text);
enum seed_form seed_form(const struct seed *s);
void seed_scene(struct seed *s);

#endif
