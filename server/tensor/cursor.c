#include "server/tensor/cursor.h"

enum { DEPTH_MAX = 16 };

int cursor_fail(const struct cursor *c, struct err *e, const char *what)
{
    return err_set(e, ERR_VALIDATION, "byte %zu of the %s: %s", c->i, c->what, what);
}

static void skip_space(struct cursor *c)
{
    while (c->i < c->text.n && c->text.p[c->i] && strchr(" \t\r\n", c->text.p[c->i]))
        c->i++;
}

/* The next byte that is no white space, or NUL at the end. */
static char peek(struct cursor *c)
{
    skip_space(c);
    return c->i < c->text.n ? c->text.p[c->i] : '\0';
}

static bool take(struct cursor *c, char token)
{
    if (peek(c) != token || c->i == c->text.n)
        return false;
    c->i++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of an escape whose `u` is at p; -1 when they are not four digits. */
static int32_t escape_unit(const char *p, const char *end)
{
    if (end - p < 5 || *p != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 1; i <= 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The code point of an escape whose `u` is at *p, which moves behind it; -1 for a lone surrogate,
 * for NUL and for what is no escape. */
static int32_t escape_point(const char **p, const char *end)
{
    int32_t high = escape_unit(*p, end);
    if (high <= 0 || (high & 0xfc00) == 0xdc00)
        return -1;
    *p += 5;
    if ((high & 0xfc00) != 0xd800)
        return high;
    int32_t low = end - *p >= 6 && **p == '\\' ? escape_unit(*p + 1, end) : -1;
    if ((low & 0xfc00) != 0xdc00 || low < 0)
        return -1;
    *p += 6;
    return 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));
}

static char *put_utf8(char *out, int32_t point)
{
    int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(lead[more] | point >> 6 * more);
    while (more-- > 0)
        *out++ = (char)(0x80 | (point >> 6 * more & 0x3f));
    return out;
}

/* One escape whose backslash is before *p. NULL when it is none that JSON has. */
static char *put_escape(char *out, const char **p, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (*p == end)
        return NULL;
    const char *letter = **p ? strchr(letters, **p) : NULL;
    if (letter) {
        ++*p;
        *out++ = meanings[letter - letters];
        return out;
    }
    int32_t point = escape_point(p, end);
    return point < 0 ? NULL : put_utf8(out, point);
}

/* What is written never passes what is read: an escape of six bytes gives three at most. */
static int unescape(const struct cursor *c, struct str raw, struct str *out, struct err *e)
{
    char *copy = arena_alloc(c->strings, raw.n + 1), *to = copy;
    if (!copy)
        return err_set(e, ERR_NO_MEMORY, "no memory for the strings of the %s", c->what);
    for (const char *p = raw.p, *end = raw.p + raw.n; p < end;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        p++;
        to = put_escape(to, &p, end);
        if (!to)
            return cursor_fail(c, e, "a string has an escape that cannot be");
    }
    *out = (struct str){copy, (size_t)(to - copy)};
    return 0;
}

int cursor_string(struct cursor *c, struct str *out, struct err *e)
{
    if (!take(c, '"'))
        return cursor_fail(c, e, "a string is expected");
    size_t start = c->i;
    bool escapes = false;
    for (; c->i < c->text.n && c->text.p[c->i] != '"'; c->i++) {
        if ((unsigned char)c->text.p[c->i] < 0x20)
            return cursor_fail(c, e, "a string has a control character");
        if (c->text.p[c->i] == '\\') {
            escapes = true;
            c->i++;
        }
    }
    if (c->i >= c->text.n)
        return cursor_fail(c, e, "a string does not end");
    struct str raw = {c->text.p + start, c->i - start};
    c->i++;
    if (escapes)
        return unescape(c, raw, out, e);
    *out = raw;
    return 0;
}

int cursor_number(struct cursor *c, int64_t *out, struct err *e)
{
    (void)peek(c);
    size_t start = c->i;
    while (c->i < c->text.n && c->text.p[c->i] && strchr("0123456789+-.eE", c->text.p[c->i]))
        c->i++;
    struct str digits = {c->text.p + start, c->i - start};
    bool plain = digits.n > 0 && (digits.n == 1 || digits.p[0] != '0') && digits.p[0] != '+' &&
                 digits.p[0] != '-';
    if (!plain || !str_to_i64(digits, 0, INT64_MAX, out)) {
        c->i = start;
        return cursor_fail(c, e, "a whole number of 0 or more is expected");
    }
    return 0;
}

int cursor_object(struct cursor *c,
                  int (*member)(struct cursor *, struct str, void *, struct err *), void *ctx,
                  struct err *e)
{
    if (!take(c, '{'))
        return cursor_fail(c, e, "an object is expected");
    if (take(c, '}'))
        return 0;
    do {
        struct str key;
        if (cursor_string(c, &key, e))
            return -1;
        if (!take(c, ':'))
            return cursor_fail(c, e, "a colon is expected");
        if (member(c, key, ctx, e))
            return -1;
    } while (take(c, ','));
    return take(c, '}') ? 0 : cursor_fail(c, e, "a comma or the end of the object is expected");
}

int cursor_array(struct cursor *c, int (*item)(struct cursor *, void *, struct err *), void *ctx,
                 struct err *e)
{
    if (!take(c, '['))
        return cursor_fail(c, e, "an array is expected");
    if (take(c, ']'))
        return 0;
    do {
        if (item(c, ctx, e))
            return -1;
    } while (take(c, ','));
    return take(c, ']') ? 0 : cursor_fail(c, e, "a comma or the end of the array is expected");
}

static int skip_item(struct cursor *c, void *depth, struct err *e);

static int skip_member(struct cursor *c, struct str key, void *depth, struct err *e)
{
    (void)key;
    return skip_item(c, depth, e);
}

/* Numbers and the three words are not looked at closely: nothing depends on them. */
static int skip_scalar(struct cursor *c, struct err *e)
{
    size_t start = c->i;
    while (c->i < c->text.n && c->text.p[c->i] && !strchr(",:]}[{\" \t\r\n", c->text.p[c->i]))
        c->i++;
    return c->i > start ? 0 : cursor_fail(c, e, "a value is expected");
}

static int skip_item(struct cursor *c, void *depth, struct err *e)
{
    int left = *(const int *)depth - 1;
    struct str ignored;
    if (left < 0)
        return cursor_fail(c, e, "objects and arrays are nested too deeply");
    switch (peek(c)) {
    case '{':
        return cursor_object(c, skip_member, &left, e);
    case '[':
        return cursor_array(c, skip_item, &left, e);
    case '"':
        return cursor_string(c, &ignored, e);
    default:
        return skip_scalar(c, e);
    }
}

int cursor_skip(struct cursor *c, struct err *e)
{
    int depth = DEPTH_MAX;
    return skip_item(c, &depth, e);
}

int cursor_end(struct cursor *c, struct err *e)
{
    while (c->i < c->text.n && c->text.p[c->i] == ' ')
        c->i++;
    return c->i == c->text.n ? 0 : cursor_fail(c, e, "only spaces may follow the object");
}
