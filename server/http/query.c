/* The query string against the route's table. What cannot be read is 400, a readable value that is
 * outside what the table says is 422. */
#include <stdio.h>

#include "server/base/text.h"
#include "server/http/internal.h"

/* The first fault of this kind wins: what follows it cannot be trusted to be what was meant. */
static int bad_parameter(struct err *e, struct str name, const char *what)
{
    if (e->code != ERR_NONE)
        return -1;
    size_t n = name.n < 100 ? name.n : 100;
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80)
        n--;
    struct err_field *f = &e->fields[0];
    (void)snprintf(f->pointer, sizeof(f->pointer), "?%.*s", (int)n, name.p);
    (void)snprintf(f->detail, sizeof(f->detail), "%s", what);
    e->n_fields = 1;
    return err_set(e, ERR_PARAMETER, "%s: %s", f->pointer, what);
}

static int find_row(const struct query_param *table, struct str name)
{
    for (int i = 0; table && table[i].name; i++)
        if (str_is(name, table[i].name))
            return i;
    return -1;
}

static int read_piece(struct req *q, struct str piece)
{
    const char *equals = memchr(piece.p, '=', piece.n);
    struct str name = {piece.p, equals ? (size_t)(equals - piece.p) : piece.n}, value = {"", 0};
    if (!uri_decode(q->arena, name, true, &name))
        return bad_parameter(&q->err, (struct str){"", 0}, "a name cannot be decoded");
    if (equals &&
        !uri_decode(q->arena, str_from(piece, (size_t)(equals - piece.p) + 1), true, &value))
        return bad_parameter(&q->err, name, "cannot be decoded");
    int row = find_row(q->route->query, name);
    if (row < 0)
        return bad_parameter(&q->err, name, "is not a parameter of this operation");
    if (q->query[row].set)
        return bad_parameter(&q->err, name, "is given more than once");
    q->query[row] = (struct query_value){.set = true, .text = value};
    return 0;
}

static int split(struct req *q, struct str raw)
{
    while (raw.n) {
        struct str piece = str_next(&raw, '&');
        if (piece.n && read_piece(q, piece) < 0)
            return -1;
    }
    return 0;
}

/* "25s", "500ms", "2m" or a number of seconds, in milliseconds. */
static bool read_duration(struct str text, int64_t *ms)
{
    static const struct {
        const char *suffix;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 1000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i].suffix);
        if (text.n < n || memcmp(text.p + text.n - n, units[i].suffix, n) != 0)
            continue;
        struct str number = {text.p, text.n - n};
        double value;
        for (size_t k = 0; k < number.n; k++)
            if (!strchr("0123456789.", number.p[k]))
                return false;
        if (!str_to_double(number, &value) || value > 1e9)
            return false;
        *ms = (int64_t)(value * units[i].ms + 0.5);
        return true;
    }
    return false;
}

static void check_enum(struct req *q, const struct query_param *row, struct query_value *v,
                       const char *pointer)
{
    char known[120] = "";
    size_t n = 0;
    bool fits = true;
    for (int i = 0; row->values[i]; i++) {
        if (str_is(v->text, row->values[i])) {
            v->number = i;
            return;
        }
        if (!fits)
            continue;
        int more = snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", row->values[i]);
        fits = more > 0 && (size_t)more < sizeof(known) - n;
        known[n] = fits ? known[n] : '\0';
        n += fits ? (size_t)more : 0;
    }
    (void)err_field(&q->err, pointer, "must be one of: %s%s", known, fits ? "" : ", …");
}

static void check_range(struct req *q, const struct query_param *row, int64_t value,
                        const char *pointer)
{
    static const char *const nouns[] = {"length in characters", "value", "", "duration in ms"};
    if (value < row->min || value > row->max)
        (void)err_field(&q->err, pointer, "the %s must be from %lld to %lld", nouns[row->type],
                        (long long)row->min, (long long)row->max);
}

static void check_value(struct req *q, const struct query_param *row, struct query_value *v)
{
    char pointer[80];
    (void)snprintf(pointer, sizeof(pointer), "?%s", row->name);
    switch (row->type) {
    case QUERY_TEXT:
        check_range(q, row, (int64_t)text_length(v->text), pointer);
        return;
    case QUERY_INT:
        if (!str_to_i64(v->text, INT64_MIN, INT64_MAX, &v->number))
            (void)err_field(&q->err, pointer, "must be an integer");
        else
            check_range(q, row, v->number, pointer);
        return;
    case QUERY_ENUM:
        check_enum(q, row, v, pointer);
        return;
    case QUERY_DURATION:
        if (!read_duration(v->text, &v->number))
            (void)err_field(&q->err, pointer, "must be a duration such as 25s, 500ms or 2m");
        else
            check_range(q, row, v->number, pointer);
        return;
    }
}

int query_read(struct req *q, struct str raw)
{
    if (split(q, raw) < 0)
        return -1;
    const struct query_param *table = q->route->query;
    for (int i = 0; table && table[i].name; i++)
        if (q->query[i].set)
            check_value(q, &table[i], &q->query[i]);
    return q->err.code == ERR_NONE ? 0 : -1;
}
