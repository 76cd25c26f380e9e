/* Strings as models write them: any quotes around them, the same quotes within, raw line ends, and
 * escapes that JSON does not know. A quote ends its string when what follows fits the place of the
 * string; in strict JSON that is every quote without a backslash. */
#include "server/base/hash.h"
#include "stages/repair_internal.h"

enum { KEY_BYTES_MAX = 64 };

static const struct {
    const char *open, *close[3];
} quotes[] = {
    {"\"", {"\""}},
    {"'", {"'"}},
    {"`", {"`", "'"}},
    /* “ ” „ ‟ */
    {"\xe2\x80\x9c", {"\xe2\x80\x9d", "\xe2\x80\x9c", "\""}},
    {"\xe2\x80\x9d", {"\xe2\x80\x9d", "\xe2\x80\x9c", "\""}},
    {"\xe2\x80\x9e", {"\xe2\x80\x9c", "\xe2\x80\x9d", "\""}},
    {"\xe2\x80\x9f", {"\xe2\x80\x9d", "\xe2\x80\x9c", "\""}},
    /* ‘ ’ */
    {"\xe2\x80\x98", {"\xe2\x80\x99", "\xe2\x80\x98", "'"}},
    {"\xe2\x80\x99", {"\xe2\x80\x99", "\xe2\x80\x98", "'"}},
    /* « », and the full-width quotation mark */
    {"\xc2\xab", {"\xc2\xbb"}},
    {"\xef\xbc\x82", {"\xef\xbc\x82"}},
};
enum { QUOTES = sizeof(quotes) / sizeof(quotes[0]) };

static int quote_kind(const struct reader *r, size_t at)
{
    for (int i = 0; i < QUOTES; i++)
        if (str_starts(repair_rest(r, at), str_of(quotes[i].open)))
            return i;
    return -1;
}

size_t repair_quote(const struct reader *r, size_t at)
{
    int kind = quote_kind(r, at);
    return kind < 0 ? 0 : strlen(quotes[kind].open);
}

/* Length of a quote at `at` that may close a string of this kind. */
static size_t closing(const struct reader *r, int kind, size_t at)
{
    for (int i = 0; i < 3 && quotes[kind].close[i]; i++)
        if (str_starts(repair_rest(r, at), str_of(quotes[kind].close[i])))
            return strlen(quotes[kind].close[i]);
    return 0;
}

/* White space alone, so that looking ahead never reads a byte twice: the next quote is behind it.
 */
static size_t skip_white(const struct reader *r, size_t at)
{
    while (at < r->s.n && strchr(" \t\r\n", r->s.p[at]))
        at++;
    return at;
}

static bool is_comment(const struct reader *r, size_t at)
{
    struct str rest = repair_rest(r, at);
    return str_starts(rest, STR("//")) || str_starts(rest, STR("/*")) || str_starts(rest, STR("#"));
}

bool repair_is_key(const struct reader *r, size_t at)
{
    size_t quote = repair_quote(r, at), from = at + quote;
    at = from;
    while (at < r->s.n && at - from < KEY_BYTES_MAX &&
           (repair_is_word(r->s.p[at]) || (quote && r->s.p[at] == ' ')))
        at++;
    if (at == from && !quote)
        return false;
    if (quote) {
        size_t end = repair_quote(r, at);
        if (end == 0)
            return false;
        at += end;
    }
    for (int i = 0; i < KEY_BYTES_MAX && repair_at(r, at) == ' '; i++)
        at++;
    return repair_at(r, at) == ':';
}

bool repair_is_item(const struct reader *r, size_t at)
{
    static const char *const words[] = {"true", "false", "null", "True", "False", "None", "NaN"};
    struct str rest = repair_rest(r, at);
    char c = repair_at(r, at);
    if (at >= r->s.n || strchr("{[]}", c) || (c >= '0' && c <= '9') || c == '-' || c == '.')
        return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_starts(rest, str_of(words[i])) &&
            !repair_is_word(repair_at(r, at + strlen(words[i]))))
            return true;
    return repair_quote(r, at) > 0 || is_comment(r, at);
}

static bool ends_member(const struct reader *r, size_t at)
{
    char c = repair_at(r, at);
    if (c == ',') {
        at = skip_white(r, at + 1);
        c = repair_at(r, at);
        return at >= r->s.n || c == '}' || c == ',' || repair_quote(r, at) > 0 ||
               is_comment(r, at) || repair_is_key(r, at);
    }
    /* Without a comma only a name that is quoted, too, is one. */
    return c == '}' || c == ']' || is_comment(r, at) ||
           (repair_quote(r, at) > 0 && repair_is_key(r, at));
}

