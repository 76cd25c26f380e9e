#include "server/tensor/stream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buf.h"
#include "server/domain/vector.h"
#include "server/tensor/layout.h"
#include "server/tensor/npy.h"

enum { HEADER_MAX = 1 << 20, MAGIC_BYTES = 8 };

/* Which part of the file the bytes belong to that come next. */
enum stream_state {
    STREAM_MAGIC,      /* eight bytes that tell the format */
    STREAM_NPY_LENGTH, /* the rest of an .npy prefix */
    STREAM_HEADER,
    STREAM_DATA,
    STREAM_BROKEN
};

/* Items of one size that lie side by side. */
struct region {
    uint64_t begin, end; /* from the end of the header */
    size_t item;         /* bytes of each, or 0: none are here */
    int64_t next;        /* the number of the item that is being read */
};

struct tensor_stream {
    struct tensor_stream_calls calls;
    enum stream_state state;
    struct buf head;         /* the file up to the end of its header */
    size_t head_start, want; /* the header begins there; bytes needed for the next state */
    struct tensor_header header;
    uint64_t at, total; /* from the end of the header */
    struct region rows, ids;
    uint8_t *partial; /* of the item that is being read */
    size_t partial_n;
    float *row;
    struct err broken;
};

struct tensor_stream *tensor_stream_new(const struct tensor_stream_calls *calls)
{
    assert(calls->row && (!calls->ids || calls->id));
    struct tensor_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->calls = *calls;
    s->want = MAGIC_BYTES;
    buf_init(&s->head, HEADER_MAX + NPY_PREFIX_MAX);
    return s;
}

void tensor_stream_free(struct tensor_stream *s)
{
    if (!s)
        return;
    buf_free(&s->head);
    free(s->partial);
    free(s->row);
    free(s);
}

/* ---- the header ---- */

static int check_matrix(const struct tensor_stream *s, const char *what,
                        const struct tensor_shape *shape, struct err *e)
{
    if (shape->rank != 2)
        return err_set(e, ERR_VALIDATION, "%s is of shape %s: rows and columns are needed", what,
                       tensor_shape_text(shape).z);
    size_t wanted = s->calls.columns;
    if (wanted > 0 && shape->size[1] != (int64_t)wanted)
        return err_set(e, ERR_VALIDATION, "%s has %" PRId64 " columns, %zu are needed", what,
                       shape->size[1], wanted);
    if (shape->size[1] < 1 || shape->size[1] > TENSOR_STREAM_COLUMNS_MAX)
        return err_set(e, ERR_VALIDATION, "%s has %" PRId64 " columns, 1 to %d are possible", what,
                       shape->size[1], TENSOR_STREAM_COLUMNS_MAX);
    return 0;
}

static void set_matrix(struct tensor_stream *s, enum tensor_format format, enum tensor_dtype dtype,
                       const struct tensor_shape *shape)
{
    s->header = (struct tensor_header){
        .format = format,
        .dtype = dtype,
        .rows = shape->size[0],
        .columns = (size_t)shape->size[1],
    };
    s->rows.item = (size_t)shape->size[1] * tensor_dtype_size(dtype);
}

static int read_npy(struct tensor_stream *s, struct str header, struct err *e)
{
    enum tensor_dtype dtype;
    struct tensor_shape shape;
    uint64_t count;
    if (npy_read(header, &dtype, &shape, e) || check_matrix(s, "the array", &shape, e))
        return -1;
    if (!tensor_shape_measure(dtype, &shape, &count, &s->total))
        return err_set(e, ERR_VALIDATION, "the array of shape %s is larger than any file",
                       tensor_shape_text(&shape).z);
    if (s->calls.ids_required)
        return err_set(e, ERR_VALIDATION, "an .npy file has no ids: send safetensors");
    set_matrix(s, TENSOR_NPY, dtype, &shape);
    s->rows.end = s->total;
    return 0;
}

static const struct layout_entry *find_named(const struct layout *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_is(l->items[i].tensor.name, name))
            return &l->items[i];
    return NULL;
}

static const struct layout_entry *find_only_matrix(const struct layout *l, struct err *e)
{
    const struct layout_entry *found = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const struct tensor *t = &l->items[i].tensor;
        if (t->shape.rank != 2 || !tensor_dtype_is_float(t->dtype))
            continue;
        if (found) {
            (void)err_set(e, ERR_VALIDATION, "both %s and %s are matrices: there must be one",
                          tensor_name_text(found->tensor.name).z, tensor_name_text(t->name).z);
            return NULL;
        }
        found = &l->items[i];
    }
    if (!found)
        (void)err_set(e, ERR_VALIDATION, "the file has no tensor of floats with two dimensions");
    return found;
}

