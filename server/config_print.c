/* The settings as people and tests read them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buf.h"
#include "server/base/cleanup.h"
#include "server/config_internal.h"
#include "server/json/write.h"

enum { NAME_TEXT_MAX = 128, OUTPUT_MAX = 1 << 20 };
static const char mask[] = "********";

static const char *const type_names[] = {
    [SETTING_TEXT] = "text",         [SETTING_INT] = "int",          [SETTING_NUMBER] = "number",
    [SETTING_BOOL] = "bool",         [SETTING_ENUM] = "enum",        [SETTING_URL] = "url",
    [SETTING_BODY] = "json",         [SETTING_LISTEN] = "host:port", [SETTING_SECRET] = "secret",
    [SETTING_CONNINFO] = "conninfo",
};

/* The end of a value in a connection string that starts at i: quoted, or up to a separator. */
static size_t value_end(struct str s, size_t i)
{
    if (i < s.n && s.p[i] == '\'') {
        for (i++; i < s.n && s.p[i] != '\''; i++)
            i += s.p[i] == '\\';
        return i < s.n ? i + 1 : s.n;
    }
    while (i < s.n && s.p[i] != ' ' && s.p[i] != '&' && s.p[i] != '\t')
        i++;
    return i;
}

/* Where the secret begins that "password =" at i announces; 0 when there is none. */
static size_t password_value(struct str s, size_t i)
{
    static const struct str word = {"password", 8};
    if (s.n - i < word.n || !str_ieq((struct str){s.p + i, word.n}, word))
        return 0;
    for (i += word.n; i < s.n && s.p[i] == ' ';)
        i++;
    if (i >= s.n || s.p[i] != '=')
        return 0;
    for (i++; i < s.n && s.p[i] == ' ';)
        i++;
    return i;
}

static char *put(char *out, const char *p, size_t n)
{
    memcpy(out, p, n);
    return out + n;
}

/* Between the user's name and the last @ of a URL stands a password. */
static size_t mask_authority(struct str text, char **out)
{
    ptrdiff_t scheme = str_find(text, STR("://"));
    const char *at = scheme < 0 ? NULL : memrchr(text.p, '@', text.n);
    const char *user = text.p + scheme + 3;
    const char *colon = at && at > user ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (!colon)
        return 0;
    *out = put(*out, text.p, (size_t)(colon - text.p) + 1);
    *out = put(*out, mask, sizeof(mask) - 1);
    return (size_t)(at - text.p);
}

void config_mask(struct str text, char *out)
{
    size_t i = mask_authority(text, &out);
    while (i < text.n) {
        size_t secret = password_value(text, i);
        if (secret) {
            out = put(out, text.p + i, secret - i);
            out = put(out, mask, sizeof(mask) - 1);
            i = value_end(text, secret);
        } else {
            *out++ = text.p[i++];
        }
    }
    *out = '\0';
}

static void put_masked(struct buf *out, const char *text)
{
    struct str s = str_of(text);
    _cleanup_(freep) char *masked = malloc(2 * s.n + 32);
    if (!masked)
        return;
    config_mask(s, masked);
    buf_addz(out, masked);
}

/* On one line, as the white space in a file may have any form. */
static void put_body(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_addc(out, *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : *text);
}

static void put_number(struct buf *out, double v)
{
    if (v < 0)
        buf_addz(out, "-");
    else
        json_double(out, v);
}

/* The value as it is in force. */
static void put_value(const struct setting *s, const void *base, struct buf *out)
{
    const void *target = (const char *)base + s->offset;
    if (s->type == SETTING_INT) {
        buf_addi(out, *(const int *)target);
        return;
    }
    if (s->type == SETTING_NUMBER) {
        put_number(out, *(const double *)target);
        return;
    }
    if (s->type == SETTING_BOOL) {
        buf_addz(out, *(const bool *)target ? "true" : "false");
        return;
    }
    const char *text = *(const char *const *)target;
    if (!text)
        buf_addz(out, "-");
    else if (s->type == SETTING_SECRET)
        buf_addz(out, mask);
    else if (s->type == SETTING_CONNINFO)
        put_masked(out, text);
    else if (s->type == SETTING_BODY)
        put_body(out, text);
    else
        buf_addz(out, text);
}

static void print_row(FILE *out, const char *name, struct buf *value, const char *source)
{
    const char *text = buf_z(value);
    (void)fprintf(out, "%-24s %-40s %s\n", name, text ? text : "", source);
    buf_reset(value);
}

/* The struct that holds the values of a place: the one declared at the top, else nothing. */
static const void *base_of(const struct config *c, enum setting_place place)
{
    if (place == PLACE_CONFIG)
        return c;
    if (place == PLACE_PROVIDER)
        return c->state->provider_at_top ? &c->providers[1] : NULL;
    return c->state->encoder_at_top ? &c->encoders[1] : NULL;
}

