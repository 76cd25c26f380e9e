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

/* Whether none of eight bytes needs an escape. A borrow may mark the byte after one that does,
 * which changes nothing for the eight together. */
static bool is_plain(uint64_t eight)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
    uint64_t quotes = eight ^ ones * '"', slashes = eight ^ ones * '\\';
    uint64_t found = (eight - ones * 0x20) & ~eight;
    found |= (quotes - ones) & ~quotes;
    found |= (slashes - ones) & ~slashes;
    return (found & highs) == 0;
}

/* How many bytes from p on, of n, can stand as they are. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t eight; i + sizeof(eight) <= n; i += sizeof(eight)) {
        memcpy(&eight, p + i, sizeof(eight));
        if (!is_plain(eight))
            break;
    }
    while (i < n && (unsigned char)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

static void quote(struct buf *b, struct str s)
{
    if (!buf_room(b, s.n + 2))
        return;
    b->p[b->n++] = '"';
    for (size_t i = 0; i < s.n; i++) {
        size_t run = plain_run(s.p + i, s.n - i);
        buf_add(b, s.p + i, run);
        i += run;
        if (i < s.n)
            escape(b, (unsigned char)s.p[i]);
    }
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
