/* Where settings come from: the environment, flags and the file. Values are only collected here. */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/config_internal.h"

enum { ENVIRONMENT_NAME_MAX = 128, FILE_LINES_MAX = 10000 };

static int remember(struct config_state *state, struct given *g, struct str text,
                    const char *source, struct err *e)
{
    g->text = arena_dup(state->arena, text.p, text.n);
    g->source = source;
    if (!g->text || !source)
        return err_set(e, ERR_NO_MEMORY, "the configuration is too large");
    return 0;
}

/* At one source a value and its file variant exclude each other. */
static int give(struct config_state *state, struct given *g, bool in_file, struct str text,
                const char *source, struct err *e)
{
    if (g->text && g->in_file != in_file)
        return err_set(e, ERR_VALIDATION, "%s: give the value or its file, not both (also %s)",
                       source ? source : "", g->source);
    g->in_file = in_file;
    return remember(state, g, text, source, e);
}

static void warn(struct config_state *state, const char *text)
{
    if (text && state->n_warnings < WARNINGS_MAX)
        state->warnings[state->n_warnings++] = text;
}

static int read_variable(struct config_state *state, const char *variable, struct err *e)
{
    static const struct str prefix = {"MONOCEROS_", 10};
    const char *equals = strchr(variable, '=');
    if (!equals || !str_starts((struct str){variable, (size_t)(equals - variable)}, prefix))
        return 0;
    struct str full = {variable, (size_t)(equals - variable)}, name = str_from(full, prefix.n);
    char lower[ENVIRONMENT_NAME_MAX];
    bool upper_case = name.n < sizeof(lower);
    for (size_t i = 0; upper_case && i < name.n; i++) {
        upper_case = !(name.p[i] >= 'a' && name.p[i] <= 'z');
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    }
    bool in_file;
    int i = upper_case ? setting_find((struct str){lower, name.n}, '_', &in_file) : -1;
    if (i < 0)
        warn(state, arena_printf(state->arena, STR_FMT " is not a known setting",
                                 full.n < 80 ? (int)full.n : 80, full.p));
    if (i < 0 || !equals[1]) /* empty means not set, as wrappers that pass everything on need it */
        return 0;
    return give(state, &state->layers[LAYER_ENVIRONMENT][i], in_file, str_of(equals + 1),
                arena_printf(state->arena, "environment " STR_FMT, STR_ARG(full)), e);
}

int config_read_environment(struct config_state *state, struct err *e)
{
    for (char **variable = environ; variable && *variable; variable++)
        if (read_variable(state, *variable, e))
            return -1;
    return 0;
}

static int unknown_flag(struct str flag, struct err *e)
{
    return err_set(e, ERR_VALIDATION, "%.*s: unknown flag; --help lists what there is",
                   flag.n < 80 ? (int)flag.n : 80, flag.p);
}

/* One flag; *used tells how many arguments it took. */
static int read_flag(struct config_state *state, int argc, char **argv, int *used, struct err *e)
{
    struct str flag = str_of(argv[0]);
    if (!str_starts(flag, STR("--")))
        return err_set(e, ERR_VALIDATION, "%.80s: unexpected argument; settings are --name value",
                       argv[0]);
    const char *equals = strchr(argv[0], '=');
    if (equals)
        flag.n = (size_t)(equals - argv[0]);
    bool in_file;
    int i = setting_find(str_from(flag, 2), '-', &in_file);
    if (i < 0)
        return unknown_flag(flag, e);
    if (settings[i].type == SETTING_SECRET && !in_file)
        return err_set(e, ERR_VALIDATION,
                       STR_FMT ": other users can read command lines; use " STR_FMT
                               "-file or the environment",
                       STR_ARG(flag), STR_ARG(flag));
    const char *value = equals ? equals + 1 : settings[i].type == SETTING_BOOL ? "true" : NULL;
    *used = value ? 1 : 2;
    if (!value && argc < 2)
        return err_set(e, ERR_VALIDATION, STR_FMT ": a value is missing", STR_ARG(flag));
    return give(state, &state->layers[LAYER_FLAG][i], in_file, str_of(value ? value : argv[1]),
                arena_printf(state->arena, "flag " STR_FMT, STR_ARG(flag)), e);
}

int config_read_flags(struct config_state *state, int argc, char **argv, struct err *e)
{
    int used = 1;
    for (int i = 0; i < argc; i += used)
        if (read_flag(state, argc - i, argv + i, &used, e))
            return -1;
    return 0;
}

struct file_reader {
    struct config_state *state;
    const char *path;
    FILE *file;
    int line;
    struct section *section; /* NULL at the top */
    char section_name[64];
    struct err *e;
};

