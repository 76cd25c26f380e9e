/* A text as its words: letters and digits in a row, in lower case, apostrophes left out. */
#ifndef MONOCEROS_STAGES_DIALOGUE_TURN_WORDS_H
#define MONOCEROS_STAGES_DIALOGUE_TURN_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/str.h"

struct turn_word {
    struct str text;
    uint64_t hash;
    uint64_t singular; /* of the word without its last s */
    bool ends;         /* a sentence */
};

struct turn_words {
    struct turn_word *of;
    size_t n;
};

/* Of valid UTF-8. False without memory. */
bool turn_words_split(struct str text, struct arena *a, struct turn_words *out);
uint64_t turn_word_hash(struct str word);
static inline bool turn_word_is(const struct turn_word *t, const char *word)
{
    return t->hash == turn_word_hash(str_of(word));
}
/* Whether one of the words stands in a list of them, divided by spaces. */
bool turn_word_is_among(const struct turn_word *t, const char *list);

/* Of a list of phrases, compiled. */
enum { PHRASE_WORDS = 4, PHRASES_MAX = 96 };
struct phrases {
    size_t n;
    uint64_t first[4]; /* a bit for each first word, by its hash */
    struct phrase {
        const char *text;
        size_t n;
        uint64_t term[PHRASE_WORDS];
    } of[PHRASES_MAX];
};
/* texts ends with NULL. */
void phrases_compile(struct phrases *p, const char *const *texts);
/* The number of the phrase that stands at t[at], plurals counting as their words; -1 for none. */
int phrases_at(const struct phrases *p, const struct turn_words *t, size_t at);
/* The first one anywhere from word `from` to word `to`, and where; -1 for none. */
int phrases_find(const struct phrases *p, const struct turn_words *t, size_t from, size_t to,
                 size_t *where);

#endif
