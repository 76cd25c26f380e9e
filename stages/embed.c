/* Stage 3, first step: the text embedding of a caption, in the form that its dataset stores. */
#include "stages/stage.h"

int embed_accept(const struct run_settings *s, struct item *it, const float *vector, size_t n,
                 struct arena *a)
{
    if (!vector_finite(vector, n))
        return -1;
    size_t size = vector_bytes(s->vector_type, n);
    uint8_t *bytes = arena_alloc(a, size);
    if (!bytes)
        return -1;
    vector_encode(s->vector_type, vector, n, bytes);
    it->result.vector = (struct str){(const char *)bytes, size};
    return 0;
}
