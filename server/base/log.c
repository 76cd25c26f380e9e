#include "server/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <utf8proc.h>

#include "server/base/clock.h"

enum {
    LINE_MAX_BYTES = 8192,
    VALUE_MAX_BYTES = 4096, /* as written: one long value must not push out the others */
    CONTEXT_MAX = 80,
    CONTEXTS = 3,
    TAIL_MAX = 20, /* what ends a line that was cut */
};

static atomic_int least_level = LOG_INFO;
static atomic_bool as_json = true;

static const char *const context_keys[CONTEXTS] = {"request_id", "run", "task"};
static _Thread_local char contexts[CONTEXTS][CONTEXT_MAX];

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
    bool json, cut;
};

void log_setup(enum log_level level, bool json)
{
    atomic_store(&least_level, (int)level);
    atomic_store(&as_json, json);
}

void log_context(const char *request_id, const char *run, const char *task)
{
    const char *const given[CONTEXTS] = {request_id, run, task};
    for (int i = 0; i < CONTEXTS; i++)
        (void)snprintf(contexts[i], CONTEXT_MAX, "%s", given[i] ? given[i] : "");
}

static size_t room(const struct line *l)
{
    return sizeof(l->text) - TAIL_MAX - l->n;
}

/* Only for what was measured to fit. */
static void put(struct line *l, const char *p, size_t n)
{
    memcpy(l->text + l->n, p, n);
    l->n += n;
}

/* Characters that could end a line, move the cursor of a terminal or reorder what is shown. */
static bool is_unsafe(utf8proc_int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* The written form of the first character of s; *used is its length in s. */
static size_t safe_form(struct str s, char out[8], size_t *used)
{
    static const char replacement[] = "\xef\xbf\xbd";
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
    *used = n > 0 ? (size_t)n : 1;
    if (n <= 0) {
        memcpy(out, replacement, 3);
        return 3;
    }
    if (is_unsafe(c))
        return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)c & 0xffff);
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    memcpy(out, s.p, *used);
    return *used;
}

/* The value between quotes; cut at a character when it is too long. */
static void put_quoted(struct line *l, struct str s)
{
    size_t most = room(l) - 2, written = 0;
    if (most > VALUE_MAX_BYTES)
        most = VALUE_MAX_BYTES;
    put(l, "\"", 1);
    for (size_t i = 0, used; i < s.n; i += used) {
        char form[8];
        size_t n = safe_form(str_from(s, i), form, &used);
        if (written + n > most) {
            l->cut = true;
            break;
        }
        put(l, form, n);
        written += n;
    }
    put(l, "\"", 1);
}

static void put_key(struct line *l, const char *key, size_t n)
{
    if (l->json) {
        put(l, l->n ? ",\"" : "{\"", 2);
        put(l, key, n);
        put(l, "\":", 2);
    } else {
        put(l, " ", 1);
        put(l, key, n);
        put(l, "=", 1);
    }
}

static void put_text(struct line *l, const char *key, struct str value)
{
    size_t n = strlen(key);
    if (room(l) < n + 16)
        l->cut = true;
    else {
        put_key(l, key, n);
        put_quoted(l, value);
    }
}

static void put_number(struct line *l, const char *key, int64_t value)
{
    char digits[24];
    size_t n = strlen(key),
           length = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)value);
    if (room(l) < n + 8 + length)
        l->cut = true;
    else {
        put_key(l, key, n);
        put(l, digits, length);
    }
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char now[25];
    clock_rfc3339(now);
    if (l->json) {
        put_text(l, "time", str_of(now));
        put_text(l, "level", str_of(names[level]));
        put_text(l, "event", str_of(event));
    } else {
        l->n =
            (size_t)snprintf(l->text, sizeof(l->text), "%s %-5s %.200s", now, names[level], event);
    }
}

static void put_tail(struct line *l)
{
    if (l->cut && l->json)
        put(l, ",\"cut\":true", 11);
    else if (l->cut)
        put(l, " cut=true", 9);
    if (l->json)
        put(l, "}", 1);
    put(l, "\n", 1);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    int saved = errno;
    struct line l;
    l.n = 0;
    l.cut = false;
    l.json = atomic_load_explicit(&as_json, memory_order_relaxed);
    put_head(&l, level, event);
    for (int i = 0; i < CONTEXTS; i++)
        if (contexts[i][0])
            put_text(&l, context_keys[i], str_of(contexts[i]));
    for (int i = 0; i < n; i++) {
        if (fields[i].text.p)
            put_text(&l, fields[i].key, fields[i].text);
        else
            put_number(&l, fields[i].key, fields[i].number);
    }
    put_tail(&l);
    /* One call, so that lines of threads do not mix; what a full pipe refuses is lost. */
    while (write(STDERR_FILENO, l.text, l.n) < 0 && errno == EINTR)
        continue;
    errno = saved;
}
