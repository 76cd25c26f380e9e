/* One pass over the bytes of a JSON text that bounds what a parser would build from it. */
#include "server/json/decode.h"

struct scan {
    struct str text;
    size_t i;
    int depth;
    uint32_t objects; /* bit of each open level: it is an object */
    bool in_key;      /* the next string is a member's name */
    size_t nodes, max_nodes;
};

static int scan_fail(const struct scan *s, struct err *e, enum err_code code, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < s->i; i++) {
        bool newline = s->text.p[i] == '\n';
        line += newline;
        column = newline ? 1 : column + (((unsigned char)s->text.p[i] & 0xc0) != 0x80);
    }
    return err_set(e, code, "line %zu, column %zu: %s", line, column, what);
}

static int count_node(struct scan *s, struct err *e)
{
    if (++s->nodes > s->max_nodes)
        return scan_fail(s, e, ERR_TOO_LARGE, "the body has more JSON values than allowed");
    return 0;
}

static int scan_open(struct scan *s, bool object, struct err *e)
{
    if (s->depth == JSON_DEPTH_MAX)
        return scan_fail(s, e, ERR_MALFORMED, "objects and arrays are nested too deeply");
    s->depth++;
    s->objects = s->objects << 1 | object;
    s->in_key = object;
    return count_node(s, e);
}

static int scan_close(struct scan *s, bool object, struct err *e)
{
    if (s->depth == 0 || (s->objects & 1) != object)
        return scan_fail(s, e, ERR_MALFORMED, "a closing bracket has no opening one");
    s->depth--;
    s->objects >>= 1;
    s->in_key = false;
    return 0;
}

static int scan_string(struct scan *s, struct err *e)
{
    size_t start = s->i;
    for (s->i++; s->i < s->text.n; s->i++) {
        if (s->text.p[s->i] == '\\')
            s->i++;
        else if (s->text.p[s->i] == '"')
            break;
    }
    if (s->i >= s->text.n) {
        s->i = start;
        return scan_fail(s, e, ERR_MALFORMED, "a string does not end");
    }
    return s->in_key ? 0 : count_node(s, e);
}

static bool is_scalar_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

/* A number or a bare word; the parser says whether it is a right one. */
static int scan_scalar(struct scan *s, struct err *e)
{
    if (!is_scalar_byte(s->text.p[s->i]))
        return scan_fail(s, e, ERR_MALFORMED, "a byte that JSON does not allow here");
    while (s->i + 1 < s->text.n && is_scalar_byte(s->text.p[s->i + 1]))
        s->i++;
    return count_node(s, e);
}

static int scan_token(struct scan *s, struct err *e)
{
    switch (s->text.p[s->i]) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        return 0;
    case '{':
    case '[':
        return scan_open(s, s->text.p[s->i] == '{', e);
    case '}':
    case ']':
        return scan_close(s, s->text.p[s->i] == '}', e);
    case ',':
        s->in_key = s->objects & 1;
        return 0;
    case ':':
        s->in_key = false;
        return 0;
    case '"':
        return scan_string(s, e);
    default:
        return scan_scalar(s, e);
    }
}

int json_scan(struct str text, size_t max_nodes, struct err *e)
{
    struct scan s = {.text = text, .max_nodes = max_nodes};
    for (; s.i < text.n; s.i++)
        if (scan_token(&s, e))
            return -1;
    if (s.depth > 0)
        return scan_fail(&s, e, ERR_MALFORMED, "the text ends within an object or an array");
    if (s.nodes == 0)
        return scan_fail(&s, e, ERR_MALFORMED, "there is no JSON value");
    return 0;
}
