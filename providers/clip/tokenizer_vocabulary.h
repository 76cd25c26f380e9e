/* The vocabulary and the merges, as tables of ids. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_VOCABULARY_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_VOCABULARY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/clip/tokenizer_state.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum { CLIP_TOKENS_MAX = 1 << 20 };

/* Where something stands, for errors: "merges.txt: line 7". */
struct clip_place {
    const char *file, *what;
    size_t number;
};

/* -1 when there is no such token. */
int32_t clip_vocabulary_id(const json_t *vocabulary, struct str token);
/* Checks an object of token to id; fills in the size, the ids of the bytes, BOS and EOS. */
int clip_vocabulary_take(struct clip_tokenizer *t, json_t *vocabulary, const char *file,
                         struct err *e);
/* One merge; ranks grow from call to call. */
int clip_vocabulary_merge(struct clip_tokenizer *t, const json_t *vocabulary, struct str left,
                          struct str right, uint32_t rank, struct clip_place at, struct err *e);
/* The lines of merges.txt. */
int clip_vocabulary_lines(struct clip_tokenizer *t, const json_t *vocabulary, struct str text,
                          struct err *e);

#endif