static const struct layout_entry *find_matrix(const struct tensor_stream *s, const struct layout *l,
                                              struct err *e)
{
    const char *name = s->calls.matrix;
    if (!name)
        return find_only_matrix(l, e);
    const struct layout_entry *found = find_named(l, name);
    if (!found)
        (void)err_set(e, ERR_VALIDATION, "the file has no tensor '%s'", name);
    else if (!tensor_dtype_is_float(found->tensor.dtype))
        (void)err_set(e, ERR_VALIDATION,
                      "tensor '%s' is of type %s: F16, BF16, F32 or F64 is needed", name,
                      tensor_dtype_name(found->tensor.dtype));
    else
        return found;
    return NULL;
}

static int find_ids(struct tensor_stream *s, const struct layout *l, struct err *e)
{
    const char *name = s->calls.ids;
    const struct layout_entry *found = name ? find_named(l, name) : NULL;
    if (!found)
        return s->calls.ids_required
                   ? err_set(e, ERR_VALIDATION, "the file has no tensor '%s'", name ? name : "ids")
                   : 0;
    const struct tensor *t = &found->tensor;
    uint64_t size = tensor_dtype_size(t->dtype);
    if ((t->dtype != TENSOR_U8 && t->dtype != TENSOR_I64) || t->shape.rank != 2 ||
        t->shape.size[0] != s->header.rows || t->shape.size[1] < 1 ||
        (uint64_t)t->shape.size[1] > TENSOR_STREAM_ID_MAX / size)
        return err_set(e, ERR_VALIDATION,
                       "tensor '%s' is %s %s: U8 [%" PRId64 ", 1 to %d] or I64 is needed", name,
                       tensor_dtype_name(t->dtype), tensor_shape_text(&t->shape).z, s->header.rows,
                       TENSOR_STREAM_ID_MAX);
    s->ids = (struct region){found->begin, found->end, (size_t)t->shape.size[1] * size, 0};
    s->header.id_dtype = t->dtype;
    s->header.id_bytes = s->ids.item;
    s->header.ids_first = s->ids.begin < s->rows.begin;
    return 0;
}

static int read_layout(struct tensor_stream *s, const struct layout *l, struct err *e)
{
    const struct layout_entry *matrix = find_matrix(s, l, e);
    if (!matrix ||
        check_matrix(s, tensor_name_text(matrix->tensor.name).z, &matrix->tensor.shape, e))
        return -1;
    set_matrix(s, TENSOR_SAFETENSORS, matrix->tensor.dtype, &matrix->tensor.shape);
    s->rows.begin = matrix->begin;
    s->rows.end = matrix->end;
    s->total = l->bytes;
    return find_ids(s, l, e);
}

static int read_safetensors(struct tensor_stream *s, struct str header, struct err *e)
{
    struct layout l;
    if (layout_read(&l, header, e))
        return -1;
    int result = read_layout(s, &l, e);
    layout_free(&l);
    return result;
}

static int read_header(struct tensor_stream *s, struct err *e)
{
    bool npy = npy_is_magic(s->head.p);
    struct str header = str_from(buf_str(&s->head), s->head_start);
    if (npy ? read_npy(s, header, e) : read_safetensors(s, header, e))
        return -1;
    size_t item = s->rows.item > s->ids.item ? s->rows.item : s->ids.item;
    s->partial = malloc(item);
    s->row = calloc(s->header.columns, sizeof(*s->row));
    if (!s->partial || !s->row)
        return err_set(e, ERR_NO_MEMORY, "no memory for a row");
    buf_free(&s->head);
    s->state = STREAM_DATA;
    return s->calls.header ? s->calls.header(s->calls.ctx, &s->header, e) : 0;
}

static int expect_header(struct tensor_stream *s, size_t bytes)
{
    s->state = STREAM_HEADER;
    s->head_start = s->head.n;
    s->want = s->head.n + bytes;
    return 0;
}

static int read_magic(struct tensor_stream *s, struct err *e)
{
    size_t bytes;
    if (!npy_is_magic(s->head.p))
        return layout_header_bytes(s->head.p, HEADER_MAX, &bytes, e) ? -1 : expect_header(s, bytes);
    s->state = STREAM_NPY_LENGTH;
    s->want = npy_prefix_bytes(s->head.p, e);
    return s->want == 0 ? -1 : 0;
}

/* What is at hand is all that the state needs. */
static int step_head(struct tensor_stream *s, struct err *e)
{
    size_t bytes;
    if (s->state == STREAM_MAGIC)
        return read_magic(s, e);
    if (s->state == STREAM_HEADER)
        return read_header(s, e);
    return npy_header_bytes(buf_str(&s->head), HEADER_MAX, &bytes, e) ? -1
                                                                      : expect_header(s, bytes);
}

