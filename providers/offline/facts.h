/* What a caption states, each with values of the same kind that it contradicts. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_FACTS_H
#define MONOCEROS_PROVIDERS_OFFLINE_FACTS_H

#include "providers/offline/choose.h"
#include "providers/offline/style.h"
#include "providers/offline/subject.h"

enum fact_kind {
    FACT_STYLE, /* values of enum style come first */
    FACT_COLOUR = STYLE_KINDS,
    FACT_COUNT,
    FACT_PLACE,
    FACT_ACT,    /* "runs through the snow", "run …" */
    FACT_DOING,  /* "running through the snow" */
    FACT_ANIMAL, /* the only kind of animal */
    FACT_WHO,    /* the only kind of person */
    FACT_OBJECT, /* of a verb of the subject: "a red ball" */
    FACT_MOUTH,  /* what is held in a mouth */
    FACT_TIME,   /* of day */
    FACT_KINDS
};

enum { FACTS_MAX = 40, WRONGS = 3, WRONG_MAX = 56, ABOUT_MAX = SUBJECT_REF_MAX };

struct fact {
    uint8_t kind;          /* enum fact_kind or enum style */
    struct str value;      /* as the caption has it, up to case */
    char about[ABOUT_MAX]; /* "the dog"; for FACT_COUNT the bare plural; "" where nothing is needed
                            */
    bool plural;           /* of about */
    char verb[24];         /* FACT_OBJECT: the -ing form */
    char wrong[WRONGS][WRONG_MAX];
    unsigned n_wrong; /* fewer than WRONGS: no multiple-choice question */
};

struct facts {
    struct words words;
    struct phrases phrases;
    struct subject subject;
    struct fact f[FACTS_MAX];
    size_t n;
};

/* `caption` must outlive the facts. Free with free(); NULL when out of memory. */
struct facts *facts_read(struct str caption, struct choice *c);

/* The parts of facts_read. */
void facts_style(struct facts *fs, struct choice *c);
void facts_content(struct facts *fs, struct choice *c);
/* A new fact at the end, or NULL when there is no room; `about` is cut to fit. */
struct fact *facts_add(struct facts *fs, enum fact_kind kind, struct str value, const char *about);
/* Words of the caption as written, in lower case where a sentence begins with them. */
struct str facts_slice(const struct facts *fs, size_t first, size_t end);
/* Adds a wrong value unless a word of it that the right value lacks occurs in the caption. */
void fact_wrong(struct facts *fs, struct fact *f, const char *wrong);
/* The same for wording that is exclusive as a whole: only the phrase must not occur. */
void fact_wrong_phrase(struct facts *fs, struct fact *f, const char *wrong);

#endif
