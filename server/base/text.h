/* UTF-8 text: checking, normal form, counting. */
#ifndef MONOCEROS_BASE_TEXT_H
#define MONOCEROS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/str.h"

/* Well-formed UTF-8 without NUL. On failure *bad (when given) is the offset of the first bad byte.
 */
bool text_is_valid(struct str s, size_t *bad);
/* The stored form of a text: NFC, Unicode white space trimmed and collapsed to one space. The input
 * must be valid. p is NULL when out of memory. ASCII input that is already normal is not copied. */
struct str text_normalise(struct arena *a, struct str s);
/* Number of code points of valid UTF-8. */
size_t text_length(struct str s);
/* Number of words: runs of bytes other than ASCII white space. */
size_t text_words(struct str s);
/* Number of sentences: one ends with `.`, `!` or `?` before white space or the end of the text,
 * closing quotes and brackets allowed between them; what is left behind the last end is one more.
 */
size_t text_sentences(struct str s);

#endif
