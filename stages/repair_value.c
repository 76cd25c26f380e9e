/* Objects, lists and bare words, with what models leave out or put in between. */
#include "stages/repair_internal.h"

struct node *repair_node(struct reader *r, enum node_type type)
{
    if (++*r->nodes > REPAIR_NODES_MAX)
        r->failed = true;
    struct node *n = r->failed ? NULL : arena_alloc(r->arena, sizeof(*n));
    r->failed |= !n;
    if (n)
        n->type = type;
    return n;
}

/* Length of what stands for white space, or for "and so on", at `at`. */
static size_t noise(const struct reader *r, size_t at)
{
    static const char *const marks[] = {
        "\v",           "\f",
        "\xef\xbb\xbf", "\xc2\xa0",
        "\xe2\x80\x8b", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe3\x80\x80",
        "\xe2\x80\xa6", "...",
        "\\n",          "\\r",
        "\\t",          ";",
    };
    struct str rest = repair_rest(r, at);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_starts(rest, str_of(marks[i])))
            return strlen(marks[i]);
    return 0;
}

/* Length of a comment, or of a line that opens or closes a code fence. */
static size_t comment(const struct reader *r, size_t at)
{
    struct str rest = repair_rest(r, at);
    bool block = str_starts(rest, STR("/*"));
    if (!block && !str_starts(rest, STR("//")) && !str_starts(rest, STR("#")) &&
        !str_starts(rest, STR("```")))
        return 0;
    ptrdiff_t end = str_find(rest, block ? STR("*/") : STR("\n"));
    return end < 0 ? rest.n : (size_t)end + (block ? 2 : 1);
}

void repair_advance(struct reader *r)
{
    for (;;) {
        while (r->i < r->s.n && strchr(" \t\r\n", r->s.p[r->i]))
            r->i++;
        size_t n = noise(r, r->i);
        if (n == 0)
            n = comment(r, r->i);
        if (n == 0)
            return;
        r->i += n;
        r->repaired = true;
    }
}

static bool is_number(struct str s)
{
    size_t i = s.n > 0 && s.p[0] == '-', digits = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i == digits || i - digits > 15 || (s.p[digits] == '0' && i - digits > 1))
        return false;
    if (i == s.n)
        return true;
    size_t fraction = ++i;
    if (s.p[i - 1] != '.')
        return false;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i == s.n && i > fraction && i - fraction <= 15;
}

static bool is_constant(struct str s, enum node_type *type, bool *strict)
{
    static const struct {
        const char *word;
        enum node_type type;
    } words[] = {
        {"true", NODE_TRUE}, {"false", NODE_FALSE},    {"null", NODE_NULL},
        {"True", NODE_TRUE}, {"False", NODE_FALSE},    {"None", NODE_NULL},
        {"TRUE", NODE_TRUE}, {"FALSE", NODE_FALSE},    {"NULL", NODE_NULL},
        {"NaN", NODE_NULL},  {"Infinity", NODE_NULL},  {"undefined", NODE_NULL},
        {"nan", NODE_NULL},  {"-Infinity", NODE_NULL}, {"nil", NODE_NULL},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_is(s, words[i].word)) {
            *type = words[i].type;
            *strict = i < 3;
            return true;
        }
    return false;
}

static bool is_token(struct str s)
{
    enum node_type type;
    bool strict;
    return is_number(s) || is_constant(s, &type, &strict);
}

/* Whether a comma at `at` ends a value without quotes, of prose perhaps, that began at r->i. */
static bool comma_ends(const struct reader *r, enum place place, size_t at)
{
    size_t next = at + 1;
    if (place != PLACE_MEMBER || is_token(str_trim((struct str){r->s.p + r->i, at - r->i})))
        return true;
    while (repair_at(r, next) == ' ')
        next++;
    return next >= r->s.n || strchr("}\r\n", r->s.p[next]) || repair_is_key(r, next);
}

/* Where a value without quotes ends. */
static size_t bare_end(const struct reader *r, enum place place)
{
    size_t at = r->i;
    for (; at < r->s.n && !strchr("}]\n\r", r->s.p[at]); at++) {
        if (r->s.p[at] == ' ' && comment(r, at + 1) > 0)
            break;
        if (r->s.p[at] == ',' && comma_ends(r, place, at))
            break;
    }
    return at;
}

static struct node *bare_value(struct reader *r, enum place place)
{
    size_t end = bare_end(r, place);
    struct str word = str_trim((struct str){r->s.p + r->i, end - r->i});
    enum node_type type = NODE_TEXT;
    bool strict = false;
    if (is_number(word)) {
        type = NODE_NUMBER;
        strict = true;
    } else if (word.n == 0) {
        type = NODE_NULL;
    } else {
        (void)is_constant(word, &type, &strict);
    }
    struct node *n = repair_node(r, type);
    r->repaired |= !strict || end == r->s.n;
    r->i = end;
    if (n && (type == NODE_TEXT || type == NODE_NUMBER))
        n->text = word;
    if (n)
        n->cut = end == r->s.n;
    return n;
}