static void filep(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

static bool valid_name(struct str s)
{
    if (s.n == 0 || s.n > 32 || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-'))
            return false;
    return true;
}

static int name_fault(const struct file_reader *r, const char *rule)
{
    return err_set(r->e, ERR_VALIDATION, "%s:%d: [%.40s]: %s", r->path, r->line, r->section_name,
                   rule);
}

/* Begins [provider NAME] or [encoder NAME]. */
static int open_section(struct file_reader *r)
{
    struct str full = str_of(r->section_name);
    enum setting_place place = str_starts(full, STR("provider "))  ? PLACE_PROVIDER
                               : str_starts(full, STR("encoder ")) ? PLACE_ENCODER
                                                                   : PLACE_NONE;
    if (place == PLACE_NONE)
        return name_fault(r, "unknown section; there are [provider NAME] and [encoder NAME]");
    struct str name = str_trim(str_from(full, place == PLACE_PROVIDER ? 9 : 8));
    if (!valid_name(name))
        return name_fault(r, "a name is 1 to 32 of a-z, 0-9 and -, not starting with -");
    if (str_is(name, "offline") || str_is(name, place == PLACE_PROVIDER ? "llm" : "embeddings"))
        return name_fault(r, "this name is taken by what is built in or set by llm_ and encoder_");
    struct config_state *state = r->state;
    for (int i = 0; i < state->n_sections; i++)
        if (state->sections[i].place == place && str_is(name, state->sections[i].name))
            return name_fault(r, "declared twice");
    if (state->n_sections == SECTIONS_MAX)
        return name_fault(r, "too many sections");
    r->section = &state->sections[state->n_sections];
    r->section->place = place;
    r->section->name = arena_dup(state->arena, name.p, name.n);
    if (!r->section->name)
        return err_set(r->e, ERR_NO_MEMORY, "the configuration is too large");
    state->n_sections++;
    return 0;
}

/* Sections are opened here, and not by the handler, so that an empty one is checked as well.
 * Indentation is taken off: it would make a line the continuation of the one before. */
static int take_line(struct file_reader *r, char *line, size_t size)
{
    size_t n = strlen(line), indent = strspn(line, " \t");
    if (++r->line > FILE_LINES_MAX)
        return err_set(r->e, ERR_VALIDATION, "%s: more than %d lines", r->path, FILE_LINES_MAX);
    if (n + 1 >= size && line[n - 1] != '\n')
        return err_set(r->e, ERR_VALIDATION, "%s:%d: the line is longer than %zu bytes", r->path,
                       r->line, size - 2);
    memmove(line, line + indent, n - indent + 1);
    if (line[0] != '[')
        return 0;
    size_t end = strcspn(line, "]\n");
    (void)snprintf(r->section_name, sizeof(r->section_name), "%.*s", (int)(end < 80 ? end : 80) - 1,
                   line + 1);
    return open_section(r);
}

static char *read_line(char *out, int size, void *arg)
{
    struct file_reader *r = arg;
    if (r->e->code != ERR_NONE || !fgets(out, size, r->file))
        return NULL;
    return take_line(r, out, (size_t)size) ? NULL : out;
}

static int take_entry(struct file_reader *r, const char *name, const char *value)
{
    bool in_file;
    int i = r->section ? setting_find_key(r->section->place, str_of(name), &in_file)
                       : setting_find(str_of(name), '_', &in_file);
    if (i < 0 || settings[i].place == PLACE_NONE)
        return err_set(r->e, ERR_VALIDATION, "%s:%d: %.40s: unknown setting", r->path, r->line,
                       name);
    struct given *g = r->section ? &r->section->given[i] : &r->state->layers[LAYER_FILE][i];
    const char *source = arena_printf(r->state->arena, "%s:%d", r->path, r->line);
    if (g->text && g->in_file == in_file)
        return err_set(r->e, ERR_VALIDATION, "%s:%d: %.40s: set twice, first at %s", r->path,
                       r->line, name, g->source);
    return *value ? give(r->state, g, in_file, str_of(value), source, r->e) : 0;
}

static int entry_handler(void *arg, const char *section, const char *name, const char *value)
{
    (void)section;
    struct file_reader *r = arg;
    return r->e->code == ERR_NONE && take_entry(r, name, value ? value : "") == 0;
}

int config_read_file(struct config_state *state, const char *path, struct err *e)
{
    _cleanup_(filep) FILE *file = fopen(path, "re");
    if (!file)
        return err_set(e, ERR_VALIDATION, "config: cannot open %.200s: %s", path,
                       strerrordesc_np(errno));
    struct file_reader r = {.state = state, .path = path, .file = file, .e = e};
    int line = ini_parse_stream(read_line, &r, entry_handler, &r);
    if (e->code != ERR_NONE)
        return -1;
    if (ferror(file))
        return err_set(e, ERR_VALIDATION, "config: cannot read %.200s", path);
    if (line != 0)
        return err_set(e, ERR_VALIDATION, "%.200s:%d: neither a [section] nor name = value", path,
                       line > 0 ? line : r.line);
    return 0;
}
