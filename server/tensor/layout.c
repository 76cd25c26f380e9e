#include "server/tensor/layout.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/text.h"
#include "server/tensor/cursor.h"

/* One member of the header while it is read. */
struct declaration {
    struct layout_entry *entry;
    bool has_dtype, has_shape, has_offsets;
    int n_offsets;
};

static int note_member(struct cursor *c, struct str key, void *ctx, struct err *e)
{
    struct str ignored;
    (void)key;
    (void)ctx;
    return cursor_string(c, &ignored, e);
}

static int shape_item(struct cursor *c, void *ctx, struct err *e)
{
    struct tensor_shape *shape = ctx;
    if (shape->rank == TENSOR_RANK_MAX)
        return cursor_fail(c, e, "a shape has more than 8 dimensions");
    if (cursor_number(c, &shape->size[shape->rank], e))
        return -1;
    shape->rank++;
    return 0;
}

static int offset_item(struct cursor *c, void *ctx, struct err *e)
{
    struct declaration *d = ctx;
    int64_t v;
    if (d->n_offsets == 2)
        return cursor_fail(c, e, "data_offsets has more than two numbers");
    if (cursor_number(c, &v, e))
        return -1;
    *(d->n_offsets++ == 0 ? &d->entry->begin : &d->entry->end) = (uint64_t)v;
    return 0;
}

static int read_dtype(struct cursor *c, struct layout_entry *entry, struct err *e)
{
    struct str name;
    if (cursor_string(c, &name, e))
        return -1;
    if (!tensor_dtype_of(name, &entry->tensor.dtype))
        return err_set(e, ERR_VALIDATION, "tensor %s is of type %s, which is not supported",
                       tensor_name_text(entry->tensor.name).z, tensor_name_text(name).z);
    return 0;
}

static int entry_member(struct cursor *c, struct str key, void *ctx, struct err *e)
{
    struct declaration *d = ctx;
    bool *seen = str_is(key, "dtype")          ? &d->has_dtype
                 : str_is(key, "shape")        ? &d->has_shape
                 : str_is(key, "data_offsets") ? &d->has_offsets
                                               : NULL;
    if (!seen)
        return cursor_fail(c, e, "a tensor has a member other than dtype, shape, data_offsets");
    if (*seen)
        return cursor_fail(c, e, "a tensor has a member twice");
    *seen = true;
    if (seen == &d->has_dtype)
        return read_dtype(c, d->entry, e);
    if (seen == &d->has_shape)
        return cursor_array(c, shape_item, &d->entry->tensor.shape, e);
    return cursor_array(c, offset_item, d, e);
}

static int check_entry(struct layout_entry *x, struct err *e)
{
    struct tensor *t = &x->tensor;
    uint64_t count, bytes;
    if (x->begin > x->end)
        return err_set(e, ERR_VALIDATION, "tensor %s ends before it begins",
                       tensor_name_text(t->name).z);
    if (!tensor_shape_measure(t->dtype, &t->shape, &count, &bytes) || bytes != x->end - x->begin)
        return err_set(e, ERR_VALIDATION, "tensor %s: %s %s does not fit into %" PRIu64 " bytes",
                       tensor_name_text(t->name).z, tensor_dtype_name(t->dtype),
                       tensor_shape_text(&t->shape).z, x->end - x->begin);
    t->count = (size_t)count;
    t->bytes = (size_t)bytes;
    return 0;
}

static struct layout_entry *add_entry(struct layout *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct layout_entry *items = reallocarray(l->items, cap, sizeof(*items));
        if (!items)
            return NULL;
        l->items = items;
        l->cap = cap;
    }
    struct layout_entry *entry = &l->items[l->n++];
    *entry = (struct layout_entry){.begin = 0};
    return entry;
}

struct header_reader {
    struct layout *layout;
    bool has_notes;
};

