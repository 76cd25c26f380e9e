/* The offline composer: captions and dialogues from a deterministic grammar and lexicon, with no
 * model, for trying, testing and load. Pure functions: equal arguments give equal bytes, on every
 * machine and in every thread. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_COMPOSER_H
#define MONOCEROS_PROVIDERS_OFFLINE_COMPOSER_H

#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum composer_task {
    COMPOSER_MULTIPLE_CHOICE,
    COMPOSER_QUESTION_ANSWERING,
    COMPOSER_COMPLEX_REASONING,
};

/* Version of grammar and lexicon; part of the served model's name, so that a change of either is a
 * new recipe. */
#define COMPOSER_MODEL "offline-composer-1"

/* Appends one paragraph of 50 to 150 words that keeps what the seed says. `key` (the seed's id),
 * `salt` (of the recipe) and `variant` decide every choice. 0, or -1 with ERR_PROVIDER. */
int composer_caption(struct str seed, struct str key, struct str salt, int variant, struct buf *out,
                     struct err *e);

/* What a dialogue is to be like. */
struct composer_form {
    int least, most; /* pairs of question and answer, both ends included; 0: as many as usual */
    int variant;     /* another one gives another dialogue: when the first was not accepted */
};

/* Appends the dialogue of a caption as the JSON that is asked of a model:
 *   {"pairs":[{"question":"…","options":{"A":"…","B":"…","C":"…","D":"…"},"answer":"B"}]}
 * without "options", and with a sentence or a paragraph as answer, for the other two tasks.
 * `key` is the caption's id. 0, or -1 with ERR_PROVIDER when the caption states too few facts. */
int composer_dialogue(struct str caption, enum composer_task task, struct str key, struct str salt,
                      const struct composer_form *form, struct buf *out, struct err *e);

#endif
