/* The wording of dialogues. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_QUESTIONS_H
#define MONOCEROS_PROVIDERS_OFFLINE_QUESTIONS_H

#include "providers/offline/facts.h"

/* Asks for the value of one fact; `answer` is NULL for multiple choice. {value} and {about} are the
 * fact's own, {other} is a wrong value; any other slot must be stated, too. */
struct question {
    uint8_t kind;
    const char *ask, *answer;
};

/* A problem that needs several facts at once. */
struct problem {
    const char *ask, *answer;
};

extern const struct question choice_questions[], open_questions[];
extern const size_t choice_questions_n, open_questions_n;
extern const struct problem problems[];
extern const size_t problems_n;

#endif
