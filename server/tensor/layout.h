/* What the header of a safetensors file declares, checked as a whole: every tensor's bytes are as
 * many as type and shape need, they follow each other without overlaps and holes, and names occur
 * once. Nothing of this depends on the tensors' bytes. */
#ifndef MONOCEROS_TENSOR_LAYOUT_H
#define MONOCEROS_TENSOR_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/str.h"
#include "server/tensor/tensor.h"

enum { SAFETENSORS_PREFIX_BYTES = 8 };

struct layout_entry {
    struct tensor tensor; /* data is NULL; the name is a view of the header or in the arena */
    uint64_t begin, end;  /* from the end of the header */
};

struct layout {
    struct layout_entry *items; /* in the order of their bytes */
    size_t n, cap;
    uint64_t bytes; /* of all tensors together */
    struct arena *strings;
};

/* Of the header alone, without its length. 0, or -1 with ERR_VALIDATION or ERR_NO_MEMORY; frees
 * itself then. */
int layout_read(struct layout *l, struct str header, struct err *e);
void layout_free(struct layout *l); /* also of a zeroed struct */
/* The length that the first eight bytes give, or -1 when it is less than an object or over max. */
int layout_header_bytes(const char *prefix, size_t max, size_t *out, struct err *e);

#endif
