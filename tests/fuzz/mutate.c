/* A mutator that keeps files readable more often than chance would: it changes the header or the
 * elements apart, puts the header's length right, and often brings the elements to the length that
 * a header declares that can be read. */
#include <endian.h>
#include <string.h>

#include "server/tensor/layout.h"
#include "server/tensor/npy.h"
#include "tests/fuzz/fuzz.h"

struct parts {
    size_t prefix, header;
};

static struct parts take_apart(const uint8_t *data, size_t size)
{
    struct parts p = {0, 0};
    uint64_t length = 0;
    if (size >= 12 && npy_is_magic((const char *)data)) {
        p.prefix = data[6] == 1 ? 10 : 12;
        memcpy(&length, data + 8, p.prefix - 8);
    } else if (size >= SAFETENSORS_PREFIX_BYTES) {
        p.prefix = SAFETENSORS_PREFIX_BYTES;
        memcpy(&length, data, sizeof(length));
    }
    p.header = (size_t)le64toh(length);
    if (p.header > size - p.prefix)
        p.header = size - p.prefix;
    return p;
}

static void put_length(uint8_t *data, struct parts p)
{
    uint64_t length = htole64(p.header);
    if (p.prefix == SAFETENSORS_PREFIX_BYTES)
        memcpy(data, &length, sizeof(length));
    else
        memcpy(data + 8, &length, p.prefix - 8);
}

/* As many bytes of elements as a header of safetensors wants, if it can be read. */
static size_t fit_elements(uint8_t *data, struct parts p, size_t size, size_t max_size)
{
    struct layout l;
    struct err e = {.code = ERR_NONE};
    size_t start = p.prefix + p.header;
    if (p.prefix != SAFETENSORS_PREFIX_BYTES ||
        layout_read(&l, (struct str){(const char *)data + p.prefix, p.header}, &e))
        return size;
    uint64_t wanted = start + l.bytes;
    layout_free(&l);
    if (wanted > max_size)
        return size;
    if (wanted > size)
        memset(data + size, 0x3c, (size_t)wanted - size);
    return (size_t)wanted;
}

static size_t mutate_header(uint8_t *data, struct parts p, size_t size, size_t max_size,
                            unsigned seed)
{
    size_t start = p.prefix + p.header, tail = size - start;
    uint8_t *elements = malloc(tail + 1);
    REQUIRE(elements);
    memcpy(elements, data + start, tail);
    p.header = LLVMFuzzerMutate(data + p.prefix, p.header, max_size - p.prefix - tail);
    start = p.prefix + p.header;
    memcpy(data + start, elements, tail);
    free(elements);
    put_length(data, p);
    return seed % 2 ? fit_elements(data, p, start + tail, max_size) : start + tail;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct parts p = take_apart(data, size);
    size_t start = p.prefix + p.header;
    if (p.prefix == 0 || seed % 8 == 0 || start >= max_size)
        return LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 == 1)
        return start + LLVMFuzzerMutate(data + start, size - start, max_size - start);
    return mutate_header(data, p, size, max_size, seed / 8);
}
