/* The files of a tokenizer, which may come from anyone. */
#ifndef MONOCEROS_PROVIDERS_CLIP_TOKENIZER_FILES_H
#define MONOCEROS_PROVIDERS_CLIP_TOKENIZER_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/base/buf.h"
#include "server/base/err.h"

/* Reads directory/name whole, up to max bytes. *found is false when there is no such file. */
int clip_file_read(const char *directory, const char *name, size_t max, struct buf *ret,
                   bool *found, struct err *e);
struct clip_json_limits {
    size_t bytes, values;
    bool huge_numbers; /* whole numbers may be of any size, and are all read as reals */
};

/* The same of a JSON object; *ret is NULL when there is no file. */
int clip_file_json(const char *directory, const char *name, const struct clip_json_limits *most,
                   json_t **ret, struct err *e);

#endif
