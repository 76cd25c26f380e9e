/* A safetensors file that is mapped: what is accepted covers the file exactly. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/tensor/map.h"
#include "tests/fuzz/fuzz.h"

static void check_tensor(const struct tensor_map *m, const struct tensor *t, struct str file)
{
    const char *p = (const char *)t->data;
    float sum = 0, chunk[64];
    REQUIRE(p >= file.p && p <= file.p + file.n && t->bytes <= (size_t)(file.p + file.n - p));
    REQUIRE(t->count * tensor_dtype_size(t->dtype) == t->bytes);
    REQUIRE(tensor_map_get(m, t->name) == t);
    REQUIRE(strlen(tensor_name_text(t->name).z) >= 2);
    if (!tensor_dtype_is_float(t->dtype))
        return;
    for (size_t i = 0; i < t->count; i += 64) {
        size_t n = t->count - i < 64 ? t->count - i : 64;
        tensor_to_float(t->dtype, t->data + i * tensor_dtype_size(t->dtype), n, chunk);
        sum += chunk[n - 1];
    }
    (void)sum;
}

static void check_map(const struct tensor_map *m, size_t size)
{
    size_t bytes = 0;
    struct str file = tensor_map_file(m, 0).bytes;
    REQUIRE(tensor_map_files(m) == 1 && file.n == size);
    for (size_t i = 0; i < tensor_map_count(m); i++) {
        const struct tensor *t = tensor_map_at(m, i);
        REQUIRE(i == 0 || tensor_name_order(tensor_map_at(m, i - 1)->name, t->name) < 0);
        check_tensor(m, t, file);
        bytes += t->bytes;
    }
    uint64_t header;
    memcpy(&header, file.p, sizeof(header));
    REQUIRE(8 + header + bytes == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct err e = {.code = ERR_NONE};
    int fd = memfd_create("input", 0);
    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct tensor_map *m = tensor_map_open(path, &e);
    REQUIRE((m == NULL) == (e.code != ERR_NONE) && (m || e.msg[0]));
    if (m)
        check_map(m, size);
    tensor_map_free(m);
    (void)close(fd);
    return 0;
}
