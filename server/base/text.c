#include "server/base/text.h"

#include <stdlib.h>
#include <utf8proc.h>

bool text_is_valid(struct str s, size_t *bad)
{
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (p[i] >= 1 && p[i] < 0x80) {
            i++;
            continue;
        }
        utf8proc_int32_t c;
        utf8proc_ssize_t n = p[i] ? utf8proc_iterate(p + i, (utf8proc_ssize_t)(s.n - i), &c) : 0;
        if (n <= 0) {
            if (bad)
                *bad = i;
            return false;
        }
        i += (size_t)n;
    }
    return true;
}

/* Unicode White_Space, by code point. */
static bool is_white(utf8proc_int32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool ascii_is_normal(struct str s)
{
    if (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80 || (c >= 0x09 && c <= 0x0d) || (c == ' ' && i + 1 < s.n && s.p[i + 1] == ' '))
            return false;
    }
    return true;
}

/* Writes s to out with white space trimmed and collapsed; out has room for s.n bytes. */
static size_t collapse(struct str s, char *out)
{
    size_t n = 0, i = 0;
    bool gap = false;
    while (i < s.n) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (len <= 0)
            break;
        if (is_white(c)) {
            gap = n > 0;
        } else {
            if (gap)
                out[n++] = ' ';
            gap = false;
            memcpy(out + n, s.p + i, (size_t)len);
            n += (size_t)len;
        }
        i += (size_t)len;
    }
    return n;
}

struct str text_normalise(struct arena *a, struct str s)
{
    const struct str none = {NULL, 0};
    if (ascii_is_normal(s))
        return s;
    utf8proc_uint8_t *nfc = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &nfc,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0) {
        free(nfc);
        return none;
    }
    char *out = arena_alloc(a, (size_t)n + 1);
    struct str normal = none;
    if (out)
        normal = (struct str){out, collapse((struct str){(const char *)nfc, (size_t)n}, out)};
    free(nfc);
    return normal;
}

size_t text_length(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The bytes at s that may stand between the end of a sentence and the white space behind it. */
static size_t closing(struct str s)
{
    static const char *const marks[] = {
        ".", "!", "?", "\"", "'", ")", "]", "\xe2\x80\x9d", "\xe2\x80\x99"}; /* ” and ’ */
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_starts(s, str_of(marks[i])))
            return strlen(marks[i]);
    return 0;
}

size_t text_sentences(struct str s)
{
    size_t n = 0;
    bool open = false;
    while (s.n) {
        char c = s.p[0];
        s = str_from(s, 1);
        if (c != '.' && c != '!' && c != '?') {
            open = open || !is_space(c);
            continue;
        }
        for (size_t more; (more = closing(s)) > 0;)
            s = str_from(s, more);
        bool ends = s.n == 0 || is_space(s.p[0]);
        n += ends && open;
        open = !ends;
    }
    return n + open;
}

size_t text_words(struct str s)
{
    size_t n = 0;
    bool in_word = false;
    for (size_t i = 0; i < s.n; i++) {
        bool space = is_space(s.p[i]);
        n += !space && !in_word;
        in_word = !space;
    }
    return n;
}
