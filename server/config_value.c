/* From the text of a setting to its value. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "server/base/cleanup.h"
#include "server/config_internal.h"

enum { SECRET_MAX = 4096, FILE_MAX = 65536, SHOWN_MAX = 60 };

static int refuse(const struct setting *s, const struct given *g, struct err *e, const char *rule)
{
    bool shown = !setting_is_secret(s);
    return err_set(e, ERR_VALIDATION, "%s (%.120s): must be %s%s%.*s%s", s->name, g->source, rule,
                   shown ? ", is \"" : "", shown ? SHOWN_MAX : 0, g->text, shown ? "\"" : "");
}

static void filep(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

/* The first line of the file, trimmed; its bytes appear in no message. */
static int read_secret(struct config_state *state, const struct setting *s, const struct given *g,
                       const char **out, struct err *e)
{
    _cleanup_(filep) FILE *file = fopen(g->text, "re");
    if (!file)
        return err_set(e, ERR_VALIDATION, "%s_file (%.80s): cannot open %.100s: %s", s->name,
                       g->source, g->text, strerrordesc_np(errno));
    char line[SECRET_MAX + 2] = "";
    bool got = fgets(line, sizeof(line), file) != NULL;
    struct str value = str_trim(str_of(line));
    if (!got || value.n == 0 || strlen(line) > SECRET_MAX)
        return err_set(e, ERR_VALIDATION,
                       "%s_file (%.80s): the first line of %.100s must have 1 to %d bytes", s->name,
                       g->source, g->text, SECRET_MAX);
    *out = arena_dup(state->arena, value.p, value.n);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "the configuration is too large");
}

/* All of the file, trimmed. */
static int read_whole(struct config_state *state, const struct setting *s, const struct given *g,
                      const char **out, struct err *e)
{
    _cleanup_(filep) FILE *file = fopen(g->text, "re");
    if (!file)
        return err_set(e, ERR_VALIDATION, "%s_file (%.80s): cannot open %.100s: %s", s->name,
                       g->source, g->text, strerrordesc_np(errno));
    char *text = arena_alloc(state->arena, FILE_MAX + 1);
    if (!text)
        return err_set(e, ERR_NO_MEMORY, "the configuration is too large");
    size_t n = fread(text, 1, FILE_MAX + 1, file);
    struct str value = str_trim((struct str){text, n});
    if (ferror(file) || value.n == 0 || n > FILE_MAX || memchr(text, 0, n))
        return err_set(e, ERR_VALIDATION, "%s_file (%.80s): %.100s must have 1 to %d bytes of text",
                       s->name, g->source, g->text, FILE_MAX);
    *out = arena_dup(state->arena, value.p, value.n);
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "the configuration is too large");
}

static int store_int(const struct setting *s, const struct given *g, int *out, struct err *e)
{
    int64_t v;
    char rule[64];
    (void)snprintf(rule, sizeof(rule), "an integer from %d to %d", s->min, s->max);
    if (!str_to_i64(str_trim(str_of(g->text)), s->min, s->max, &v))
        return refuse(s, g, e, rule);
    *out = (int)v;
    return 0;
}

static int store_number(const struct setting *s, const struct given *g, double *out, struct err *e)
{
    double v;
    char rule[64];
    (void)snprintf(rule, sizeof(rule), "a number from %d to %d", s->min, s->max);
    if (!str_to_double(str_trim(str_of(g->text)), &v) || !(v >= s->min && v <= s->max))
        return refuse(s, g, e, rule);
    *out = v;
    return 0;
}

static int store_body(const struct setting *s, const struct given *g, const char **out,
                      struct err *e)
{
    const char *rule = llm_extra_body_fault(str_of(g->text));
    if (rule)
        return refuse(s, g, e, rule);
    *out = g->text;
    return 0;
}

static int store_bool(const struct setting *s, const struct given *g, bool *out, struct err *e)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    struct str text = str_trim(str_of(g->text));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_ieq(text, str_of(words[i]))) {
            *out = i % 2 == 1;
            return 0;
        }
    return refuse(s, g, e, "true or false");
}

static int store_enum(const struct setting *s, const struct given *g, const char **out,
                      struct err *e)
{
    char rule[120] = "one of";
    size_t n = strlen(rule);
    for (const char *const *v = s->values; *v && n < sizeof(rule); v++) {
        if (str_is(str_trim(str_of(g->text)), *v)) {
            *out = *v;
            return 0;
        }
        int added = snprintf(rule + n, sizeof(rule) - n, " %s", *v);
        n += added > 0 ? (size_t)added : 0;
    }
    return refuse(s, g, e, rule);
}

static bool url_bytes_are_plain(struct str url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"\\<>`{}|^", url.p[i]))
            return false;
    return true;
}

static bool valid_port(struct str port, int64_t least)
{
    int64_t v;
    return str_to_i64(port, least, 65535, &v);
}

static bool valid_host(struct str host)
{
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '.' && c != '-' && c != '_' &&
            !(bracketed && (c == ':' || i == 0 || i == host.n - 1)))
            return false;
    }
    return host.n > 0 && host.n < CONFIG_HOST_MAX;
}

/* "host", "host:port" or "[address]:port". */
static bool split_authority(struct str s, struct str *host, struct str *port)
{
    size_t end = s.n;
    for (size_t i = 0; i < s.n && s.p[i] != ']'; i++)
        if (s.p[i] == ':' && s.p[0] != '[' && end == s.n)
            end = i;
    if (s.n && s.p[0] == '[') {
        ptrdiff_t close = str_find(s, STR("]"));
        if (close < 0)
            return false;
        end = (size_t)close + 1;
    }
    *host = (struct str){s.p, end};
    *port = str_from(s, end);
    return valid_host(*host) && (port->n == 0 || port->p[0] == ':');
}

