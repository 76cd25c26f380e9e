#include "server/tensor/map.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/tensor/map_internal.h"

/* A header has some hundred bytes for each tensor: this is enough for a hundred thousand. */
enum { HEADER_MAX = 16 << 20, INDEX_MAX = 64 << 20 };

static void closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static int cannot(const char *path, const char *what, struct err *e)
{
    enum err_code code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_VALIDATION;
    return err_set(e, code, "cannot %s %s: %s", what, path, strerrordesc_np(errno));
}

/* A pipe or a device would block or never end: only files are opened for long. */
static int map_bytes(const char *path, struct str *out, struct err *e)
{
    struct stat st;
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        return cannot(path, "open", e);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return err_set(e, ERR_VALIDATION, "%s is %s", path,
                       S_ISREG(st.st_mode) ? "empty" : "not a file");
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return cannot(path, "map", e);
    *out = (struct str){p, (size_t)st.st_size};
    return 0;
}

static void unmap(struct str bytes)
{
    char *p;
    memcpy(&p, &bytes.p, sizeof(p));
    if (p)
        (void)munmap(p, bytes.n);
}

static void unmapp(struct str *bytes)
{
    unmap(*bytes);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Says in which file it was, which what reads a header does not know. */
static int in_file(const char *name, const struct err *inner, struct err *e)
{
    return err_set(e, inner->code, "%.100s: %s", name, inner->msg);
}

static int read_layout(struct mapped *f, struct err *e)
{
    size_t header;
    if (f->bytes.n < SAFETENSORS_PREFIX_BYTES)
        return err_set(e, ERR_VALIDATION, "the file is too short for safetensors");
    if (layout_header_bytes(f->bytes.p, HEADER_MAX, &header, e))
        return -1;
    struct str rest = str_from(f->bytes, SAFETENSORS_PREFIX_BYTES);
    if (header > rest.n)
        return err_set(e, ERR_VALIDATION, "the file ends within its header");
    if (layout_read(&f->layout, (struct str){rest.p, header}, e))
        return -1;
    if (f->layout.bytes != rest.n - header)
        return err_set(e, ERR_VALIDATION,
                       "the header declares %llu bytes of tensors, the file has %zu",
                       (unsigned long long)f->layout.bytes, rest.n - header);
    const char *data = rest.p + header;
    for (size_t i = 0; i < f->layout.n; i++)
        f->layout.items[i].tensor.data = (const uint8_t *)data + f->layout.items[i].begin;
    return 0;
}

/* path becomes the map's, whatever happens. */
static int open_file(struct tensor_map *m, char *path, struct err *e)
{
    struct mapped *files = path ? reallocarray(m->files, m->n_files + 1, sizeof(*files)) : NULL;
    if (!files) {
        free(path);
        return err_set(e, ERR_NO_MEMORY, "no memory for the files of tensors");
    }
    m->files = files;
    struct mapped *f = &files[m->n_files++];
    *f = (struct mapped){.path = path, .name = last_part(path)};
    if (map_bytes(path, &f->bytes, e))
        return -1;
    struct err inner = {.code = ERR_NONE};
    return read_layout(f, &inner) ? in_file(f->name, &inner, e) : 0;
}

static int by_name(const void *a, const void *b)
{
    return tensor_name_order(((const struct named *)a)->tensor.name,
                             ((const struct named *)b)->tensor.name);
}

static int gather(struct tensor_map *m, struct err *e)
{
    size_t total = 0;
    for (size_t i = 0; i < m->n_files; i++)
        total += m->files[i].layout.n;
    m->tensors = calloc(total + 1, sizeof(*m->tensors));
    if (!m->tensors)
        return err_set(e, ERR_NO_MEMORY, "no memory for the names of the tensors");
    for (size_t i = 0; i < m->n_files; i++)
        for (size_t j = 0; j < m->files[i].layout.n; j++)
            m->tensors[m->n++] = (struct named){m->files[i].layout.items[j].tensor, i};
    qsort(m->tensors, m->n, sizeof(*m->tensors), by_name);
    for (size_t i = 1; i < m->n; i++)
        if (str_eq(m->tensors[i - 1].tensor.name, m->tensors[i].tensor.name))
            return err_set(e, ERR_VALIDATION, "tensor %s is in both %.80s and %.80s",
                           tensor_name_text(m->tensors[i].tensor.name).z,
                           m->files[m->tensors[i - 1].file].name,
                           m->files[m->tensors[i].file].name);
    return 0;
}

static int by_file(const void *a, const void *b)
{
    return tensor_name_order(((const struct shard_entry *)a)->file,
                             ((const struct shard_entry *)b)->file);
}

static char *beside(const char *index_path, struct str name)
{
    char *path = NULL;
    int folder = (int)(last_part(index_path) - index_path);
    if (asprintf(&path, "%.*s" STR_FMT, folder, index_path, STR_ARG(name)) < 0)
        return NULL;
    return path;
}

static int open_shards(struct tensor_map *m, const char *path, const struct shard_index *x,
                       struct err *e)
{
    _cleanup_(freep) struct shard_entry *files = calloc(x->n, sizeof(*files));
    if (!files)
        return err_set(e, ERR_NO_MEMORY, "no memory for the files of tensors");
    memcpy(files, x->items, x->n * sizeof(*files));
    qsort(files, x->n, sizeof(*files), by_file);
    for (size_t i = 0; i < x->n; i++) {
        if (i > 0 && str_eq(files[i - 1].file, files[i].file))
            continue;
        if (open_file(m, beside(path, files[i].file), e))
            return -1;
    }
    return 0;
}

/* Both are in the order of the names and without doubles, so that the first difference is what is
 * missing or too much. */
static int compare_with_index(const struct tensor_map *m, const struct shard_index *x,
                              struct err *e)
{
    for (size_t i = 0; i < m->n || i < x->n; i++) {
        int order = i == m->n   ? 1
                    : i == x->n ? -1
                                : tensor_name_order(m->tensors[i].tensor.name, x->items[i].tensor);
        if (order > 0)
            return err_set(e, ERR_VALIDATION, "tensor %s of the index is not in %s",
                           tensor_name_text(x->items[i].tensor).z,
                           tensor_name_text(x->items[i].file).z);
        const char *file = m->files[m->tensors[i].file].name;
        if (order < 0)
            return err_set(e, ERR_VALIDATION, "tensor %s of %.100s is not in the index",
                           tensor_name_text(m->tensors[i].tensor.name).z, file);
        if (!str_is(x->items[i].file, file))
            return err_set(e, ERR_VALIDATION, "tensor %s is in %.80s, the index has it in %s",
                           tensor_name_text(x->items[i].tensor).z, file,
                           tensor_name_text(x->items[i].file).z);
    }
    return 0;
}

static void shard_indexp(struct shard_index *x)
{
    shard_index_free(x);
}

static int open_index(struct tensor_map *m, const char *path, struct err *e)
{
    struct err inner = {.code = ERR_NONE};
    _cleanup_(unmapp) struct str text = {NULL, 0};
    _cleanup_(shard_indexp) struct shard_index x = {.n = 0};
    if (map_bytes(path, &text, e))
        return -1;
    if (text.n > INDEX_MAX)
        return err_set(e, ERR_VALIDATION, "%s is too large for an index of tensors", path);
    if (shard_index_read(&x, text, &inner))
        return in_file(last_part(path), &inner, e);
    if (open_shards(m, path, &x, e) || gather(m, e))
        return -1;
    return compare_with_index(m, &x, &inner) ? in_file(last_part(path), &inner, e) : 0;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path), tail = strlen(suffix);
    return n >= tail && strcmp(path + n - tail, suffix) == 0;
}

