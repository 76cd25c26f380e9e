#include "stages/repair.h"

#include "server/json/write.h"
#include "stages/repair_internal.h"

enum { VALUES_MAX = 64, LEVELS_MAX = 3, ESCAPED_BYTES_MAX = 64 };

static int read_text(struct str text, struct arena *a, size_t *nodes, int level, struct repair *out,
                     struct err *e);

static int not_json(struct err *e)
{
    return err_set(e, ERR_MALFORMED, "there is no JSON object in it");
}

/* A text that is too long is read as one that was cut there. */
static struct str bounded(struct str text)
{
    if (text.n > REPAIR_BYTES_MAX) {
        text.n = REPAIR_BYTES_MAX;
        while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    return text;
}

/* Length of a mark that ends a model's thinking aloud. */
static size_t thought_end(struct str text)
{
    static const char *const marks[] = {
        "</think>",      "</thinking>", "</thought>",         "</reasoning>",
        "</reflection>", "[/THINK]",    "<|end_of_thought|>", "<|message|>",
    };
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        struct str mark = str_of(marks[i]);
        if (text.n >= mark.n && str_ieq((struct str){text.p, mark.n}, mark))
            return mark.n;
    }
    return 0;
}

/* What stands behind the last of these marks. */
static struct str after_thoughts(struct str text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '<' || text.p[i] == '[') {
            size_t n = thought_end(str_from(text, i));
            start = n > 0 ? i + n : start;
        }
    return str_from(text, start);
}

static struct str trimmed(struct str text)
{
    text = str_trim(text);
    while (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_trim(str_from(text, 3));
    while (text.n >= 3 && memcmp(text.p + text.n - 3, "```", 3) == 0)
        text = str_trim((struct str){text.p, text.n - 3});
    return text;
}

static bool is_bracket(char c)
{
    return c == '{' || c == '[';
}

/* Whether the object or list at r->i has its quotes escaped, as within a string. */
static bool is_escaped(const struct reader *r)
{
    size_t most = r->i + ESCAPED_BYTES_MAX, at = r->i;
    while (at < r->s.n && at < most) {
        struct str rest = repair_rest(r, at);
        if (str_starts(rest, STR("\\\"")))
            return true;
        size_t n = str_starts(rest, STR("\\n")) || str_starts(rest, STR("\\t")) ? 2
                   : strchr("{[ \t\r\n", rest.p[0])                             ? 1
                                                                                : 0;
        if (n == 0)
            return false;
        at += n;
    }
    return false;
}

static bool is_container(const struct node *n)
{
    return n->type == NODE_OBJECT || n->type == NODE_LIST;
}

/* Brackets in prose make lists of words and objects without members. */
static bool is_answer(const struct node *n)
{
    if (n->type == NODE_OBJECT)
        return n->n > 0;
    for (const struct node *item = n->first; item; item = item->next)
        if (is_container(item))
            return true;
    return false;
}

static int too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "it has more values, or deeper ones, than an answer can have");
}

static int decode(const struct reader *r, struct str raw, int level, struct repair *out,
                  struct err *e)
{
    struct reader inner = *r;
    struct str text = repair_unescape(&inner, raw);
    if (!text.p || read_text(text, r->arena, r->nodes, level + 1, out, e) < 0)
        return not_json(e);
    out->repaired = true;
    return 0;
}

/* Reads the values of r->s one after the other. */
static int read_values(struct reader *r, int level, struct repair *out, struct err *e)
{
    struct node **tail = &out->values;
    size_t ended = 0, values = 0;
    for (int starts = 0; starts < REPAIR_STARTS_MAX && values < VALUES_MAX; r->i++) {
        while (r->i < r->s.n && !is_bracket(r->s.p[r->i]))
            r->i++;
        if (r->i >= r->s.n)
            break;
        size_t from = r->i;
        if (values == 0 && level < LEVELS_MAX && is_escaped(r))
            return decode(r, repair_rest(r, from), level, out, e);
        struct node *n = repair_value(r, PLACE_ITEM, 0);
        if (r->failed)
            break;
        if (n && is_answer(n)) {
            *tail = n;
            tail = &n->next;
            out->repaired |= values > 0 || from > 0;
            values++;
            ended = r->i--;
        } else {
            r->i = from;
            starts++;
        }
    }
    out->repaired |= r->repaired || ended < r->s.n;
    return values > 0 ? 0 : r->failed ? too_large(e) : not_json(e);
}

/* A text that is one string, which holds the JSON. */
static bool is_string(const struct reader *r)
{
    size_t n = repair_quote(r, 0);
    struct str inner = str_trim(repair_rest(r, n));
    return n > 0 && inner.n > 0 && (is_bracket(inner.p[0]) || str_starts(inner, STR("\\n")));
}

static int read_one(struct str text, struct arena *a, size_t *nodes, int level, struct repair *out,
                    struct err *e)
{
    struct reader r = {.s = trimmed(text), .arena = a, .nodes = nodes};
    *out = (struct repair){.repaired = str_trim(text).n != r.s.n};
    if (level < LEVELS_MAX && is_string(&r)) {
        const struct node *n = repair_string(&r, PLACE_WHOLE);
        struct repair inner;
        if (n && read_text(n->text, a, nodes, level + 1, &inner, e) == 0) {
            *out = (struct repair){.values = inner.values, .repaired = true};
            return 0;
        }
        err_clear(e);
        r.i = 0;
        r.failed = false;
    }
    return read_values(&r, level, out, e);
}

static int read_text(struct str text, struct arena *a, size_t *nodes, int level, struct repair *out,
                     struct err *e)
{
    struct str whole = bounded(text), answer = after_thoughts(whole);
    int rc = read_one(whole, a, nodes, level, out, e);
    /* A mark within strict JSON is a part of it. */
    if (answer.n < whole.n && (rc < 0 || out->repaired)) {
        struct repair behind;
        struct err none = {0};
        if (read_one(answer, a, nodes, level, &behind, &none) == 0) {
            *out = behind;
            err_clear(e);
            rc = 0;
        }
        out->repaired = true;
    }
    out->repaired |= whole.n < text.n;
    return rc;
}

int repair_read(struct str text, struct arena *a, struct repair *out, struct err *e)
{
    size_t nodes = 0;
    return read_text(text, a, &nodes, 0, out, e);
}

static bool is_repeated(const struct node *member)
{
    for (const struct node *n = member->next; n; n = n->next)
        if (str_eq(n->key, member->key))
            return true;
    return false;
}

/* json_key takes names that end with a NUL, and escapes nothing. */
static void write_name(struct buf *out, struct str name)
{
    json_str(out, name);
    buf_addc(out, ':');
}

void repair_write(const struct node *n, struct buf *out)
{
    static const char *const constants[] = {
        [NODE_TRUE] = "true", [NODE_FALSE] = "false", [NODE_NULL] = "null"};
    bool object = n->type == NODE_OBJECT;
    if (n->type == NODE_TEXT) {
        json_str(out, n->text);
    } else if (!object && n->type != NODE_LIST) {
        json_raw(out, n->type == NODE_NUMBER ? n->text : str_of(constants[n->type]));
    } else {
        json_open(out, object ? '{' : '[');
        for (const struct node *item = n->first; item; item = item->next) {
            if (object && is_repeated(item))
                continue;
            if (object)
                write_name(out, item->key);
            repair_write(item, out);
        }
        json_close(out, object ? '}' : ']');
    }
}