static bool ends_item(const struct reader *r, size_t at)
{
    char c = repair_at(r, at);
    if (c == ',')
        return repair_is_item(r, skip_white(r, at + 1));
    return c == ']' || c == '}' || c == '{' || repair_quote(r, at) > 0 || is_comment(r, at);
}

/* Whether a quote that ends at `at` ends its string. */
static bool ends(const struct reader *r, size_t at, enum place place)
{
    at = skip_white(r, at);
    if (at >= r->s.n)
        return true;
    switch (place) {
    case PLACE_KEY:
        return strchr(":=,}", r->s.p[at]) || str_starts(repair_rest(r, at), STR("\xef\xbc\x9a"));
    case PLACE_MEMBER:
        return ends_member(r, at);
    case PLACE_ITEM:
        return ends_item(r, at);
    case PLACE_WHOLE:
        break;
    }
    return false;
}

static int hex_value(struct str digits)
{
    uint8_t b[2];
    return digits.n == 4 && hex_decode(digits, b, 2) ? b[0] << 8 | b[1] : -1;
}

static struct str four(struct str s, size_t at)
{
    struct str rest = str_from(s, at);
    return (struct str){rest.p, rest.n < 4 ? rest.n : 4};
}

static size_t put_code(char *out, unsigned code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    size_t n = 0;
    if (code < 0x10000) {
        out[n++] = (char)(0xe0 | code >> 12);
    } else {
        out[n++] = (char)(0xf0 | code >> 18);
        out[n++] = (char)(0x80 | (code >> 12 & 0x3f));
    }
    out[n++] = (char)(0x80 | (code >> 6 & 0x3f));
    out[n++] = (char)(0x80 | (code & 0x3f));
    return n;
}

/* A \u escape whose digits begin at *at, which moves behind them; the bytes written. What is no
 * character becomes U+FFFD, which no rule lets pass. */
static size_t put_escape(struct reader *r, struct str raw, size_t *at, char *out)
{
    int high = hex_value(four(raw, *at)), low = -1;
    if (high <= 0) {
        r->repaired = true;
        *at += high == 0 ? 4 : 0;
        if (high == 0)
            return 0;
        out[0] = 'u';
        return 1;
    }
    *at += 4;
    if (high < 0xd800 || high > 0xdfff)
        return put_code(out, (unsigned)high);
    if (high < 0xdc00 && str_starts(str_from(raw, *at), STR("\\u")))
        low = hex_value(four(raw, *at + 2));
    if (low < 0xdc00 || low > 0xdfff) {
        r->repaired = true;
        return put_code(out, 0xfffd);
    }
    *at += 6;
    return put_code(out, 0x10000U + ((unsigned)high - 0xd800) * 0x400 + ((unsigned)low - 0xdc00));
}

static bool simple_escape(char c, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = c ? strchr(from, c) : NULL;
    *out = at ? to[at - from] : c;
    return at;
}

struct str repair_unescape(struct reader *r, struct str raw)
{
    char *out = arena_alloc(r->arena, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < raw.n;) {
        unsigned char c = (unsigned char)raw.p[i++];
        if (c == '\\' && i < raw.n && raw.p[i] == 'u') {
            i++;
            n += put_escape(r, raw, &i, out + n);
        } else if (c == '\\' && i < raw.n) {
            r->repaired |= !simple_escape(raw.p[i++], &out[n++]);
        } else if (c == '\\') {
            r->repaired = true;
        } else {
            r->repaired |= c < 0x20;
            out[n++] = (char)c;
        }
    }
    r->failed |= !out;
    return (struct str){out, n};
}

static bool is_plain(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] == '\\' || (unsigned char)raw.p[i] < 0x20)
            return false;
    return true;
}

static struct node *finish(struct reader *r, size_t from, size_t to, bool cut)
{
    struct node *n = repair_node(r, NODE_TEXT);
    struct str raw = {r->s.p + from, to - from};
    if (!n)
        return NULL;
    n->cut = cut;
    n->text = is_plain(raw) ? raw : repair_unescape(r, raw);
    return r->failed ? NULL : n;
}

struct node *repair_string(struct reader *r, enum place place)
{
    int kind = quote_kind(r, r->i);
    size_t from = r->i + strlen(quotes[kind].open);
    r->repaired |= kind > 0;
    for (size_t at = from; at < r->s.n;) {
        size_t end = r->s.p[at] == '\\' ? 0 : closing(r, kind, at);
        if (end > 0 && ends(r, at + end, place)) {
            r->i = at + end;
            return finish(r, from, at, false);
        }
        r->repaired |= end > 0;
        at += r->s.p[at] == '\\' ? 2 : end > 0 ? end : 1;
    }
    r->i = r->s.n;
    r->repaired = true;
    return finish(r, from, r->s.n, true);
}
