#include "server/json/decode.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/base/cleanup.h"
#include "server/base/text.h"

/* Where the decoder stands, as an RFC 6901 pointer; what does not fit is cut off at a character. */
struct pointer {
    char text[sizeof(((struct err_field *)NULL)->pointer)];
    size_t n;
};

struct decoder {
    struct arena *arena;
    struct err *e;
    struct pointer at;
    int wrong; /* fields reported */
};

static size_t pointer_push(struct pointer *p, const char *token)
{
    size_t before = p->n, whole = p->n;
    bool fits = p->n + 2 < sizeof(p->text);
    if (fits)
        p->text[p->n++] = '/';
    for (const char *c = token; fits && *c; c++) {
        if (((unsigned char)*c & 0xc0) != 0x80)
            whole = p->n;
        fits = p->n + 3 < sizeof(p->text);
        if (fits && (*c == '~' || *c == '/')) {
            p->text[p->n++] = '~';
            p->text[p->n++] = *c == '~' ? '0' : '1';
        } else if (fits) {
            p->text[p->n++] = *c;
        }
    }
    if (!fits)
        p->n = whole;
    p->text[p->n] = '\0';
    return before;
}

static size_t pointer_push_index(struct pointer *p, size_t i)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%zu", i);
    return pointer_push(p, digits);
}

static void pointer_pop(struct pointer *p, size_t before)
{
    p->n = before;
    p->text[before] = '\0';
}

/* More is not reported, so that a long list of bad items costs no more than a short one. */
static bool enough(const struct decoder *d)
{
    return d->wrong > ERR_FIELDS_MAX || (d->e->code != ERR_NONE && d->e->code != ERR_VALIDATION);
}

__attribute__((format(printf, 2, 3))) static void wrong(struct decoder *d, const char *fmt, ...)
{
    char detail[sizeof(((struct err_field *)NULL)->detail)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    d->wrong++;
    (void)err_field(d->e, d->at.text, "%s", detail);
}

static void *allocate(struct decoder *d, size_t n)
{
    void *p = arena_alloc(d->arena, n);
    if (!p)
        (void)err_set(d->e, ERR_NO_MEMORY, "the request needs more memory than it may have");
    return p;
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return names[json_typeof(value)];
}

static void wrong_type(struct decoder *d, const char *expected, const json_t *value)
{
    wrong(d, "must be %s, not %s", expected, type_name(value));
}

static void decode_members(struct decoder *d, const json_t *object, const struct field *fields,
                           void *out);

static bool one_of(struct str s, const char *const *values)
{
    for (; *values; values++)
        if (str_is(s, *values))
            return true;
    return false;
}

static void wrong_choice(struct decoder *d, const char *const *values)
{
    char list[128];
    size_t n = 0;
    for (; *values && n < sizeof(list); values++) {
        int added = snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", *values);
        n += added > 0 ? (size_t)added : 0;
    }
    wrong(d, "must be one of: %s", list);
}

/* min and max count code points; max 0 means unbounded. */
static void take_string(struct decoder *d, const json_t *value, size_t min, size_t max,
                        const char *const *values, struct str *out)
{
    if (!json_is_string(value)) {
        wrong_type(d, "a string", value);
        return;
    }
    struct str s = {json_string_value(value), json_string_length(value)};
    size_t length = text_length(s);
    if (values && !one_of(s, values)) {
        wrong_choice(d, values);
    } else if (length < min) {
        wrong(d, "must have at least %zu character%s", min, min == 1 ? "" : "s");
    } else if (max > 0 && length > max) {
        wrong(d, "must have at most %zu characters, has %zu", max, length);
    } else {
        char *copy = allocate(d, s.n + 1);
        if (!copy)
            return;
        memcpy(copy, s.p, s.n);
        *out = (struct str){copy, s.n};
    }
}

static bool within(struct decoder *d, const struct field *f, double v)
{
    bool bounded = f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0;
    if (!bounded || (v >= f->min && v <= f->max))
        return true;
    wrong(d, "must be from %.15g to %.15g", f->min, f->max);
    return false;
}

static void take_int(struct decoder *d, const json_t *value, const struct field *f,
                     struct opt_int *out)
{
    int64_t v = json_integer_value(value);
    if (!json_is_integer(value))
        wrong_type(d, "an integer", value);
    else if (within(d, f, (double)v))
        *out = (struct opt_int){true, v};
}

static void take_number(struct decoder *d, const json_t *value, const struct field *f,
                        struct opt_number *out)
{
    if (!json_is_number(value))
        wrong_type(d, "a number", value);
    else if (within(d, f, json_number_value(value)))
        *out = (struct opt_number){true, json_number_value(value)};
}

static void take_bool(struct decoder *d, const json_t *value, struct opt_bool *out)
{
    if (!json_is_boolean(value))
        wrong_type(d, "true or false", value);
    else
        *out = (struct opt_bool){true, json_is_true(value)};
}

static void take_object(struct decoder *d, const json_t *value, const struct field *f, void **out)
{
    if (!json_is_object(value)) {
        wrong_type(d, "an object", value);
        return;
    }
    *out = allocate(d, f->size);
    if (*out)
        decode_members(d, value, f->fields, *out);
}

static void take_map(struct decoder *d, const json_t *value, const struct field *f, struct str *out)
{
    if (!json_is_object(value)) {
        wrong_type(d, "an object", value);
        return;
    }
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15);
    size_t n = json_dumpb(value, NULL, 0, flags);
    if (f->max > 0 && (double)n > f->max) {
        wrong(d, "must have at most %.0f bytes as JSON, has %zu", f->max, n);
        return;
    }
    char *text = n ? allocate(d, n + 1) : NULL;
    if (text)
        *out = (struct str){text, json_dumpb(value, text, n, flags)};
}