static const void *base_of_section(const struct config *c, const struct section *s)
{
    for (int i = 1; s->place == PLACE_PROVIDER && i < c->n_providers; i++)
        if (strcmp(c->providers[i].name, s->name) == 0)
            return &c->providers[i];
    for (int i = 1; s->place == PLACE_ENCODER && i < c->n_encoders; i++)
        if (strcmp(c->encoders[i].name, s->name) == 0)
            return &c->encoders[i];
    return NULL;
}

static void print_top(const struct config *c, struct buf *value, FILE *out)
{
    for (int i = 0; settings[i].name; i++) {
        const struct setting *s = &settings[i];
        const struct given *g = &c->state->effective[i];
        const void *base = s->place == PLACE_NONE ? NULL : base_of(c, s->place);
        if (s->place == PLACE_NONE)
            buf_addz(value, g->text ? g->text : "-");
        else if (base)
            put_value(s, base, value);
        else
            continue;
        print_row(out, s->name, value, g->text ? g->source : "default");
    }
}

static void print_section(const struct config *c, const struct section *s, struct buf *value,
                          FILE *out)
{
    const void *base = base_of_section(c, s);
    (void)fprintf(out, "\n[%s %s]\n", s->place == PLACE_PROVIDER ? "provider" : "encoder", s->name);
    for (int i = 0; base && settings[i].name; i++) {
        if (settings[i].place != s->place)
            continue;
        put_value(&settings[i], base, value);
        print_row(out, setting_key(&settings[i]), value,
                  s->given[i].text ? s->given[i].source : "default");
    }
}

void config_print(const struct config *c, FILE *out)
{
    _cleanup_(buf_free) struct buf value;
    buf_init(&value, OUTPUT_MAX);
    print_top(c, &value, out);
    for (int i = 0; i < c->state->n_sections; i++)
        print_section(c, &c->state->sections[i], &value, out);
    for (int i = 0; i < c->state->n_warnings; i++)
        (void)fprintf(out, "%swarning: %s\n", i ? "" : "\n", c->state->warnings[i]);
}

/* Name of the flag or environment variable; a secret's flag is that of its file. */
static void flag_name(const struct setting *s, char out[NAME_TEXT_MAX])
{
    (void)snprintf(out, NAME_TEXT_MAX, "--%s%s", s->name, s->type == SETTING_SECRET ? "_file" : "");
    for (char *p = out; *p; p++)
        *p = *p == '_' ? '-' : *p;
}

static void environment_name(const struct setting *s, char out[NAME_TEXT_MAX])
{
    (void)snprintf(out, NAME_TEXT_MAX, "MONOCEROS_%s", s->name);
    for (char *p = out; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
}

void config_help(FILE *out)
{
    for (const struct setting *s = settings; s->name; s++) {
        char flag[NAME_TEXT_MAX], environment[NAME_TEXT_MAX];
        flag_name(s, flag);
        environment_name(s, environment);
        (void)fprintf(out, "  %-26s %s", flag, s->help);
        for (const char *const *v = s->values; v && *v; v++)
            (void)fprintf(out, "%s%s", v == s->values ? ": " : ", ", *v);
        if (s->fallback && !(s->type == SETTING_INT && strcmp(s->fallback, "0") == 0))
            (void)fprintf(out, " (default %s)", s->fallback);
        (void)fprintf(out, "\n  %-26s %s%s\n", "", environment,
                      setting_has_file(s) ? ", or the path of a file with it in the same and _FILE"
                                          : "");
    }
}

static void describe(const struct setting *s, struct buf *out)
{
    static const char *const places[] = {"config", "provider", "encoder", "none"};
    char name[NAME_TEXT_MAX];
    json_open(out, '{');
    json_key(out, "name");
    json_z(out, s->name);
    environment_name(s, name);
    json_key(out, "environment");
    json_z(out, name);
    flag_name(s, name);
    json_key(out, "flag");
    json_z(out, name);
    json_key(out, "type");
    json_z(out, type_names[s->type]);
    json_key(out, "place");
    json_z(out, places[s->place]);
    json_key(out, "default");
    json_z(out, s->fallback);
    if (s->type == SETTING_INT || s->type == SETTING_NUMBER) {
        json_key(out, "min");
        json_int(out, s->min);
        json_key(out, "max");
        json_int(out, s->max);
    }
    if (s->values) {
        json_key(out, "values");
        json_open(out, '[');
        for (const char *const *v = s->values; *v; v++)
            json_z(out, *v);
        json_close(out, ']');
    }
    json_key(out, "secret");
    json_bool(out, setting_is_secret(s));
    json_key(out, "file");
    json_bool(out, setting_has_file(s));
    json_key(out, "help");
    json_z(out, s->help);
    json_close(out, '}');
}

void config_describe(FILE *out)
{
    _cleanup_(buf_free) struct buf json;
    buf_init(&json, OUTPUT_MAX);
    json_open(&json, '[');
    for (const struct setting *s = settings; s->name; s++)
        describe(s, &json);
    json_close(&json, ']');
    if (!json.failed)
        (void)fwrite(json.p, 1, json.n, out);
    (void)fputc('\n', out);
}