static int open_path(struct tensor_map *m, const char *path, struct err *e)
{
    if (ends_with(path, ".json"))
        return open_index(m, path, e);
    return open_file(m, strdup(path), e) || gather(m, e) ? -1 : 0;
}

/* One file goes before shards, as the programs do that made the folder. */
static int open_folder(struct tensor_map *m, const char *folder, struct err *e)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_(freep) char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, names[i]) < 0) {
            path = NULL;
            return err_set(e, ERR_NO_MEMORY, "no memory for a path");
        }
        if (access(path, F_OK) == 0)
            return open_path(m, path, e);
    }
    return err_set(e, ERR_NOT_FOUND, "%s has neither %s nor %s", folder, names[0], names[1]);
}

struct tensor_map *tensor_map_open(const char *path, struct err *e)
{
    struct stat st;
    struct tensor_map *m = calloc(1, sizeof(*m));
    if (!m) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the tensors of %s", path);
        return NULL;
    }
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (folder ? open_folder(m, path, e) : open_path(m, path, e)) {
        tensor_map_free(m);
        return NULL;
    }
    return m;
}

void tensor_map_free(struct tensor_map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_files; i++) {
        layout_free(&m->files[i].layout);
        unmap(m->files[i].bytes);
        free(m->files[i].path);
    }
    free(m->files);
    free(m->tensors);
    free(m);
}

static const struct named *find(const struct tensor_map *m, struct str name)
{
    struct named key = {.tensor = {.name = name}};
    return m->n == 0 ? NULL : bsearch(&key, m->tensors, m->n, sizeof(key), by_name);
}

const struct tensor *tensor_map_get(const struct tensor_map *m, struct str name)
{
    const struct named *found = find(m, name);
    return found ? &found->tensor : NULL;
}

static bool shape_fits(const struct tensor_shape *have, const struct tensor_shape *need)
{
    if (have->rank != need->rank)
        return false;
    for (int i = 0; i < need->rank; i++)
        if (need->size[i] >= 0 && need->size[i] != have->size[i])
            return false;
    return true;
}

const struct tensor *tensor_map_need(const struct tensor_map *m, const char *name,
                                     const struct tensor_shape *shape, struct err *e)
{
    const struct named *found = find(m, str_of(name));
    if (!found) {
        (void)err_set(e, ERR_VALIDATION, "%.100s%s: there is no tensor %s",
                      m->n_files > 0 ? m->files[0].name : "",
                      m->n_files > 1 ? " and its shards" : "", tensor_name_text(str_of(name)).z);
        return NULL;
    }
    const struct tensor *t = &found->tensor;
    if (tensor_dtype_is_float(t->dtype) && shape_fits(&t->shape, shape))
        return t;
    (void)err_set(e, ERR_VALIDATION, "%.100s: tensor %s is %s %s, floats of %s are needed",
                  m->files[found->file].name, tensor_name_text(str_of(name)).z,
                  tensor_dtype_name(t->dtype), tensor_shape_text(&t->shape).z,
                  tensor_shape_text(shape).z);
    return NULL;
}

size_t tensor_map_count(const struct tensor_map *m)
{
    return m->n;
}

const struct tensor *tensor_map_at(const struct tensor_map *m, size_t i)
{
    assert(i < m->n);
    return &m->tensors[i].tensor;
}

size_t tensor_map_files(const struct tensor_map *m)
{
    return m->n_files;
}

struct tensor_file tensor_map_file(const struct tensor_map *m, size_t i)
{
    assert(i < m->n_files);
    return (struct tensor_file){m->files[i].path, m->files[i].bytes};
}
