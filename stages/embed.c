/* Stage 3, first step: the text embedding of a caption, stored in half precision. */
#include "server/domain/vector.h"
#include "stages/stage.h"

int embed_accept(struct item *it, const float *vector, size_t n, struct arena *a)
{
    if (!vector_finite(vector, n))
        return -1;
    uint8_t *bytes = arena_alloc(a, 2 * n);
    if (!bytes)
        return -1;
    vector_to_f16(vector, n, bytes);
    it->result.vector = (struct str){(const char *)bytes, 2 * n};
    return 0;
}
