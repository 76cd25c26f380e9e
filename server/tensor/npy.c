#include "server/tensor/npy.h"

#include <endian.h>
#include <string.h>

struct literal {
    struct str text;
    size_t i;
};

struct npy_header {
    struct str descr;
    bool has_descr, has_order, has_shape, fortran;
    struct tensor_shape shape;
};

bool npy_is_magic(const char *p)
{
    return memcmp(p, "\x93NUMPY", NPY_MAGIC_BYTES) == 0;
}

size_t npy_prefix_bytes(const char *p, struct err *e)
{
    int major = (unsigned char)p[6], minor = (unsigned char)p[7];
    if (major < 1 || major > 3 || minor != 0) {
        (void)err_set(e, ERR_VALIDATION, "there is no version %d.%d of .npy", major, minor);
        return 0;
    }
    return major == 1 ? 10 : NPY_PREFIX_MAX;
}

int npy_header_bytes(struct str prefix, size_t max, size_t *out, struct err *e)
{
    uint32_t bytes = 0;
    memcpy(&bytes, prefix.p + 8, prefix.n - 8);
    bytes = le32toh(bytes);
    if (bytes > max)
        return err_set(e, ERR_VALIDATION,
                       "the header of the .npy file would be %lu bytes long, %zu are possible",
                       (unsigned long)bytes, max);
    *out = bytes;
    return 0;
}

static int fail(const struct literal *l, struct err *e, const char *what)
{
    return err_set(e, ERR_VALIDATION, "byte %zu of the .npy header: %s", l->i, what);
}

static char peek(struct literal *l)
{
    while (l->i < l->text.n && l->text.p[l->i] == ' ')
        l->i++;
    return l->i < l->text.n ? l->text.p[l->i] : '\0';
}

static bool take(struct literal *l, char token)
{
    if (peek(l) != token || l->i == l->text.n)
        return false;
    l->i++;
    return true;
}

/* Printable ASCII without escapes, in quotes of either kind. */
static int read_string(struct literal *l, struct str *out, struct err *e)
{
    char quote = peek(l);
    if (quote != '\'' && quote != '"')
        return fail(l, e, "a string is expected");
    size_t start = ++l->i;
    for (; l->i < l->text.n && l->text.p[l->i] != quote; l->i++)
        if (l->text.p[l->i] < 0x20 || l->text.p[l->i] > 0x7e || l->text.p[l->i] == '\\')
            return fail(l, e, "a string has something else than plain ASCII");
    if (l->i == l->text.n)
        return fail(l, e, "a string does not end");
    *out = (struct str){l->text.p + start, l->i - start};
    l->i++;
    return 0;
}

static int read_size(struct literal *l, int64_t *out, struct err *e)
{
    (void)peek(l);
    size_t start = l->i;
    while (l->i < l->text.n && l->text.p[l->i] >= '0' && l->text.p[l->i] <= '9')
        l->i++;
    struct str digits = {l->text.p + start, l->i - start};
    if (digits.n == 0 || (digits.n > 1 && digits.p[0] == '0') ||
        !str_to_i64(digits, 0, INT64_MAX, out)) {
        l->i = start;
        return fail(l, e, "a whole number of 0 or more is expected");
    }
    return 0;
}

/* A tuple: one size needs its comma, which is what makes it a tuple. */
static int read_shape(struct literal *l, struct tensor_shape *shape, struct err *e)
{
    bool comma = true;
    if (!take(l, '('))
        return fail(l, e, "the shape is no tuple");
    for (; !take(l, ')'); shape->rank++) {
        if (!comma)
            return fail(l, e, "a comma or the end of the shape is expected");
        if (shape->rank == TENSOR_RANK_MAX)
            return fail(l, e, "the shape has more than 8 dimensions");
        if (read_size(l, &shape->size[shape->rank], e))
            return -1;
        comma = take(l, ',');
    }
    if (shape->rank == 1 && !comma)
        return fail(l, e, "the shape is a number and no tuple");
    return 0;
}

static int read_bool(struct literal *l, bool *out, struct err *e)
{
    struct str yes = STR("True"), no = STR("False");
    (void)peek(l);
    struct str rest = str_from(l->text, l->i);
    *out = str_starts(rest, yes);
    if (!*out && !str_starts(rest, no))
        return fail(l, e, "True or False is expected");
    l->i += *out ? yes.n : no.n;
    return 0;
}

static int read_member(struct literal *l, struct npy_header *h, struct err *e)
{
    struct str key;
    if (read_string(l, &key, e))
        return -1;
    bool *seen = str_is(key, "descr")           ? &h->has_descr
                 : str_is(key, "fortran_order") ? &h->has_order
                 : str_is(key, "shape")         ? &h->has_shape
                                                : NULL;
    if (!seen)
        return fail(l, e, "a key other than descr, fortran_order, shape");
    if (*seen)
        return fail(l, e, "a key occurs twice");
    *seen = true;
    if (!take(l, ':'))
        return fail(l, e, "a colon is expected");
    if (seen == &h->has_descr) {
        if (peek(l) == '[')
            return fail(l, e, "a structured type, where one of float is needed");
        return read_string(l, &h->descr, e);
    }
    return seen == &h->has_order ? read_bool(l, &h->fortran, e) : read_shape(l, &h->shape, e);
}

static int read_dictionary(struct literal *l, struct npy_header *h, struct err *e)
{
    bool comma = true;
    if (l->text.n == 0 || l->text.p[0] != '{')
        return fail(l, e, "a dictionary is expected");
    l->i++;
    while (!take(l, '}')) {
        if (!comma)
            return fail(l, e, "a comma or the end of the dictionary is expected");
        if (read_member(l, h, e))
            return -1;
        comma = take(l, ',');
    }
    (void)peek(l);
    if (l->i + 1 != l->text.n || l->text.p[l->i] != '\n')
        return fail(l, e, "only spaces and a newline may follow the dictionary");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return fail(l, e, "descr, fortran_order or shape is missing");
    return 0;
}

int npy_read(struct str header, enum tensor_dtype *dtype, struct tensor_shape *shape, struct err *e)
{
    static const struct {
        const char *descr;
        enum tensor_dtype dtype;
    } types[] = {{"<f2", TENSOR_F16}, {"<f4", TENSOR_F32}, {"<f8", TENSOR_F64}};
    struct literal l = {.text = header};
    struct npy_header h = {.has_descr = false};
    if (read_dictionary(&l, &h, e))
        return -1;
    if (h.fortran)
        return err_set(e, ERR_VALIDATION,
                       "the array is in Fortran order: save it in C order, e.g. "
                       "by numpy.ascontiguousarray()");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (str_is(h.descr, types[i].descr)) {
            *dtype = types[i].dtype;
            *shape = h.shape;
            return 0;
        }
    }
    return err_set(e, ERR_VALIDATION, "the array is of type %s: '<f2', '<f4' or '<f8' is needed",
                   tensor_name_text(h.descr).z);
}