static int push_head(struct tensor_stream *s, struct str *bytes, struct err *e)
{
    size_t n = s->want - s->head.n;
    if (n > bytes->n)
        n = bytes->n;
    buf_add(&s->head, bytes->p, n);
    if (s->head.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for the header");
    *bytes = str_from(*bytes, n);
    return s->head.n == s->want ? step_head(s, e) : 0;
}

/* ---- rows and ids ---- */

static int refuse_row(const struct tensor_stream *s, struct err *e)
{
    size_t column = 0;
    while (vector_finite(s->row + column, 1))
        column++;
    return err_set(e, ERR_VALIDATION, "row %" PRId64 ", column %zu (from 0): not a finite number",
                   s->rows.next, column);
}

static int give_row(struct tensor_stream *s, const uint8_t *p, struct err *e)
{
    tensor_to_float(s->header.dtype, p, s->header.columns, s->row);
    bool finite = vector_finite(s->row, s->header.columns);
    if (!finite && s->calls.finite_only)
        return refuse_row(s, e);
    return s->calls.row(s->calls.ctx, s->rows.next++, s->row, finite, e);
}

static int give_item(struct tensor_stream *s, const struct region *r, const char *p, struct err *e)
{
    if (r == &s->rows)
        return give_row(s, (const uint8_t *)p, e);
    return s->calls.id(s->calls.ctx, s->ids.next++, (struct str){p, r->item}, e);
}

/* Takes bytes of the region up to the end of an item, which is given out where it lies if it came
 * in one piece. */
static int push_item(struct tensor_stream *s, const struct region *r, struct str *bytes,
                     struct err *e)
{
    size_t n = r->item - s->partial_n;
    const char *whole = s->partial_n == 0 ? bytes->p : (const char *)s->partial;
    if (n > bytes->n || s->partial_n > 0) {
        n = n < bytes->n ? n : bytes->n;
        memcpy(s->partial + s->partial_n, bytes->p, n);
        s->partial_n += n;
    } else {
        s->partial_n = r->item;
    }
    *bytes = str_from(*bytes, n);
    s->at += n;
    if (s->partial_n < r->item)
        return 0;
    s->partial_n = 0;
    return give_item(s, r, whole, e);
}

static bool holds(const struct region *r, uint64_t at)
{
    return r->item > 0 && at >= r->begin && at < r->end;
}

/* Bytes from here on that belong to neither rows nor ids. */
static uint64_t to_skip(const struct tensor_stream *s)
{
    uint64_t next = s->total;
    if (s->rows.begin > s->at && s->rows.begin < next)
        next = s->rows.begin;
    if (s->ids.item > 0 && s->ids.begin > s->at && s->ids.begin < next)
        next = s->ids.begin;
    return next - s->at;
}

static int push_data(struct tensor_stream *s, struct str *bytes, struct err *e)
{
    if (s->at == s->total)
        return err_set(e, ERR_VALIDATION, "the file is longer than its header says");
    if (holds(&s->rows, s->at))
        return push_item(s, &s->rows, bytes, e);
    if (holds(&s->ids, s->at))
        return push_item(s, &s->ids, bytes, e);
    uint64_t n = to_skip(s);
    if (n > bytes->n)
        n = bytes->n;
    *bytes = str_from(*bytes, (size_t)n);
    s->at += n;
    return 0;
}

/* What broke the stream is what it answers from then on. */
static int keep_error(struct tensor_stream *s, struct err *e)
{
    s->state = STREAM_BROKEN;
    if (e && e->code == ERR_NONE)
        *e = s->broken;
    return -1;
}

int tensor_stream_push(struct tensor_stream *s, struct str bytes, struct err *e)
{
    while (bytes.n > 0 && s->state != STREAM_BROKEN) {
        int result = s->state == STREAM_DATA ? push_data(s, &bytes, &s->broken)
                                             : push_head(s, &bytes, &s->broken);
        if (result != 0)
            return keep_error(s, e);
    }
    return s->state == STREAM_BROKEN ? keep_error(s, e) : 0;
}

static void say_cut_off(struct tensor_stream *s)
{
    if (s->state != STREAM_DATA)
        (void)err_set(&s->broken, ERR_VALIDATION, "the file ends within its header");
    else if (s->at < s->rows.end)
        (void)err_set(&s->broken, ERR_VALIDATION,
                      "the file is cut off: %" PRId64 " of %" PRId64 " rows are whole",
                      s->rows.next, s->header.rows);
    else
        (void)err_set(&s->broken, ERR_VALIDATION,
                      "the file is cut off: %" PRIu64 " of %" PRIu64 " bytes behind the header",
                      s->at, s->total);
}

int tensor_stream_end(struct tensor_stream *s, struct err *e)
{
    if (s->state == STREAM_DATA && s->at == s->total)
        return 0;
    if (s->state != STREAM_BROKEN)
        say_cut_off(s);
    return keep_error(s, e);
}
