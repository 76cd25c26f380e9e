#include "providers/encoder/embeddings.h"

enum { TOKENS_MAX = 10000000 };

struct cursor {
    const char *p, *end;
};

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
}

/* Takes one byte when it is next, after white space. */
static bool take(struct cursor *c, char byte)
{
    skip_space(c);
    if (c->p == c->end || *c->p != byte)
        return false;
    c->p++;
    return true;
}

static bool skip_string(struct cursor *c)
{
    if (!take(c, '"'))
        return false;
    while (c->p < c->end && *c->p != '"')
        c->p += *c->p == '\\' && c->end - c->p > 1 ? 2 : 1;
    return take(c, '"');
}

static bool is_scalar_byte(char b)
{
    return b != ',' && b != ']' && b != '}' && b != '"' && b != '[' && b != '{' && b != ' ' &&
           b != '\n' && b != '\r' && b != '\t';
}

/* One bracketed value without recursion; the kinds of brackets are not told apart. */
static bool skip_nested(struct cursor *c)
{
    size_t depth = 0;

    while (c->p < c->end) {
        char b = *c->p;
        if (b == '"') {
            if (!skip_string(c))
                return false;
            continue;
        }
        c->p++;
        if (b == '[' || b == '{')
            depth++;
        else if ((b == ']' || b == '}') && --depth == 0)
            return true;
    }
    return false;
}

static bool skip_value(struct cursor *c, struct str *span)
{
    bool whole;

    skip_space(c);
    const char *start = c->p;
    if (c->p < c->end && *c->p == '"') {
        whole = skip_string(c);
    } else if (c->p < c->end && (*c->p == '[' || *c->p == '{')) {
        whole = skip_nested(c);
    } else {
        while (c->p < c->end && is_scalar_byte(*c->p))
            c->p++;
        whole = c->p > start && c->p < c->end;
    }
    *span = (struct str){start, (size_t)(c->p - start)};
    return whole;
}

/* The next member of an object whose brace was taken: 1, 0 at its end, -1 when malformed. */
static int next_member(struct cursor *c, bool first, struct str *key, struct str *value)
{
    if (take(c, '}'))
        return 0;
    if (!first && !take(c, ','))
        return -1;
    skip_space(c);
    const char *start = c->p;
    if (!skip_string(c))
        return -1;
    *key = (struct str){start + 1, (size_t)(c->p - start) - 2};
    return take(c, ':') && skip_value(c, value) ? 1 : -1;
}

static bool is_object(struct str value)
{
    return value.n > 0 && value.p[0] == '{';
}

static struct cursor inside(struct str value)
{
    return (struct cursor){value.p + 1, value.p + value.n};
}

static const char *read_item(struct str item, size_t n, struct str *values,
                             struct embeddings_info *info)
{
    struct cursor c = inside(item);
    struct str key, value, embedding = {NULL, 0};
    int64_t index = -1;
    bool truncated = false;
    int rc;

    if (!is_object(item))
        return "an item of data is no object";
    for (bool first = true; (rc = next_member(&c, first, &key, &value)) > 0; first = false) {
        bool is_index = str_is(key, "index");
        if ((is_index && index >= 0) || (str_is(key, "embedding") && embedding.p))
            return "an item of data says something twice";
        if (is_index && !str_to_i64(value, 0, (int64_t)n - 1, &index))
            return "an index is out of range";
        if (str_is(key, "embedding"))
            embedding = value;
        truncated |= str_is(key, "truncated") && str_is(value, "true");
    }
    if (rc < 0 || index < 0 || !embedding.p)
        return "an item of data lacks index or embedding";
    if (values[index].p)
        return "an index comes twice";
    values[index] = embedding;
    if (index < EMBEDDINGS_MAX)
        info->truncated[index] = truncated;
    return NULL;
}

static const char *read_data(struct str data, size_t n, struct str *values,
                             struct embeddings_info *info)
{
    struct cursor c = inside(data);
    const char *why = NULL;
    struct str item;
    size_t count = 0;

    if (data.n == 0 || data.p[0] != '[')
        return "data is no array";
    while (!why && !take(&c, ']')) {
        if ((count > 0 && !take(&c, ',')) || !skip_value(&c, &item))
            return "data is malformed";
        if (++count > n)
            return "more embeddings than inputs";
        why = read_item(item, n, values, info);
    }
    if (!why && count < n)
        return "fewer embeddings than inputs";
    return why;
}

static void read_usage(struct str usage, struct embeddings_info *info)
{
    struct cursor c = inside(usage);
    struct str key, value;
    int64_t tokens;

    for (bool first = true; next_member(&c, first, &key, &value) > 0; first = false)
        if (str_is(key, "prompt_tokens") && str_to_i64(value, 0, TOKENS_MAX, &tokens))
            info->tokens_in = (int)tokens;
}

static void read_model(struct str value, struct embeddings_info *info)
{
    if (value.n > 2 && value.p[0] == '"' && !memchr(value.p, '\\', value.n))
        info->model = (struct str){value.p + 1, value.n - 2};
}

const char *embeddings_split(struct str body, size_t n, struct str *values,
                             struct embeddings_info *info)
{
    struct cursor c = {body.p, body.p + body.n};
    struct str key, value, data = {NULL, 0};
    int rc;

    *info = (struct embeddings_info){0};
    memset(values, 0, n * sizeof(*values));
    if (!take(&c, '{'))
        return "no object";
    for (bool first = true; (rc = next_member(&c, first, &key, &value)) > 0; first = false) {
        if (str_is(key, "data") && data.p)
            return "data comes twice";
        if (str_is(key, "data"))
            data = value;
        else if (str_is(key, "model"))
            read_model(value, info);
        else if (str_is(key, "usage") && is_object(value))
            read_usage(value, info);
        else if (str_is(key, "error") || (str_is(key, "object") && str_is(value, "\"error\"")))
            info->has_error |= !str_is(value, "null");
    }
    skip_space(&c);
    if (rc < 0 || c.p != c.end)
        return "malformed or cut short";
    return info->has_error ? "an error" : read_data(data, n, values, info);
}

const char *embeddings_split_rows(struct str body, size_t n, struct str *values,
                                  struct embeddings_info *info)
{
    struct cursor c = {body.p, body.p + body.n};
    struct str value;
    size_t count = 0;

    *info = (struct embeddings_info){0};
    memset(values, 0, n * sizeof(*values));
    if (!take(&c, '['))
        return "no array";
    while (!take(&c, ']')) {
        if ((count > 0 && !take(&c, ',')) || !skip_value(&c, &value))
            return "malformed or cut short";
        if (count == n)
            return "more embeddings than inputs";
        values[count++] = value;
    }
    skip_space(&c);
    if (c.p != c.end)
        return "malformed or cut short";
    return count < n ? "fewer embeddings than inputs" : NULL;
}
