/* CLIP's byte-pair tokenizer, id for id what transformers' CLIPTokenizerFast gives. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/err.h"
#include "server/base/str.h"

struct clip_tokenizer;

/* Reads tokenizer.json of a model's directory, or vocab.json and merges.txt where it has none.
 * Files that are too big, broken or of another kind of tokenizer are refused with the file's name
 * in the sentence, ERR_VALIDATION. NULL on failure. */
struct clip_tokenizer *clip_tokenizer_load(const char *dir, struct err *e);
void clip_tokenizer_free(struct clip_tokenizer *t); /* accepts NULL */

/* All ids are below this: the rows that the model's table of tokens needs at least. */
int32_t clip_tokenizer_size(const struct clip_tokenizer *t);
int32_t clip_tokenizer_bos(const struct clip_tokenizer *t);
int32_t clip_tokenizer_eos(const struct clip_tokenizer *t);

/* Writes at most `limit` ids (at least 2), the first of them BOS and the last EOS; *truncated says
 * that tokens between the two were left out. Bytes that are not UTF-8 count as U+FFFD. The number
 * of ids, or -1 when out of memory. Thread safe. */
int clip_tokenize(const struct clip_tokenizer *t, struct str text, int limit, int32_t *ids,
                  bool *truncated);

#endif