bool label_name_is_valid(struct str name)
{
    if (name.n == 0 || name.n > LABEL_NAME_MAX || name.p[0] < 'a' || name.p[0] > 'z')
        return false;
    for (size_t i = 1; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

static void check_label(struct decoder *d, const char *name, const json_t *value, size_t len_max)
{
    struct str unused;
    size_t before = pointer_push(&d->at, name);
    if (!label_name_is_valid(str_of(name)))
        wrong(d, "is not a name of lower-case letters, digits, dots, dashes and underscores");
    else
        take_string(d, value, 0, len_max, NULL, &unused);
    pointer_pop(&d->at, before);
}

static void take_labels(struct decoder *d, const json_t *value, const struct field *f,
                        struct str *out)
{
    json_t *members = (json_t *)(uintptr_t)value; /* jansson's iterators lack const */
    int before = d->wrong;
    size_t n = json_object_size(value); /* 0 of what is no object */
    if ((double)n > f->max) {
        wrong(d, "must have at most %.0f members, has %zu", f->max, n);
        return;
    }
    for (void *it = json_object_iter(members); it && !enough(d);
         it = json_object_iter_next(members, it))
        check_label(d, json_object_iter_key(it), json_object_iter_value(it), f->len_max);
    if (d->wrong == before)
        take_map(d, value, &(const struct field){.max = 0}, out);
}

static size_t item_size(const struct field *f)
{
    if (f->type == FIELD_STRINGS)
        return sizeof(struct str);
    return f->type == FIELD_NUMBERS ? sizeof(double) : f->size;
}

static void take_item(struct decoder *d, const json_t *value, const struct field *f, void *out)
{
    if (f->type == FIELD_STRINGS) {
        take_string(d, value, 0, f->len_max, f->values, out);
    } else if (f->type == FIELD_NUMBERS) {
        if (json_is_number(value))
            *(double *)out = json_number_value(value);
        else
            wrong_type(d, "a number", value);
    } else if (json_is_object(value)) {
        decode_members(d, value, f->fields, out);
    } else {
        wrong_type(d, "an object", value);
    }
}

static void take_list(struct decoder *d, const json_t *value, const struct field *f,
                      struct list *out)
{
    if (!json_is_array(value)) {
        wrong_type(d, "an array", value);
        return;
    }
    size_t n = json_array_size(value), size = item_size(f);
    if ((double)n < f->min || (f->max > 0 && (double)n > f->max)) {
        if (f->max > 0)
            wrong(d, "must have %.0f to %.0f items, has %zu", f->min, f->max, n);
        else
            wrong(d, "must have at least %.0f items, has %zu", f->min, n);
        return;
    }
    char *items = allocate(d, n * size);
    if (!items)
        return;
    for (size_t i = 0; i < n && !enough(d); i++) {
        size_t before = pointer_push_index(&d->at, i);
        take_item(d, json_array_get(value, i), f, items + i * size);
        pointer_pop(&d->at, before);
    }
    *out = (struct list){true, n, items};
}

static void take_field(struct decoder *d, const json_t *value, const struct field *f, void *out)
{
    switch (f->type) {
    case FIELD_STRING:
        take_string(d, value, (size_t)f->min, (size_t)f->max, NULL, out);
        break;
    case FIELD_ENUM:
        take_string(d, value, 0, 0, f->values, out);
        break;
    case FIELD_INT:
        take_int(d, value, f, out);
        break;
    case FIELD_NUMBER:
        take_number(d, value, f, out);
        break;
    case FIELD_BOOL:
        take_bool(d, value, out);
        break;
    case FIELD_OBJECT:
        take_object(d, value, f, out);
        break;
    case FIELD_MAP:
        take_map(d, value, f, out);
        break;
    case FIELD_LABELS:
        take_labels(d, value, f, out);
        break;
    case FIELD_STRINGS:
    case FIELD_NUMBERS:
    case FIELD_OBJECTS:
        take_list(d, value, f, out);
        break;
    case FIELD_END:
        break;
    }
}

static bool known(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f->type != FIELD_END; f++)
        if (strcmp(f->name, name) == 0)
            return true;
    return false;
}

static void report_unknown(struct decoder *d, const json_t *object, const struct field *fields)
{
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterators lack const */
    for (void *it = json_object_iter(members); it && !enough(d);
         it = json_object_iter_next(members, it)) {
        const char *name = json_object_iter_key(it);
        if (known(fields, name))
            continue;
        size_t before = pointer_push(&d->at, name);
        wrong(d, "is not a known member");
        pointer_pop(&d->at, before);
    }
}

static void decode_members(struct decoder *d, const json_t *object, const struct field *fields,
                           void *out)
{
    for (const struct field *f = fields; f->type != FIELD_END && !enough(d); f++) {
        const json_t *value = json_object_get(object, f->name);
        if (!value && !f->required)
            continue;
        size_t before = pointer_push(&d->at, f->name);
        if (value)
            take_field(d, value, f, (char *)out + f->offset);
        else
            wrong(d, "is required");
        pointer_pop(&d->at, before);
    }
    report_unknown(d, object, fields);
}

static const char *syntax_sentence(enum json_error_code code)
{
    static const struct {
        enum json_error_code code;
        const char *sentence;
    } known_codes[] = {
        {json_error_premature_end_of_input, "the text ends too early"},
        {json_error_end_of_input_expected, "something follows the JSON value"},
        {json_error_invalid_utf8, "not valid UTF-8"},
        {json_error_duplicate_key, "a member's name stands twice in one object"},
        {json_error_null_character, "a string contains the character U+0000"},
        {json_error_null_byte_in_key, "a member's name contains the character U+0000"},
        {json_error_numeric_overflow, "a number is larger than can be represented"},
    };
    for (size_t i = 0; i < sizeof(known_codes) / sizeof(known_codes[0]); i++)
        if (known_codes[i].code == code)
            return known_codes[i].sentence;
    return "this is not JSON";
}

int json_decode(struct str text, const struct field *fields, size_t max_nodes, struct arena *a,
                void *out, size_t out_size, struct err *e)
{
    memset(out, 0, out_size);
    if (json_scan(text, max_nodes, e))
        return -1;
    json_error_t error;
    _cleanup_(json_decrefp) json_t *root =
        json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    enum json_error_code code = root ? json_error_unknown : json_error_code(&error);
    if (!root && code == json_error_out_of_memory)
        return err_set(e, ERR_NO_MEMORY, "not enough memory to read the body");
    if (!root)
        return err_set(e, ERR_MALFORMED, "line %d, column %d: %s", error.line,
                       error.column > 0 ? error.column : 1, syntax_sentence(code));
    struct decoder d = {.arena = a, .e = e};
    if (json_is_object(root))
        decode_members(&d, root, fields, out);
    else
        wrong_type(&d, "an object", root);
    return e->code == ERR_NONE ? 0 : -1;
}
