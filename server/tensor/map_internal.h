/* The inside of a tensor_map, for the files that fill it. */
#ifndef MONOCEROS_TENSOR_MAP_INTERNAL_H
#define MONOCEROS_TENSOR_MAP_INTERNAL_H

#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/str.h"
#include "server/tensor/layout.h"
#include "server/tensor/tensor.h"

/* A mapped file; its layout keeps the names that had escapes. */
struct mapped {
    char *path;
    const char *name; /* the last part of path */
    struct str bytes;
    struct layout layout;
};

struct named {
    struct tensor tensor;
    size_t file;
};

struct tensor_map {
    struct mapped *files;
    size_t n_files;
    struct named *tensors; /* in the order of their names */
    size_t n;
};

/* "tensor 'x' is in shard 'y'", as an index of shards says. */
struct shard_entry {
    struct str tensor, file;
};

struct shard_index {
    struct shard_entry *items; /* in the order of the tensors' names */
    size_t n, cap;
    struct arena *strings;
};

/* Of the text of a model.safetensors.index.json. 0, or -1; frees itself then. */
int shard_index_read(struct shard_index *x, struct str text, struct err *e);
void shard_index_free(struct shard_index *x); /* also of a zeroed struct */

#endif
