#include "stages/export/card_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/json/write.h"

const char *card_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int64_t card_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void card_code(struct buf *b, const char *name)
{
    buf_addc(b, '`');
    for (; *name; name++)
        buf_addc(b, *name == '`' || *name == '|' || (unsigned char)*name < ' ' ? ' ' : *name);
    buf_addc(b, '`');
}

const struct card_set *card_find(const struct card *c, const char *stem, const char *extension)
{
    for (int i = 0; i < c->n; i++) {
        const char *dot = strrchr(c->sets[i].pattern, '.');
        if (dot && strcmp(dot, extension) == 0 &&
            str_starts(str_of(c->sets[i].pattern), str_of(stem)))
            return &c->sets[i];
    }
    return NULL;
}

/* ---- the files ---- */

/* "pretrain-*.jsonl" of "pretrain-00003-of-00016.jsonl", "samples-*.tar" of "samples-000003.tar".
 */
static void make_pattern(const char *name, char out[EXPORT_NAME_MAX])
{
    size_t stem = strcspn(name, "-");
    const char *rest = name + stem;
    size_t number = strspn(rest, "-0123456789of");
    const char *hole = number > 1 && rest[number] == '.' ? "-*" : "";
    (void)snprintf(out, EXPORT_NAME_MAX, "%.*s%s%s", (int)stem, name, hole,
                   *hole ? rest + number : rest);
}

static struct card_set *find_set(struct card *c, const json_t *file, const char *pattern)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->sets[i].pattern, pattern) == 0)
            return &c->sets[i];
    if (c->n == CARD_SETS_MAX)
        return NULL;
    struct card_set *s = &c->sets[c->n++];
    memcpy(s->pattern, pattern, sizeof(s->pattern));
    s->first = card_text(file, "name");
    s->format = card_text(file, "format");
    s->dtype = card_text(file, "dtype");
    s->dimension = card_number(file, "dimension");
    return s;
}

static bool add_file(struct card *c, const json_t *file)
{
    char pattern[EXPORT_NAME_MAX];
    const char *name = card_text(file, "name");
    if (!*name || strlen(name) >= sizeof(pattern))
        return false;
    make_pattern(name, pattern);
    struct card_set *s = find_set(c, file, pattern);
    if (!s)
        return false;
    s->last = name;
    s->files++;
    s->rows += card_number(file, "rows");
    s->bytes += card_number(file, "bytes");
    return true;
}

static bool read_manifest(struct card *c, const json_t *manifest)
{
    const json_t *files = json_object_get(manifest, "files");
    c->manifest = manifest;
    c->dataset = card_text(manifest, "dataset");
    c->trial = json_is_true(json_object_get(manifest, "trial"));
    for (size_t i = 0; i < json_array_size(files); i++)
        if (!add_file(c, json_array_get(files, i)))
            return false;
    return *c->dataset && json_is_array(files);
}

/* ---- the front matter ---- */

static const char *size_category(int64_t rows)
{
    static const char *const names[] = {"n<1K",     "1K<n<10K",   "10K<n<100K", "100K<n<1M",
                                        "1M<n<10M", "10M<n<100M", "100M<n<1B"};
    size_t i = 0;
    for (int64_t limit = 1000; rows >= limit && i + 1 < sizeof(names) / sizeof(names[0]); i++)
        limit *= 10;
    return names[i];
}

static void add_config(const struct card *c, const char *name, const char *stem,
                       const char *extension, bool *any, struct buf *b)
{
    const struct card_set *s = card_find(c, stem, extension);
    if (!s)
        return;
    if (!*any)
        buf_addz(b, "configs:\n");
    buf_addf(b, "- config_name: %s\n", name);
    if (!*any)
        buf_addz(b, "  default: true\n");
    buf_addf(b, "  data_files:\n  - split: train\n    path: \"%s\"\n", s->pattern);
    *any = true;
}

/* The loader takes one kind of file for all configurations of a dataset, so that archives are one
 * only where nothing else is. */
static void add_configs(const struct card *c, struct buf *b)
{
    bool any = false;
    static const char *const names[] = {"pretrain", "instruct", "captions"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool lines = card_find(c, names[i], ".jsonl") != NULL;
        add_config(c, names[i], names[i], lines ? ".jsonl" : ".json", &any, b);
    }
    if (!any)
        add_config(c, "samples", "samples", ".tar", &any, b);
}

