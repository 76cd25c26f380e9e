/* What is not plain prose. A row of hits: line by line at the beginning of lines, then anywhere. */
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

static bool has_any(struct str s, const char *const *strings)
{
    for (; *strings; strings++)
        if (str_find(s, str_of(*strings)) >= 0)
            return true;
    return false;
}

bool filter_markup(const struct look *l, const double *param)
{
    static const char *const stars[] = {"**", NULL}, *const ticks[] = {"`", NULL};
    static const char *const scores[] = {"__", NULL}, *const links[] = {"](", NULL};
    static const char *const json[] = {"\": ", "\":\"", "{\"", NULL};
    static const char *const urls[] = {"http://", "https://", NULL};
    static const char *const slashes[] = {"\\n", "\\\"", "\\u", NULL}, *const bars[] = {
                                                                           "|--", "| --", NULL};
    const bool *has = l->signs.has;
    struct str raw = l->c->raw;
    (void)param;
    return (has['`'] && has_any(raw, ticks)) || (has['*'] && has_any(raw, stars)) ||
           (has['_'] && has_any(raw, scores)) || (has['('] && has_any(raw, links)) ||
           (has['{'] && has[':'] && has['"'] && has_any(raw, json)) ||
           (has['/'] && has[':'] && has_any(raw, urls)) || (has['\\'] && has_any(raw, slashes)) ||
           (has['|'] && has_any(raw, bars)) || (has['<'] && has['>'] && has_html(raw)) ||
           (has['&'] && has[';'] && has_entity(raw)) || has_list(raw);
}
