/* Rules for answers in sentences. */
#include "stages/dialogue/rules.h"

enum {
    REASONING_WORDS_MIN = 8,
    COPIED_WORDS_MIN = 12,
    SENTENCE_WORDS_MIN = 4,
    WORDS_TELL = 5, /* enough words to tell a language, when question and answer agree */
    COMMON_SHARE = 10,
    ANSWER_TELLS = 16,
    FREQUENT_SHARE = 8,
};

/* Words of the answer, from `at` on, that stand in a row in the caption from `from` on. */
static size_t run_at(const struct turn_words *said, size_t at, const struct turn_words *shown,
                     size_t from)
{
    size_t n = 0;
    while (at + n < said->n && from + n < shown->n &&
           said->of[at + n].hash == shown->of[from + n].hash)
        n++;
    return n;
}

static size_t longest_run(const struct turn_words *said, const struct turn_words *shown)
{
    size_t longest = 0;
    for (size_t at = 0; at + longest < said->n; at++)
        for (size_t from = 0; from + longest < shown->n; from++) {
            size_t n = run_at(said, at, shown, from);
            longest = n > longest ? n : longest;
        }
    return longest;
}

static bool is_whole_sentence(const struct turn_words *said, const struct turn_words *shown)
{
    bool starts = true;
    for (size_t from = 0; from < shown->n; from++) {
        if (starts && run_at(said, 0, shown, from) == said->n && shown->of[from + said->n - 1].ends)
            return true;
        starts = shown->of[from].ends;
    }
    return false;
}

/* Copied whole: but for a few words in front or behind, such as "Yes,". */
static void is_copied(const struct draft *d, const struct turn_words *said, struct fault *f)
{
    if (said->n < SENTENCE_WORDS_MIN)
        return;
    size_t run = said->n >= COPIED_WORDS_MIN ? longest_run(said, &d->shown) : 0;
    if ((run >= COPIED_WORDS_MIN && run * 5 >= said->n * 4) || is_whole_sentence(said, &d->shown))
        fault_set(f, "copied_answer",
                  "has an answer that is copied from what you were given; use words of its own");
}

static void is_too_short(const struct draft *d, const struct turn_words *said, struct fault *f)
{
    if (d->task == COMPLEX_REASONING && said->n < REASONING_WORDS_MIN)
        fault_set(f, "too_short",
                  "has an answer of %zu word%s; reason step by step to a conclusion", said->n,
                  said->n == 1 ? "" : "s");
}

static void is_english(const struct rulebook *b, const struct pair *p, struct fault *f)
{
    bool both = is_foreign(&b->common, &p->asks, WORDS_TELL, COMMON_SHARE) &&
                is_foreign(&b->common, &p->says, WORDS_TELL, COMMON_SHARE);
    if (both || is_foreign(&b->frequent, &p->says, ANSWER_TELLS, FREQUENT_SHARE))
        fault_set(f, "language", "is not in English; write English only");
}

void rules_answer(const struct rulebook *b, const struct draft *d, const struct pair *p,
                  struct fault *f)
{
    is_too_short(d, &p->says, f);
    is_english(b, p, f);
    is_copied(d, &p->says, f);
}
