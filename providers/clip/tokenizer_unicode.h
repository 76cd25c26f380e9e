/* What the tokenizer knows of Unicode. The answers are those of the tokenizers library, of whatever
 * versions of Unicode it is made, and not those of the libraries that are installed here. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_UNICODE_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

enum clip_class { CLIP_OTHER, CLIP_LETTER, CLIP_NUMBER, CLIP_SPACE };

/* Runs of code points of one kind: the first one times 4, plus the kind. Every run ends where the
 * next begins. */
extern const uint32_t clip_classes[]; /* enum clip_class */
extern const size_t clip_classes_n;
extern const uint32_t clip_normal[]; /* 1: takes part in the normal form */
extern const size_t clip_normal_n;

/* Capitals first, first + step … last, each `add` away from its lower case. */
struct clip_case {
    uint32_t first, last, step;
    int32_t add;
};
extern const struct clip_case clip_cases[];
extern const size_t clip_cases_n;

/* The code point at the start of valid UTF-8 that is not empty; its length in *used. */
uint32_t clip_code_point(struct str s, size_t *used);
enum clip_class clip_class_of(uint32_t c);

/* Whether s is UTF-8; NUL is a character like others. */
bool clip_is_utf8(struct str s);
/* Appends s, each longest beginning of a broken sequence replaced by U+FFFD. */
void clip_repair(struct str s, struct buf *out);
/* Appends the normal form NFC of s in lower case. s is valid UTF-8. */
void clip_normalise(struct str s, struct buf *out);

#endif
