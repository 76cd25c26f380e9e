/* Percent-decoding of paths and queries: once, by us, so that what is routed is what was sent. */
#include "server/base/text.h"
#include "server/http/internal.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte at raw[*i], which is moved past it; -1 on a bad escape or a control character. */
static int next_byte(struct str raw, size_t *i, bool plus_is_space)
{
    int c = (unsigned char)raw.p[*i];
    if (c == '+' && plus_is_space)
        c = ' ';
    if (c == '%') {
        if (*i + 2 >= raw.n)
            return -1;
        int high = hex_value(raw.p[*i + 1]), low = hex_value(raw.p[*i + 2]);
        if (high < 0 || low < 0)
            return -1;
        c = high * 16 + low;
        *i += 2;
    }
    *i += 1;
    return c < 0x20 || c == 0x7f ? -1 : c;
}

static bool is_plain(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c < 0x20 || c >= 0x7f || c == '%' || c == '+')
            return false;
    }
    return true;
}

bool uri_decode(struct arena *a, struct str raw, bool plus_is_space, struct str *out)
{
    if (is_plain(raw)) {
        *out = raw;
        return true;
    }
    char *text = arena_alloc(a, raw.n + 1);
    if (!text)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < raw.n;) {
        int c = next_byte(raw, &i, plus_is_space);
        if (c < 0)
            return false;
        text[n++] = (char)c;
    }
    struct str decoded = {text, n};
    if (!text_is_valid(decoded, NULL))
        return false;
    *out = decoded;
    return true;
}

/* An encoded slash would read as two segments, a dot segment as another path, further down. */
static bool segment_decode(struct arena *a, struct str raw, struct str *out)
{
    return uri_decode(a, raw, false, out) && !memchr(out->p, '/', out->n) && !str_is(*out, ".") &&
           !str_is(*out, "..");
}

int uri_segments(struct arena *a, struct str path, struct str *segments, struct err *e)
{
    if (path.n == 0 || path.p[0] != '/')
        return err_set(e, ERR_MALFORMED, "the path does not start with a slash");
    int n = 0;
    for (struct str rest = str_from(path, 1);;) {
        const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
        struct str raw = {rest.p, slash ? (size_t)(slash - rest.p) : rest.n}, decoded;
        if (!segment_decode(a, raw, &decoded))
            return err_set(e, ERR_MALFORMED,
                           "the path has a bad percent-escape, an encoded slash, a dot segment, a "
                           "control character or bytes that are not UTF-8");
        if (n < SEGMENTS_MAX)
            segments[n] = decoded;
        n++;
        if (!slash)
            return n;
        rest = str_from(rest, raw.n + 1);
    }
}
