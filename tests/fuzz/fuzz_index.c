/* The index of a model in shards, over two shards that are as they should be. */
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include "server/base/buf.h"
#include "server/tensor/map.h"
#include "server/tensor/write.h"
#include "tests/fuzz/fuzz.h"

static char folder[64] = "/dev/shm/monoceros-fuzz-XXXXXX";
static char index_path[128];

static void write_file(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    (void)close(fd);
}

static void write_shard(const char *file, const char *first, const char *second)
{
    char path[128];
    struct buf b;
    const struct safetensors_entry entries[] = {
        {first, TENSOR_F32, {.rank = 1, .size = {2}}},
        {second, TENSOR_F16, {.rank = 2, .size = {1, 2}}},
    };
    buf_init(&b, 4096);
    safetensors_write_header(&b, entries, 2, NULL, 0);
    buf_add(&b, "123456789012", 12);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    write_file(path, b.p, b.n);
    buf_free(&b);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static void prepare(void)
{
    if (index_path[0])
        return;
    REQUIRE(mkdtemp(folder));
    (void)atexit(remove_folder);
    write_shard("1.safetensors", "a", "b");
    write_shard("2.safetensors", "c", "d");
    (void)snprintf(index_path, sizeof(index_path), "%s/model.safetensors.index.json", folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {.code = ERR_NONE};
    prepare();
    write_file(index_path, data, size);
    struct tensor_map *m = tensor_map_open(folder, &e);
    REQUIRE((m == NULL) == (e.code != ERR_NONE) && (m || e.msg[0]));
    if (m) {
        REQUIRE(tensor_map_count(m) == 2 * tensor_map_files(m));
        REQUIRE(tensor_map_get(m, STR("a")) || tensor_map_get(m, STR("d")));
    }
    tensor_map_free(m);
    return 0;
}
