#include "server/json/write.h"

#include <string.h>

/* A value needs a comma before it unless it opens a text, a line, a container or a member. */
static void separate(struct buf *b)
{
    if (b->n == 0)
        return;
    char last = b->p[b->n - 1];
    if (last != '{' && last != '[' && last != ':' && last != ',' && last != ' ' && last != '\n')
        buf_addc(b, ',');
}

void json_open(struct buf *b, char bracket)
{
    separate(b);
    buf_addc(b, bracket);
}

void json_close(struct buf *b, char bracket)
{
    buf_addc(b, bracket);
}

static void escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[][3] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
        ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t",
    };
    if (c < sizeof(named) / sizeof(named[0]) && named[c][0]) {
        buf_add(b, named[c], 2);
        return;
    }
    const char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    buf_add(b, code, sizeof(code));
}

static void quote(struct buf *b, struct str s)
{
    if (!buf_room(b, s.n + 2))
        return;
    b->p[b->n++] = '"';
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, s.p + start, i - start);
        escape(b, c);
        start = i + 1;
    }
    buf_add(b, s.p + start, s.n - start);
    buf_addc(b, '"');
}

void json_key(struct buf *b, const char *key)
{
    separate(b);
    quote(b, str_of(key));
    buf_addc(b, ':');
}

void json_str(struct buf *b, struct str s)
{
    separate(b);
    quote(b, s.p ? s : STR(""));
}

void json_z(struct buf *b, const char *z)
{
    if (z)
        json_str(b, str_of(z));
    else
        json_write_null(b);
}

void json_int(struct buf *b, int64_t v)
{
    separate(b);
    buf_addi(b, v);
}

void json_bool(struct buf *b, bool v)
{
    separate(b);
    buf_addz(b, v ? "true" : "false");
}

void json_write_null(struct buf *b)
{
    separate(b);
    buf_addz(b, "null");
}

void json_raw(struct buf *b, struct str s)
{
    separate(b);
    /* White space at the end would hide from separate() that a value stands there. */
    buf_adds(b, s.p ? str_trim(s) : STR("null"));
}
