/* What is not plain prose: at the beginning of lines, and anywhere. */
#include "stages/filters/look.h"

enum { TAG_BYTES_MAX = 200 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next line of *rest without the spaces before it. */
static struct str next_line(struct str *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct str line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    *rest = str_from(*rest, line.n + (end != NULL));
    return str_trim(line);
}

static bool is_bullet(struct str line)
{
    return line.n > 2 && strchr("-*+#>", line.p[0]) && (line.p[1] == ' ' || line.p[1] == '#');
}

static bool is_numbered(struct str line)
{
    size_t i = 0;
    while (i < line.n && i < 3 && is_digit(line.p[i]))
        i++;
    return i > 0 && i + 1 < line.n && (line.p[i] == '.' || line.p[i] == ')') &&
           line.p[i + 1] == ' ';
}

/* One bullet or heading is enough; a single line may begin with a number. */
static bool has_list(struct str raw)
{
    int numbered = 0;
    for (struct str rest = raw; rest.n > 0;) {
        struct str line = next_line(&rest);
        if (is_bullet(line) || str_starts(line, STR("•")))
            return true;
        numbered += is_numbered(line);
    }
    return numbered >= 2;
}

/* <b>, </div>, <br/> and the like. */
static bool has_html(struct str s)
{
    for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, '<', (size_t)(end - p))); p++) {
        const char *name = p + 1 < end && p[1] == '/' ? p + 2 : p + 1;
        size_t left = (size_t)(end - p);
        if (name < end && is_letter(*name) &&
            memchr(p, '>', left < TAG_BYTES_MAX ? left : TAG_BYTES_MAX))
            return true;
    }
    return false;
}

/* &amp; &quot; &#39; and the like. */
static bool has_entity(struct str s)
{
    for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, '&', (size_t)(end - p))); p++) {
        const char *c = p + 1;
        if (c < end && *c == '#')
            c++;
        while (c < end && (is_letter(*c) || is_digit(*c)))
            c++;
        if (c > p + 2 && c < end && *c == ';')
            return true;
    }
    return false;
}

static bool has_pair(struct str s, char c)
{
    const char *first = memchr(s.p, c, s.n);
    return first && memchr(first + 1, c, (size_t)(s.p + s.n - first - 1));
}

/* Strings of markup, each row with characters that must be there for any of them. */
static const struct {
    const char *needs, *strings[4];
} marks[] = {
    {"*", {"**"}},
    {"_", {"__"}},
    {"(]", {"]("}},
    {"{\":", {"\": ", "\":\"", "{\""}},
    {":/", {"http://", "https://"}},
    {"\\", {"\\n", "\\\"", "\\u"}},
    {"|-", {"|--", "| --"}},
};

static bool has_all(const struct signs *s, const char *characters)
{
    for (; *characters; characters++)
        if (!s->has[(unsigned char)*characters])
            return false;
    return true;
}

static bool has_mark(const struct look *l)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        for (size_t k = 0; has_all(&l->signs, marks[i].needs) && marks[i].strings[k]; k++)
            if (str_find(l->c->raw, str_of(marks[i].strings[k])) >= 0)
                return true;
    return false;
}

bool filter_markup(const struct look *l, const double *param)
{
    struct str raw = l->c->raw;
    (void)param;
    return (has_all(&l->signs, "`") && has_pair(raw, '`')) ||
           (has_all(&l->signs, "<>") && has_html(raw)) ||
           (has_all(&l->signs, "&;") && has_entity(raw)) || has_mark(l) || has_list(raw);
}
