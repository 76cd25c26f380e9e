/* The tensors of safetensors files, by name and memory-mapped: nothing is read before it is used.
 * The whole of the headers is checked before anything is handed out: offsets in bounds, without
 * overlaps or holes, bytes that match type and shape, names that occur once. Safe to read from any
 * thread. The files must stay as they are while they are mapped, as the weights of a model do. */
#ifndef MONOCEROS_TENSOR_MAP_H
#define MONOCEROS_TENSOR_MAP_H

#include <stddef.h>

#include "server/base/err.h"
#include "server/base/str.h"
#include "server/tensor/tensor.h"

struct tensor_map;

/* path: a .safetensors file; an index of several (….index.json), whose files lie beside it; or a
 * folder that holds model.safetensors or model.safetensors.index.json. NULL with ERR_NOT_FOUND or
 * ERR_VALIDATION, the sentence naming the file. */
struct tensor_map *tensor_map_open(const char *path, struct err *e);
void tensor_map_free(struct tensor_map *m); /* accepts NULL */

/* NULL when there is none of that name. */
const struct tensor *tensor_map_get(const struct tensor_map *m, struct str name);
/* As tensor_map_get, for what must be there: floats (F16, BF16, F32, F64) of this shape, where a
 * size of -1 is any. NULL with ERR_VALIDATION, the sentence naming tensor and file. */
const struct tensor *tensor_map_need(const struct tensor_map *m, const char *name,
                                     const struct tensor_shape *shape, struct err *e);

/* All of them, in the order of their names. */
size_t tensor_map_count(const struct tensor_map *m);
const struct tensor *tensor_map_at(const struct tensor_map *m, size_t i);

/* The mapped files in the order of their names, headers included, e.g. to take a hash of them. */
struct tensor_file {
    const char *path;
    struct str bytes;
};
size_t tensor_map_files(const struct tensor_map *m);
struct tensor_file tensor_map_file(const struct tensor_map *m, size_t i);

static inline void tensor_map_freep(struct tensor_map **m)
{
    tensor_map_free(*m);
}

#endif
