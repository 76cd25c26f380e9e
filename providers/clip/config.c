#include "providers/clip/config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "server/base/cleanup.h"

enum { PATH_BYTES = 4096, LEGACY_END_TOKEN = 2 };

struct size_field {
    const char *name;
    size_t offset, min, max, fallback;
};

#define SIZE(name, member, min, max, fallback)                                                     \
    {                                                                                              \
        name, offsetof(struct clip_config, member), min, max, fallback                             \
    }

static const struct size_field sizes[] = {
    SIZE("vocab_size", vocabulary, 1, 1 << 22, 49408),
    SIZE("max_position_embeddings", positions, 2, 4096, 77),
    SIZE("hidden_size", width, 1, 16384, 512),
    SIZE("intermediate_size", inner, 1, 65536, 2048),
    SIZE("num_hidden_layers", layers, 1, 256, 12),
    SIZE("num_attention_heads", heads, 1, 256, 8),
};

static void decref(json_t **j)
{
    json_decref(*j);
}

static int read_sizes(const json_t *text, struct clip_config *c, struct err *e)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        const struct size_field *f = &sizes[i];
        const json_t *v = json_object_get(text, f->name);
        json_int_t n = v ? json_integer_value(v) : (json_int_t)f->fallback;
        if (n < (json_int_t)f->min || n > (json_int_t)f->max)
            return err_set(e, ERR_VALIDATION, "config.json: %s is not within %zu and %zu", f->name,
                           f->min, f->max);
        size_t size = (size_t)n;
        memcpy((char *)c + f->offset, &size, sizeof(size));
    }
    if (c->width % c->heads != 0)
        return err_set(e, ERR_VALIDATION,
                       "config.json: hidden_size is no multiple of num_attention_heads");
    return 0;
}

static int read_activation(const json_t *text, struct clip_config *c, struct err *e)
{
    const json_t *v = json_object_get(text, "hidden_act");
    const char *name = v ? json_string_value(v) : "quick_gelu";

    c->quick_gelu = name && strcmp(name, "quick_gelu") == 0;
    if (!c->quick_gelu && (!name || strcmp(name, "gelu") != 0))
        return err_set(e, ERR_VALIDATION, "config.json: hidden_act %.40s is not known here",
                       name ? name : "(no text)");
    return 0;
}

static int read_text(const json_t *text, struct clip_config *c, struct err *e)
{
    const json_t *end = json_object_get(text, "eos_token_id");
    const json_t *epsilon = json_object_get(text, "layer_norm_eps");

    if (read_sizes(text, c, e) < 0 || read_activation(text, c, e) < 0)
        return -1;
    if (end && !json_is_integer(end))
        return err_set(e, ERR_VALIDATION, "config.json: eos_token_id is not one number");
    c->end_token = end ? json_integer_value(end) : 49407;
    c->epsilon = epsilon ? (float)json_number_value(epsilon) : 1e-5F;
    if (!(c->epsilon > 0 && c->epsilon < 1))
        return err_set(e, ERR_VALIDATION, "config.json: layer_norm_eps is not within 0 and 1");
    return 0;
}

int clip_config_read(const char *directory, struct clip_config *ret, struct err *e)
{
    char path[PATH_BYTES];
    json_error_t why;

    if (snprintf(path, sizeof(path), "%s/config.json", directory) >= (int)sizeof(path))
        return err_set(e, ERR_VALIDATION, "the path is too long");
    _cleanup_(decref) json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(root))
        return err_set(e, ERR_VALIDATION, "%.160s: %.100s", path, root ? "no object" : why.text);
    const json_t *text = json_object_get(root, "text_config");
    return read_text(json_is_object(text) ? text : root, ret, e);
}

static size_t first_highest(const int32_t *ids, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (ids[i] > ids[best])
            best = i;
    return best;
}

size_t clip_config_end(const struct clip_config *c, const int32_t *ids, size_t n)
{
    if (c->end_token == LEGACY_END_TOKEN)
        return first_highest(ids, n);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == c->end_token)
            return i;
    return 0;
}
