/* The few members of a request that matter, found in one pass without building a tree. */
#include "bench/llm_server/server.h"

enum { DEPTH_MAX = 64 };

struct scan {
    const char *p, *end;
    int depth;
    bool bad;
};

struct message {
    struct str role, content;
};

typedef void (*member_fn)(struct scan *s, struct str key, void *arg);

static char peek(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
    return s->p < s->end ? *s->p : 0;
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c)
        return false;
    s->p++;
    return true;
}

/* A string between its quotes, escapes and all. */
static struct str string(struct scan *s)
{
    if (!take(s, '"')) {
        s->bad = true;
        return (struct str){NULL, 0};
    }
    const char *start = s->p;
    while (s->p < s->end && *s->p != '"')
        s->p += *s->p == '\\' ? 2 : 1;
    if (s->p >= s->end) {
        s->p = s->end;
        s->bad = true;
        return (struct str){NULL, 0};
    }
    return (struct str){start, (size_t)(s->p++ - start)};
}

static void skip(struct scan *s);

static void object(struct scan *s, member_fn member, void *arg)
{
    if (!take(s, '{') || ++s->depth > DEPTH_MAX) {
        s->bad = true;
        return;
    }
    while (!s->bad && !take(s, '}')) {
        struct str key = string(s);
        s->bad = s->bad || !take(s, ':');
        if (s->bad)
            return;
        if (member)
            member(s, key, arg);
        else
            skip(s);
        if (peek(s) != '}' && !take(s, ','))
            s->bad = true;
    }
    s->depth--;
}

static void array(struct scan *s, void (*item)(struct scan *s, void *arg), void *arg)
{
    if (!take(s, '[') || ++s->depth > DEPTH_MAX) {
        s->bad = true;
        return;
    }
    while (!s->bad && !take(s, ']')) {
        if (item)
            item(s, arg);
        else
            skip(s);
        if (peek(s) != ']' && !take(s, ','))
            s->bad = true;
    }
    s->depth--;
}

static void skip(struct scan *s)
{
    char c = peek(s);
    if (c == '"') {
        (void)string(s);
        return;
    }
    if (c == '{') {
        object(s, NULL, NULL);
        return;
    }
    if (c == '[') {
        array(s, NULL, NULL);
        return;
    }
    const char *start = s->p;
    while (s->p < s->end && !strchr(",]} \n\r\t", *s->p))
        s->p++;
    s->bad = s->bad || s->p == start;
}

static struct str raw(struct scan *s)
{
    (void)peek(s);
    const char *start = s->p;
    skip(s);
    return (struct str){start, (size_t)(s->p - start)};
}

static void part_member(struct scan *s, struct str key, void *arg)
{
    struct str *content = arg;
    if (str_is(key, "text"))
        *content = string(s);
    else
        skip(s);
}

static void part(struct scan *s, void *arg)
{
    object(s, part_member, arg);
}

static void message_member(struct scan *s, struct str key, void *arg)
{
    struct message *m = arg;
    if (str_is(key, "role"))
        m->role = string(s);
    else if (str_is(key, "content") && peek(s) == '"')
        m->content = string(s);
    else if (str_is(key, "content") && peek(s) == '[')
        array(s, part, &m->content);
    else
        skip(s);
}

static void message(struct scan *s, void *arg)
{
    struct request *r = arg;
    struct message m = {0};
    object(s, message_member, &m);
    if (str_is(m.role, "user"))
        r->user = m.content;
}

static void schema_member(struct scan *s, struct str key, void *arg)
{
    struct request *r = arg;
    if (str_is(key, "name"))
        r->schema_name = string(s);
    else if (str_is(key, "schema"))
        r->schema = raw(s);
    else
        skip(s);
}

static void format_member(struct scan *s, struct str key, void *arg)
{
    if (str_is(key, "json_schema"))
        object(s, schema_member, arg);
    else
        skip(s);
}

static void request_member(struct scan *s, struct str key, void *arg)
{
    struct request *r = arg;
    if (str_is(key, "messages"))
        array(s, message, r);
    else if (str_is(key, "response_format") && peek(s) == '{')
        object(s, format_member, r);
    else if (str_is(key, "model"))
        r->model = string(s);
    else if (str_is(key, "seed"))
        r->seed = raw(s);
    else if (str_is(key, "stream"))
        r->stream = str_is(raw(s), "true");
    else
        skip(s);
}

/* FNV-1a, finished so that all bits depend on all bytes. */
static uint64_t hash(struct str s, uint64_t h)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ULL;
    h ^= h >> 31;
    h *= 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 29;
}

bool request_read(struct str body, struct request *r)
{
    struct scan s = {.p = body.p, .end = body.p + body.n};
    *r = (struct request){0};
    object(&s, request_member, r);
    if (s.bad || peek(&s) || !r->user.p)
        return false;
    r->prompt = hash(r->user, 0xcbf29ce484222325ULL);
    r->draw = hash(r->seed, r->prompt);
    return true;
}
