#include <stdlib.h>

#include "server/base/text.h"
#include "server/tensor/cursor.h"
#include "server/tensor/map_internal.h"

/* A shard lies beside its index: a plain name keeps the index from reaching anywhere else. */
static bool is_shard_name(struct str name)
{
    struct str suffix = STR(".safetensors");
    return name.n > suffix.n && name.n <= 255 && name.p[0] != '.' &&
           str_is(str_from(name, name.n - suffix.n), suffix.p) && !memchr(name.p, '/', name.n);
}

static struct shard_entry *add_entry(struct shard_index *x)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 64;
        struct shard_entry *items = reallocarray(x->items, cap, sizeof(*items));
        if (!items)
            return NULL;
        x->items = items;
        x->cap = cap;
    }
    return &x->items[x->n++];
}

static int weight_member(struct cursor *c, struct str key, void *ctx, struct err *e)
{
    struct str file;
    if (cursor_string(c, &file, e))
        return -1;
    if (!is_shard_name(file))
        return err_set(e, ERR_VALIDATION,
                       "the index has tensor %s in %s, which names no file beside it",
                       tensor_name_text(key).z, tensor_name_text(file).z);
    struct shard_entry *entry = add_entry(ctx);
    if (!entry)
        return err_set(e, ERR_NO_MEMORY, "no memory for the index of the tensors");
    *entry = (struct shard_entry){key, file};
    return 0;
}

struct index_reader {
    struct shard_index *index;
    bool has_weights;
};

static int index_member(struct cursor *c, struct str key, void *ctx, struct err *e)
{
    struct index_reader *r = ctx;
    if (!str_is(key, "weight_map"))
        return cursor_skip(c, e);
    if (r->has_weights)
        return cursor_fail(c, e, "weight_map occurs twice");
    r->has_weights = true;
    return cursor_object(c, weight_member, r->index, e);
}

static int by_tensor(const void *a, const void *b)
{
    return tensor_name_order(((const struct shard_entry *)a)->tensor,
                             ((const struct shard_entry *)b)->tensor);
}

static int read_index(struct shard_index *x, struct str text, struct err *e)
{
    struct cursor c = {.what = "index", .text = text, .strings = x->strings};
    struct index_reader r = {.index = x};
    if (!text_is_valid(text, &c.i))
        return cursor_fail(&c, e, "this is not UTF-8");
    c.i = 0;
    if (cursor_object(&c, index_member, &r, e))
        return -1;
    if (str_trim(str_from(text, c.i)).n > 0)
        return cursor_fail(&c, e, "only white space may follow the object");
    if (!r.has_weights || x->n == 0)
        return err_set(e, ERR_VALIDATION, "the index has no weight_map with tensors");
    qsort(x->items, x->n, sizeof(*x->items), by_tensor);
    for (size_t i = 1; i < x->n; i++)
        if (str_eq(x->items[i - 1].tensor, x->items[i].tensor))
            return err_set(e, ERR_VALIDATION, "the index has tensor %s twice",
                           tensor_name_text(x->items[i].tensor).z);
    return 0;
}

int shard_index_read(struct shard_index *x, struct str text, struct err *e)
{
    *x = (struct shard_index){.strings = arena_new(8 * text.n + 65536)};
    if (!x->strings)
        return err_set(e, ERR_NO_MEMORY, "no memory for the index of the tensors");
    if (read_index(x, text, e) == 0)
        return 0;
    shard_index_free(x);
    return -1;
}

void shard_index_free(struct shard_index *x)
{
    free(x->items);
    arena_free(x->strings);
    *x = (struct shard_index){.items = NULL};
}
