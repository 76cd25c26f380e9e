/* Private to stages/filters: what one look at a caption finds, for all filters together. */
#ifndef MONOCEROS_STAGES_FILTERS_LOOK_H
#define MONOCEROS_STAGES_FILTERS_LOOK_H

#include <stdbool.h>

#include "stages/filters/filters.h"

/* What a word, or the phrase that begins with it, is a sign of. */
enum word_kind {
    WORD_STOP = 1 << 0,          /* common in any English text */
    WORD_NON_VISUAL = 1 << 1,    /* sounds, smells, thoughts, hedges */
    WORD_REFUSAL_START = 1 << 2, /* among the first words */
    WORD_REFUSAL = 1 << 3,       /* anywhere */
    WORD_BOILERPLATE_START = 1 << 4,
    WORD_BOILERPLATE = 1 << 5,
    WORD_ANNOUNCES = 1 << 6, /* "here is", when a colon follows in the first sentence */
    WORD_TAG = 1 << 7,       /* when a colon follows at once */
    WORD_INTERJECTION = 1 << 8,
};

/* The kinds of the word w[0], of n that follow each other. */
unsigned lexicon_kinds(const struct word *w, size_t n);

/* What bytes and code points the raw text has. */
struct signs {
    size_t letters, other_letters; /* of these, in other scripts than Latin */
    size_t longest_row;            /* of one and the same character */
    bool broken;                   /* mojibake, control and formatting characters */
    bool digits, quotes;
    bool has[128]; /* of the ASCII characters, which ones */
};
void signs_read(struct str raw, struct signs *s);

struct look {
    const struct caption_text *c;
    const struct words *words;
    struct words seed;
    uint16_t *kinds;     /* of each word */
    size_t spaced_words; /* as people count: divided by spaces */
    struct signs signs;
};

/* A filter says whether it finds something; parameters in the order of its row. */
typedef bool (*filter_fn)(const struct look *l, const double *param);

/* form.c */
bool filter_empty(const struct look *l, const double *param);
bool filter_finish_reason(const struct look *l, const double *param);
bool filter_length(const struct look *l, const double *param);
bool filter_short(const struct look *l, const double *param);
bool filter_unfinished(const struct look *l, const double *param);
bool filter_loop(const struct look *l, const double *param);
/* markup.c */
bool filter_markup(const struct look *l, const double *param);
/* speech.c */
bool filter_refusal(const struct look *l, const double *param);
bool filter_boilerplate(const struct look *l, const double *param);
bool filter_prompt_tag(const struct look *l, const double *param);
bool filter_echo(const struct look *l, const double *param);
bool filter_non_visual(const struct look *l, const double *param);
/* script.c */
bool filter_reserved_string(const struct look *l, const double *param);
bool filter_mojibake(const struct look *l, const double *param);
bool filter_language(const struct look *l, const double *param);
/* truth.c */
bool filter_seed_kept(const struct look *l, const double *param);
bool filter_invented_digits(const struct look *l, const double *param);
bool filter_invented_quotes(const struct look *l, const double *param);

/* The bytes of a word, and the byte behind it (0 at the end). */
static inline struct str look_word(const struct look *l, size_t i)
{
    return (struct str){l->c->text.p + l->words->of[i].at, l->words->of[i].n};
}
static inline char look_behind(const struct look *l, size_t i)
{
    size_t at = l->words->of[i].at + l->words->of[i].n;
    return at < l->c->text.n ? l->c->text.p[at] : '\0';
}

#endif
