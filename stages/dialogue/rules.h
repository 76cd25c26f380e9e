/* Private to stages/dialogue: the rules that a pair has to keep. Each is a function that sets the
 * pair's fault, with a stable code that failures carry, when it is broken. */
#ifndef MONOCEROS_STAGES_DIALOGUE_RULES_H
#define MONOCEROS_STAGES_DIALOGUE_RULES_H

#include "stages/dialogue/dialogue.h"

/* What rules look words up in, compiled once for all pairs of an answer. */
struct rulebook {
    struct phrases source, refusal, no_option, common, frequent;
};

/* One string of a pair, in its normal form. */
struct turn_text {
    const char *what; /* "question", "answer", "option B" */
    size_t most;      /* characters */
    struct str text;
    struct turn_words terms;
};

/* text.c: rules for any string */
void rules_text(const struct rulebook *b, const struct draft *d, const struct turn_text *t,
                struct fault *f);
/* Whether there are at least as many words, and fewer than one in `share` is of the list. */
bool is_foreign(const struct phrases *english, const struct turn_words *t, size_t least,
                size_t share);

/* choice.c: rules for the options of a question */
void rules_choice(const struct rulebook *b, const struct pair *p, const struct turn_text *options,
                  struct fault *f);

/* answer.c: rules for open answers */
void rules_answer(const struct rulebook *b, const struct draft *d, const struct pair *p,
                  struct fault *f);

/* source.c: the words that name a text as the source, what a picture's viewer could not say. NULL
 * when there are none. */
void source_compile(struct phrases *p);
const char *source_leak(const struct phrases *p, const struct turn_words *said,
                        const struct turn_words *shown);

#endif