static int header_member(struct cursor *c, struct str key, void *ctx, struct err *e)
{
    struct header_reader *r = ctx;
    if (str_is(key, "__metadata__")) {
        if (r->has_notes)
            return cursor_fail(c, e, "__metadata__ occurs twice");
        r->has_notes = true;
        return cursor_object(c, note_member, NULL, e);
    }
    struct declaration d = {.entry = add_entry(r->layout)};
    if (!d.entry)
        return err_set(e, ERR_NO_MEMORY, "no memory for the tensors of the header");
    d.entry->tensor.name = key;
    if (cursor_object(c, entry_member, &d, e))
        return -1;
    if (!d.has_dtype || !d.has_shape || !d.has_offsets || d.n_offsets != 2)
        return err_set(e, ERR_VALIDATION, "tensor %s lacks dtype, shape or two data_offsets",
                       tensor_name_text(key).z);
    return check_entry(d.entry, e);
}

static int by_name(const void *a, const void *b)
{
    return tensor_name_order(((const struct layout_entry *)a)->tensor.name,
                             ((const struct layout_entry *)b)->tensor.name);
}

static int by_place(const void *a, const void *b)
{
    const struct layout_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int check_names(struct layout *l, struct err *e)
{
    qsort(l->items, l->n, sizeof(*l->items), by_name);
    for (size_t i = 1; i < l->n; i++)
        if (str_eq(l->items[i - 1].tensor.name, l->items[i].tensor.name))
            return err_set(e, ERR_VALIDATION, "tensor %s occurs twice",
                           tensor_name_text(l->items[i].tensor.name).z);
    return 0;
}

static int check_places(struct layout *l, struct err *e)
{
    qsort(l->items, l->n, sizeof(*l->items), by_place);
    for (size_t i = 0; i < l->n; i++) {
        const struct layout_entry *x = &l->items[i];
        if (x->begin < l->bytes)
            return err_set(e, ERR_VALIDATION, "tensors %s and %s overlap",
                           tensor_name_text(l->items[i - 1].tensor.name).z,
                           tensor_name_text(x->tensor.name).z);
        if (x->begin > l->bytes)
            return err_set(e, ERR_VALIDATION,
                           "there are %" PRIu64 " bytes before tensor %s that belong to none",
                           x->begin - l->bytes, tensor_name_text(x->tensor.name).z);
        l->bytes = x->end;
    }
    return 0;
}

static int read_header(struct layout *l, struct str header, struct err *e)
{
    size_t bad;
    struct cursor c = {.what = "header", .text = header, .strings = l->strings};
    struct header_reader r = {.layout = l};
    if (!text_is_valid(header, &bad)) {
        c.i = bad;
        return cursor_fail(&c, e, "this is not UTF-8");
    }
    if (header.n == 0 || header.p[0] != '{')
        return cursor_fail(&c, e, "a safetensors header begins with an object");
    if (cursor_object(&c, header_member, &r, e) || cursor_end(&c, e))
        return -1;
    if (l->n == 0)
        return 0;
    return check_names(l, e) || check_places(l, e) ? -1 : 0;
}

int layout_read(struct layout *l, struct str header, struct err *e)
{
    /* A string with an escape takes 16 bytes in the arena for at least 4 in the header. */
    *l = (struct layout){.strings = arena_new(8 * header.n + 65536)};
    if (!l->strings)
        return err_set(e, ERR_NO_MEMORY, "no memory for the header");
    if (read_header(l, header, e) == 0)
        return 0;
    layout_free(l);
    return -1;
}

void layout_free(struct layout *l)
{
    free(l->items);
    arena_free(l->strings);
    *l = (struct layout){.items = NULL};
}

int layout_header_bytes(const char *prefix, size_t max, size_t *out, struct err *e)
{
    uint64_t bytes;
    memcpy(&bytes, prefix, sizeof(bytes));
    bytes = le64toh(bytes);
    if (bytes < 2 || bytes > max)
        return err_set(e, ERR_VALIDATION,
                       "this is not safetensors: its header would be %" PRIu64
                       " bytes long, 2 to %zu are possible",
                       bytes, max);
    *out = (size_t)bytes;
    return 0;
}