/* Where the next member or item goes, and what has been seen since the last one. */
struct sequence {
    struct node *owner, **tail;
    bool comma;
};

static void append(struct reader *r, struct sequence *q, struct node *n)
{
    r->repaired |= q->owner->n > 0 && !q->comma;
    q->comma = false;
    q->owner->n++;
    *q->tail = n;
    q->tail = &n->next;
}

static void take_comma(struct reader *r, struct sequence *q)
{
    r->repaired |= q->comma || q->owner->n == 0;
    q->comma = true;
    r->i++;
}

/* The name of a member, up to its colon; false when there is none at r->i. */
static bool read_key(struct reader *r, struct str *key)
{
    if (repair_quote(r, r->i) > 0) {
        struct node *n = repair_string(r, PLACE_KEY);
        if (n)
            *key = n->text;
        return n && !n->cut;
    }
    if (strchr("{[", repair_at(r, r->i))) {
        r->repaired = true;
        *key = STR("");
        return true;
    }
    if (!repair_is_key(r, r->i))
        return false;
    size_t from = r->i;
    while (repair_at(r, r->i) != ':')
        r->i++;
    *key = str_trim((struct str){r->s.p + from, r->i - from});
    r->repaired = true;
    return true;
}

static void take_colon(struct reader *r)
{
    repair_advance(r);
    struct str rest = repair_rest(r, r->i);
    size_t n = str_starts(rest, STR(":"))              ? 1
               : str_starts(rest, STR("=>"))           ? 2
               : str_starts(rest, STR("="))            ? 1
               : str_starts(rest, STR("\xef\xbc\x9a")) ? 3
                                                       : 0;
    r->repaired |= n == 0 || rest.p[0] != ':';
    r->i += n;
    repair_advance(r);
}

static void read_member(struct reader *r, struct sequence *q, int depth)
{
    struct str key = {NULL, 0};
    size_t from = r->i;
    if (!read_key(r, &key)) {
        r->repaired = true;
        r->i += r->i == from; /* what has no place here */
        while (repair_is_word(repair_at(r, r->i)))
            r->i++;
        return;
    }
    if (key.n > 0 || !strchr("{[", repair_at(r, r->i)))
        take_colon(r);
    if (r->i >= r->s.n || strchr(",}", r->s.p[r->i])) {
        r->repaired = true; /* a name without a value */
        return;
    }
    struct node *n = repair_value(r, PLACE_MEMBER, depth + 1);
    if (!n)
        return;
    n->key = key;
    append(r, q, n);
}

static struct node *read_object(struct reader *r, int depth)
{
    struct node *n = repair_node(r, NODE_OBJECT);
    if (!n)
        return NULL;
    struct sequence q = {.owner = n, .tail = &n->first};
    r->i++;
    while (!r->failed) {
        repair_advance(r);
        char c = repair_at(r, r->i);
        if (r->i >= r->s.n) {
            n->cut = r->repaired = true;
            break;
        }
        if (c == '}') {
            r->repaired |= q.comma;
            r->i++;
            break;
        }
        if (c == ']' && r->lists > 0) {
            r->repaired = true; /* the brace is missing */
            break;
        }
        if (c == ',')
            take_comma(r, &q);
        else
            read_member(r, &q, depth);
    }
    return r->failed ? NULL : n;
}

/* A brace that closes nothing in a list is either too much, when more items follow, or in the place
 * of a bracket. */
static bool is_stray_brace(const struct reader *r)
{
    size_t at = r->i + 1;
    while (at < r->s.n && strchr(" \t\r\n,", r->s.p[at]))
        at++;
    return repair_at(r, at) == '{' || repair_at(r, at) == ']';
}

static struct node *read_list(struct reader *r, int depth)
{
    struct node *n = repair_node(r, NODE_LIST);
    if (!n)
        return NULL;
    struct sequence q = {.owner = n, .tail = &n->first};
    r->i++;
    r->lists++;
    while (!r->failed) {
        repair_advance(r);
        char c = repair_at(r, r->i);
        if (r->i >= r->s.n) {
            n->cut = r->repaired = true;
            break;
        }
        if (c == ']') {
            r->repaired |= q.comma;
            r->i++;
            break;
        }
        if (c == '}') {
            r->repaired = true;
            if (!is_stray_brace(r))
                break;
            r->i++;
        } else if (c == ',') {
            take_comma(r, &q);
        } else {
            struct node *item = repair_value(r, PLACE_ITEM, depth + 1);
            if (item)
                append(r, &q, item);
        }
    }
    r->lists--;
    return r->failed ? NULL : n;
}

struct node *repair_value(struct reader *r, enum place place, int depth)
{
    char c = repair_at(r, r->i);
    if (depth > REPAIR_DEPTH_MAX) {
        r->failed = true;
        return NULL;
    }
    if (c == '{')
        return read_object(r, depth);
    if (c == '[')
        return read_list(r, depth);
    if (repair_quote(r, r->i) > 0)
        return repair_string(r, place);
    return bare_value(r, place);
}
