/* A text cut into words, each looked up in the lexicon. */
#ifndef MONOCEROS_PROVIDERS_OFFLINE_WORDS_H
#define MONOCEROS_PROVIDERS_OFFLINE_WORDS_H

#include "providers/offline/lexicon.h"

enum { WORDS_MAX = 1024, WORDS_BYTES_MAX = 16384 };

struct word {
    struct str s;             /* lower-case, without a possessive ending */
    struct str stem;          /* s without a regular ending */
    uint32_t at;              /* offset in the text */
    const struct lexeme *lex; /* of the phrase that starts here; NULL: unknown or inside one */
    uint8_t span;             /* words of that phrase; 0 inside one */
    uint8_t sentence;         /* saturates at 255 */
    bool first;               /* of its sentence */
    bool pause;               /* comma, colon, dash or bracket stands before it */
    bool possessive;
    bool capital; /* begins with a capital letter in the text */
};

/* Reads at most WORDS_BYTES_MAX bytes and WORDS_MAX words; what lies beyond is not seen. */
struct words {
    struct str text;
    size_t n;
    struct word w[WORDS_MAX];
    char lower[WORDS_BYTES_MAX]; /* same offsets as the text */
};

/* `text` must outlive the words. */
void words_read(struct words *ws, struct str text);

/* Accessors that answer NULL or 0 past the end, so that callers look ahead freely. */
const struct mod *word_mod(const struct words *ws, size_t i);
const struct noun *word_noun(const struct words *ws, size_t i);
const struct verb *word_verb(const struct words *ws, size_t i);
bool word_is(const struct words *ws, size_t i, const char *z);
bool word_is_mod(const struct words *ws, size_t i, enum mod_class class);
/* The bytes of words first … end-1 in the text as written. */
struct str words_slice(const struct words *ws, size_t first, size_t end);
/* Whether the lower-case word, or a form of it (-s, -es, -ed, -ing), is among the words. */
bool words_have(const struct words *ws, struct str word);
/* Whether the lower-case phrase stands in the text at word borders. */
bool words_have_phrase(const struct words *ws, struct str phrase);

#endif
