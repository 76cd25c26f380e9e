/* Private to stage 2: an answer on its way from a model's text to a trainer's sample. */
#ifndef MONOCEROS_STAGES_DIALOGUE_DIALOGUE_H
#define MONOCEROS_STAGES_DIALOGUE_DIALOGUE_H

#include "server/domain/turns.h"
#include "stages/dialogue/turn_words.h"
#include "stages/repair.h"
#include "stages/stage.h"

enum { OPTIONS = 4, PAIRS_READ_MAX = 64 };

/* As they stand in dialogue_tasks. */
enum { MULTIPLE_CHOICE, QUESTION_ANSWERING, COMPLEX_REASONING };

/* What is wrong: a stable code, and a sentence that tells the model what to do about it. */
struct fault {
    const char *code; /* NULL: nothing */
    char say[400];
};

/* Sets what is wrong unless something is already. */
void fault_set(struct fault *f, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct pair {
    int no; /* from 1, as the model wrote them */
    struct str question, answer;
    struct str option[OPTIONS];
    int n_options;                /* as read: may be more than there is room for */
    int right;                    /* of the options */
    struct turn_words asks, says; /* the words of question and answer */
    struct fault fault;
};

struct draft {
    int task;
    struct str caption;
    struct turn_words shown; /* the words of the caption */
    struct arena *arena;
    struct pair *pairs;
    size_t n;
    bool cut;         /* the answer ends before its end */
    bool repaired;    /* anything was mended */
    bool schema_held; /* the text was what the schema asks for */
};

/* Fills pairs, n, cut, repaired and schema_held. Pairs that cannot be read have their fault set;
 * false, with f set, when the answer has no pairs at all. */
bool draft_read(struct draft *d, struct str text, const struct turns *range, struct fault *f);
/* Whether values that needed no repair are what the schema of the task asks for. */
bool schema_kept(const struct node *value, int task, const struct turns *range);

/* A question, option or answer in its normal form: without labels ("Q1:", "Answer:"), list marks,
 * emphasis and character entities. p is NULL without memory. */
struct str clean_text(struct draft *d, struct str raw);
/* Takes options that stand as lines of a text, "A: …" or "(b) …", out of it; how many. */
int options_in_text(struct str *text, struct str out[OPTIONS]);
/* Removes the options' letters from in front of their texts, and finds the right one. */
void options_settle(struct draft *d, struct pair *p);

/* Judges each pair by the rules of its own. False without memory. */
bool rules_judge(struct draft *d);
/* Removes the pairs that failed, and more where it takes that to keep the rules of the whole.
 * False, with f set, when what is left is no dialogue of the wanted length. */
bool rules_settle(struct draft *d, const struct turns *range, struct fault *f);

/* The conversations in the trainers' form, as JSON in the arena; p is NULL without memory. */
struct str draft_write(const struct draft *d, struct str id, struct arena *a);

#endif