int config_check_url(struct str url, bool v1, const char **wrong)
{
    *wrong = "a URL such as http://host:8000/v1 without spaces, quotes and control characters";
    if (!url_bytes_are_plain(url))
        return -1;
    *wrong = "a URL that starts with http:// or https://";
    size_t scheme = str_starts(url, STR("http://")) ? 7 : str_starts(url, STR("https://")) ? 8 : 0;
    if (scheme == 0)
        return -1;
    *wrong = "a URL without user name, password, query and fragment; an API key is a setting";
    if (str_find(url, STR("@")) >= 0 || str_find(url, STR("?")) >= 0 ||
        str_find(url, STR("#")) >= 0)
        return -1;
    struct str rest = str_from(url, scheme), host, port;
    ptrdiff_t slash = str_find(rest, STR("/"));
    struct str authority = {rest.p, slash < 0 ? rest.n : (size_t)slash};
    *wrong = "a URL with a host and, if any, a port from 1 to 65535";
    if (!split_authority(authority, &host, &port) ||
        (port.n > 0 && !valid_port(str_from(port, 1), 1)))
        return -1;
    *wrong = v1 ? "a URL whose path ends in /v1, such as http://host:8000/v1"
                : "a URL without /v1, such as http://host:8080: the kind tei has paths of its own";
    struct str path = str_from(rest, authority.n);
    return (path.n >= 3 && str_eq(str_from(path, path.n - 3), STR("/v1"))) == v1 ? 0 : -1;
}

static bool separates(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One URL off the front of the list, without trailing slashes; empty at its end. */
static struct str next_url(struct str *list)
{
    while (list->n > 0 && separates(list->p[0]))
        *list = str_from(*list, 1);
    struct str url = {list->p, 0};
    while (url.n < list->n && !separates(list->p[url.n]))
        url.n++;
    *list = str_from(*list, url.n);
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

/* The kind stands before the URL in the table. */
static bool ends_in_v1(const struct setting *s, const void *base)
{
    const struct encoder_settings *encoder = base;
    return s->place != PLACE_ENCODER || strcmp(encoder->kind, "tei") != 0;
}

/* The URLs with a space between them. */
static int store_url(struct config_state *state, const struct setting *s, const struct given *g,
                     bool v1, const char **out, struct err *e)
{
    struct str list = str_of(g->text), url;
    const char *wrong = "a URL, or several";
    const char *joined = NULL;
    while ((url = next_url(&list)).n > 0) {
        bool ok = config_check_url(url, v1, &wrong) == 0;
        /* What stands before an @ may be a password: such a value is not shown. */
        if (!ok && strchr(g->text, '@'))
            return err_set(e, ERR_VALIDATION, "%s (%.120s): must be %s", s->name, g->source, wrong);
        if (!ok)
            return refuse(s, g, e, wrong);
        joined = joined ? arena_printf(state->arena, "%s " STR_FMT, joined, STR_ARG(url))
                        : arena_dup(state->arena, url.p, url.n);
        if (!joined)
            return err_set(e, ERR_NO_MEMORY, "the configuration is too large");
    }
    if (!joined)
        return refuse(s, g, e, wrong);
    *out = joined;
    return 0;
}

int config_split_listen(struct str listen, char host[CONFIG_HOST_MAX], int *port)
{
    struct str name, rest;
    if (!split_authority(listen, &name, &rest) || rest.n < 2 || !valid_port(str_from(rest, 1), 0))
        return -1;
    if (name.p[0] == '[')
        name = (struct str){name.p + 1, name.n - 2};
    memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    *port = 0;
    for (size_t i = 1; i < rest.n; i++)
        *port = *port * 10 + (rest.p[i] - '0');
    return 0;
}

static int store_listen(const struct setting *s, const struct given *g, const char **out,
                        struct err *e)
{
    char host[CONFIG_HOST_MAX];
    int port;
    if (config_split_listen(str_of(g->text), host, &port))
        return refuse(s, g, e, "host:port or [IPv6 address]:port, with a port from 0 to 65535");
    *out = g->text;
    return 0;
}

static int store_text(const struct setting *s, const struct given *g, const char **out,
                      struct err *e)
{
    for (const char *p = g->text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(e, ERR_VALIDATION, "%s (%.120s): must have no control characters",
                           s->name, g->source);
    *out = g->text;
    return 0;
}

int setting_store(struct config_state *state, const struct setting *s, const struct given *g,
                  void *base, struct err *e)
{
    struct given value = *g;
    if (!value.text)
        value = (struct given){.text = s->fallback, .source = "default"};
    if (s->place == PLACE_NONE)
        return 0;
    void *target = setting_target(s, base);
    if (!value.text && s->type == SETTING_NUMBER)
        *(double *)target = -1;
    if (!value.text)
        return 0;
    if (value.in_file && (setting_is_secret(s) ? read_secret(state, s, g, &value.text, e)
                                               : read_whole(state, s, g, &value.text, e)))
        return -1;
    switch (s->type) {
    case SETTING_INT:
        return store_int(s, &value, target, e);
    case SETTING_NUMBER:
        return store_number(s, &value, target, e);
    case SETTING_BODY:
        return store_body(s, &value, target, e);
    case SETTING_BOOL:
        return store_bool(s, &value, target, e);
    case SETTING_ENUM:
        return store_enum(s, &value, target, e);
    case SETTING_URL:
        return store_url(state, s, &value, ends_in_v1(s, base), target, e);
    case SETTING_LISTEN:
        return store_listen(s, &value, target, e);
    case SETTING_TEXT:
    case SETTING_CONNINFO:
    case SETTING_SECRET:
        break;
    }
    return store_text(s, &value, target, e);
}