static void add_front_matter(const struct card *c, struct buf *b)
{
    const json_t *counts = json_object_get(c->manifest, "counts");
    buf_addz(b, "---\npretty_name: ");
    json_z(b, c->dataset);
    buf_addz(b, "\nlanguage:\n- en\ntask_categories:\n- image-to-text\n"
                "- visual-question-answering\n- image-text-to-text\nsize_categories:\n- ");
    buf_addz(b, size_category(card_number(counts, "captions")));
    buf_addz(b, "\ntags:\n- synthetic\n- text-only\n- monoceros\n");
    if (c->trial)
        buf_addz(b, "- trial\n");
    add_configs(c, b);
    buf_addz(b, "---\n\n");
}

/* ---- what it is ---- */

static void add_warning(const struct card *c, struct buf *b)
{
    const json_t *request = json_object_get(c->manifest, "request");
    if (c->trial)
        buf_addz(b, "> [!WARNING]\n"
                    "> **This is a trial, not training data.** Every row was made by the built-in "
                    "offline composer\n"
                    "> or encoder, which stand in for a language model and for a real encoder. Use "
                    "it to try out\n"
                    "> tools, and do not train on it.\n\n");
    else if (json_is_true(json_object_get(request, "allow_offline")))
        buf_addz(b, "> [!WARNING]\n"
                    "> Rows of the built-in offline composer or encoder were allowed into this "
                    "export beside real\n"
                    "> ones; see the providers and the encoder below.\n\n");
}

static void add_count(struct buf *b, const char *what, int64_t n)
{
    buf_addf(b, "| %s | %" PRId64 " |\n", what, n);
}

static void add_counts(const struct card *c, struct buf *b)
{
    const json_t *counts = json_object_get(c->manifest, "counts");
    const json_t *left = json_object_get(counts, "left_out");
    const char *task;
    json_t *n;
    buf_addz(b, "| | rows |\n| --- | ---: |\n");
    add_count(b, "captions", card_number(counts, "captions"));
    add_count(b, "dialogues", card_number(counts, "dialogues"));
    json_object_foreach(json_object_get(counts, "tasks"), task, n)
    {
        buf_addz(b, "| &nbsp;&nbsp;");
        card_code(b, task);
        buf_addf(b, " | %" PRId64 " |\n", (int64_t)json_integer_value(n));
    }
    add_count(b, "representations", card_number(counts, "representations"));
    add_count(b, "left out: no representation", card_number(left, "no_representation"));
    add_count(b, "left out: a trainer would mask or cut them", card_number(left, "unfit"));
    buf_addc(b, '\n');
}

static void add_files(const struct card *c, struct buf *b)
{
    buf_addz(b,
             "## Files\n\n`manifest.json` has the rows, bytes and SHA-256 of each file.\n\n"
             "| files | number | rows | bytes | numbers |\n| --- | ---: | ---: | ---: | --- |\n");
    for (int i = 0; i < c->n; i++) {
        const struct card_set *s = &c->sets[i];
        buf_addf(b, "| `%s` | %" PRId64 " | %" PRId64 " | %" PRId64 " | ", s->pattern, s->files,
                 s->rows, s->bytes);
        if (*s->dtype)
            buf_addf(b, "%s × %" PRId64, s->dtype, s->dimension);
        buf_addz(b, " |\n");
    }
    buf_addz(b,
             "\nThe order is the same in all of them. `id` is the caption's id, which belongs to "
             "its text: the\nsame id always means the same words.\n\n");
}

static void write_card(const struct card *c, struct buf *b)
{
    add_front_matter(c, b);
    buf_addf(b, "# %s\n\n", c->dataset);
    add_warning(c, b);
    buf_addz(b,
             "Training data for models that see, made from text alone by Monoceros: detailed "
             "captions, dialogues\nabout the pictures that the captions speak of, and a synthetic "
             "image representation of each\ncaption in place of a picture. There are no images, "
             "and nobody looked at any.\n\n");
    add_counts(c, b);
    add_files(c, b);
    card_load(c, b);
    card_made(c, b);
}

int export_card(struct str manifest_json, struct buf *out, struct err *e)
{
    json_error_t error;
    struct card c = {.n = 0};
    json_t *manifest = json_loadb(manifest_json.p, manifest_json.n, 0, &error);
    int rc = -1;
    if (!manifest || !read_manifest(&c, manifest))
        (void)err_set(e, ERR_INTERNAL, "the manifest of an export cannot be read");
    else {
        write_card(&c, out);
        rc = out->failed ? err_set(e, ERR_NO_MEMORY, "no memory for the card of an export") : 0;
    }
    json_decref(manifest);
    return rc;
}
