/* What the dialogues of one task are like: lengths, how questions begin, and for multiple choice
 * where the right option stands and whether its length gives it away. */
#ifndef MONOCEROS_DOMAIN_DIALOGUE_FIGURES_H
#define MONOCEROS_DOMAIN_DIALOGUE_FIGURES_H

#include "server/base/str.h"
#include "server/domain/spread.h"

enum { CHOICE_OPTIONS = 4, QUESTION_WORDS = 11 };

/* what, which, who …; the last one is "other". */
extern const char *const question_words[QUESTION_WORDS];

struct dialogue_figures {
    int64_t dialogues, questions;
    struct spread turns, answer_words, tokens;
    int64_t over_limit;
    int64_t begins[QUESTION_WORDS];
    int64_t choices; /* questions with four options and a letter as the answer */
    int64_t letters[CHOICE_OPTIONS];
    int64_t
        longest; /* of the choices, those whose right option is longer than each of the others */
};

bool dialogue_figures_init(struct dialogue_figures *f); /* false when there is no memory */
void dialogue_figures_free(struct dialogue_figures *f); /* also of a zeroed struct */
/* One dialogue as its turns in order, questions and answers by turns. */
void dialogue_figures_add(struct dialogue_figures *f, const struct str *turns, size_t n);
/* The largest distance of a letter's share from a quarter, and Pearson's chi-square against equal
 * shares (3 degrees of freedom); NaN without choices. */
double letters_deviation(const struct dialogue_figures *f);
double letters_chi_square(const struct dialogue_figures *f);

#endif
