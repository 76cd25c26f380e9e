/* Headers that are written: whatever is declared, the readers read it back. */
#include <string.h>

#include "server/base/buf.h"
#include "server/base/text.h"
#include "server/tensor/layout.h"
#include "server/tensor/npy.h"
#include "server/tensor/write.h"
#include "tests/fuzz/fuzz.h"

enum { ENTRIES_MAX = 8, NAME_MAX_BYTES = 24 };

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t next(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static struct tensor_shape next_shape(struct input *in)
{
    struct tensor_shape shape = {.rank = next(in) % (TENSOR_RANK_MAX + 1)};
    for (int i = 0; i < shape.rank; i++)
        shape.size[i] = (int64_t)next(in) << next(in) % 24;
    return shape;
}

/* Valid UTF-8 of what the input has, and another name for each entry. */
static void next_name(struct input *in, size_t i, char *out)
{
    size_t n = 0, bad;
    for (size_t wanted = next(in) % (NAME_MAX_BYTES - 2); n < wanted; n++)
        out[n] = (char)next(in);
    if (!text_is_valid((struct str){out, n}, &bad))
        n = bad;
    out[n] = (char)('a' + i);
    out[n + 1] = '\0';
}

static void check_npy(enum tensor_dtype dtype, const struct tensor_shape *shape)
{
    struct buf b;
    enum tensor_dtype read_dtype;
    struct tensor_shape read_shape;
    struct err e = {.code = ERR_NONE};
    size_t length;
    buf_init(&b, 4096);
    npy_write_header(&b, dtype, shape);
    REQUIRE(!b.failed && b.n % 64 == 0 && npy_is_magic(b.p) && npy_prefix_bytes(b.p, &e) == 10);
    REQUIRE(npy_header_bytes((struct str){b.p, 10}, 4096, &length, &e) == 0 && length == b.n - 10);
    int result = npy_read(str_from(buf_str(&b), 10), &read_dtype, &read_shape, &e);
    if (tensor_dtype_is_float(dtype)) {
        REQUIRE(result == 0 && read_dtype == dtype && read_shape.rank == shape->rank);
        REQUIRE(memcmp(read_shape.size, shape->size, sizeof(shape->size)) == 0);
    } else {
        REQUIRE(result == -1 && strstr(e.msg, "is of type"));
    }
    buf_free(&b);
}

static void check_layout(const struct layout *l, const struct safetensors_entry *entries, size_t n)
{
    REQUIRE(l->n == n);
    for (size_t i = 0; i < n; i++) {
        const struct layout_entry *found = NULL;
        for (size_t j = 0; j < n; j++)
            if (str_is(l->items[j].tensor.name, entries[i].name))
                found = &l->items[j];
        REQUIRE(found && found->tensor.dtype == entries[i].dtype);
        REQUIRE(found->tensor.shape.rank == entries[i].shape.rank);
        REQUIRE(memcmp(found->tensor.shape.size, entries[i].shape.size,
                       sizeof(entries[i].shape.size)) == 0);
        REQUIRE(found->end - found->begin ==
                tensor_shape_bytes(entries[i].dtype, &entries[i].shape));
    }
}

static void check_safetensors(const struct safetensors_entry *entries, size_t n)
{
    struct buf b;
    struct layout l;
    struct err e = {.code = ERR_NONE};
    size_t length;
    const struct safetensors_note note = {n > 0 ? entries[0].name : "k", STR("v\n\"")};
    buf_init(&b, 65536);
    safetensors_write_header(&b, entries, n, &note, n % 2);
    REQUIRE(!b.failed && b.n % 8 == 0 && layout_header_bytes(b.p, 65536, &length, &e) == 0);
    REQUIRE(length == b.n - SAFETENSORS_PREFIX_BYTES);
    REQUIRE(layout_read(&l, str_from(buf_str(&b), SAFETENSORS_PREFIX_BYTES), &e) == 0);
    check_layout(&l, entries, n);
    layout_free(&l);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    char names[ENTRIES_MAX][NAME_MAX_BYTES];
    struct safetensors_entry entries[ENTRIES_MAX];
    uint64_t total = 0;
    size_t n = 0;
    for (size_t wanted = next(&in) % (ENTRIES_MAX + 1); n < wanted; n++) {
        uint64_t count, bytes;
        enum tensor_dtype dtype = next(&in) % TENSOR_DTYPE_COUNT;
        struct tensor_shape shape = next_shape(&in);
        if (!tensor_shape_measure(dtype, &shape, &count, &bytes) || total + bytes > INT64_MAX)
            break;
        total += bytes;
        next_name(&in, n, names[n]);
        entries[n] = (struct safetensors_entry){names[n], dtype, shape};
        if (dtype != TENSOR_BF16)
            check_npy(dtype, &shape);
    }
    check_safetensors(entries, n);
    return 0;
}
