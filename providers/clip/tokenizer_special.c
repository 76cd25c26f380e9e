#include "providers/clip/tokenizer_special.h"

#include <string.h>

#include "providers/clip/tokenizer_rules.h"
#include "providers/clip/tokenizer_unicode.h"
#include "providers/clip/tokenizer_vocabulary.h"
#include "server/base/buf.h"
#include "server/base/cleanup.h"

/* The order in which the files speak is that of transformers: tokenizer.json has the first word on
 * a token, the table in tokenizer_config.json the next, and the names of single tokens only add
 * what is in neither. */

static const char config_name[] = "tokenizer_config.json";
static const char map_name[] = "special_tokens_map.json";

static struct str text_of(const json_t *v)
{
    const json_t *s = json_is_object(v) ? json_object_get(v, "content") : v;

    return (struct str){json_string_value(s), json_string_length(s)};
}

static struct clip_special *find(struct clip_tokenizer *t, struct str text)
{
    for (size_t i = 0; i < t->n_specials; i++)
        if (str_eq((struct str){t->specials[i].text, t->specials[i].n}, text))
            return &t->specials[i];
    return NULL;
}

/* Sets or changes a token of the vocabulary; others would have no row in the model's table. */
static int set(struct clip_tokenizer *t, const struct clip_special_files *f, struct str text,
               bool normalised, const char *file, struct err *e)
{
    struct clip_special *k = find(t, text);
    int32_t id = text.p ? clip_vocabulary_id(f->vocabulary, text) : -1;

    if (text.n == 0 || text.n > CLIP_SPECIAL_BYTES || id < 0)
        return err_set(e, ERR_VALIDATION, "%s: a special token is no token of the vocabulary",
                       file);
    if (!k && t->n_specials == CLIP_SPECIALS_MAX)
        return err_set(e, ERR_VALIDATION, "%s: more than %d special tokens", file,
                       CLIP_SPECIALS_MAX);
    if (!k)
        k = &t->specials[t->n_specials++];
    *k = (struct clip_special){.n = text.n, .id = id, .normalised = normalised};
    memcpy(k->text, text.p, text.n);
    return 0;
}

static bool is_set(const json_t *v, const char *member)
{
    const json_t *flag = json_object_get(v, member);

    return flag && !json_is_false(flag);
}

/* A token as an object with all that can be said of one. */
static int take_object(struct clip_tokenizer *t, const struct clip_special_files *f,
                       const json_t *v, const char *file, struct err *e)
{
    if (is_set(v, "lstrip") || is_set(v, "rstrip") || is_set(v, "single_word"))
        return err_set(e, ERR_VALIDATION,
                       "%s: a special token with lstrip, rstrip or single_word is not CLIP's",
                       file);
    return set(t, f, text_of(v), is_set(v, "normalized"), file, e);
}

static int take_listed(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e)
{
    size_t i;
    const json_t *v;

    json_array_foreach(json_object_get(f->tokenizer, "added_tokens"), i, v)
    {
        const json_t *id = json_object_get(v, "id");
        if (!json_is_integer(id) ||
            json_integer_value(id) != clip_vocabulary_id(f->vocabulary, text_of(v)))
            return err_set(e, ERR_VALIDATION,
                           CLIP_TOKENIZER_JSON ": added token %zu is no token of the vocabulary",
                           i);
        if (take_object(t, f, v, CLIP_TOKENIZER_JSON, e) < 0)
            return -1;
    }
    return 0;
}

static int take_table(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e)
{
    const char *id;
    json_t *v;
    int64_t n;

    json_object_foreach(json_object_get(f->config, "added_tokens_decoder"), id, v)
    {
        if (!str_to_i64(str_of(id), 0, CLIP_TOKENS_MAX, &n) || !text_of(v).p ||
            n != clip_vocabulary_id(f->vocabulary, text_of(v)))
            return err_set(e, ERR_VALIDATION, "%s: an added token is no token of the vocabulary",
                           config_name);
        if ((!f->tokenizer || !find(t, text_of(v))) && take_object(t, f, v, config_name, e) < 0)
            return -1;
    }
    return 0;
}

/* The map is of no matter beside a table; else it goes before the same name in the settings. */
static const json_t *named(const struct clip_special_files *f, const char *name, const char **file)
{
    const json_t *v = json_object_get(f->map, name);

    *file = map_name;
    if (v && !json_is_null(v) && !json_object_get(f->config, "added_tokens_decoder"))
        return v;
    *file = config_name;
    v = json_object_get(f->config, name);
    return json_is_null(v) ? NULL : v;
}

/* A name of a token that must be CLIP's own, when it is there. */
static int check_named(struct clip_tokenizer *t, const struct clip_special_files *f,
                       const char *name, const char *wanted, struct err *e)
{
    const char *file;
    const json_t *v = named(f, name, &file);

    if (v && !(text_of(v).p && str_is(text_of(v), wanted)))
        return err_set(e, ERR_VALIDATION, "%s: %s is not %s", file, name, wanted);
    if (json_is_object(v) && !f->tokenizer && !json_object_get(f->config, "added_tokens_decoder"))
        return take_object(t, f, v, file, e);
    return 0;
}

static int take_padding(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e)
{
    const char *file;
    const json_t *v = named(f, "pad_token", &file);

    if (!v || (text_of(v).p && find(t, text_of(v))))
        return 0;
    return json_is_object(v) ? take_object(t, f, v, file, e)
                             : set(t, f, text_of(v), false, file, e);
}

/* What would make other ids of the same text. */
static int refuse_others(const struct clip_special_files *f, struct err *e)
{
    static const char *const more[] = {"additional_special_tokens", "extra_special_tokens"};
    const json_t *side = json_object_get(f->config, "truncation_side");
    const char *file;

    for (size_t i = 0; i < 2; i++) {
        const json_t *v = named(f, more[i], &file);
        if (json_array_size(v) > 0 || json_object_size(v) > 0)
            return err_set(e, ERR_VALIDATION, "%s: %s are not CLIP's", file, more[i]);
    }
    if (is_set(f->config, "split_special_tokens"))
        return err_set(e, ERR_VALIDATION, "%s: split_special_tokens is not supported", config_name);
    if (side && strcmp(json_is_string(side) ? json_string_value(side) : "", "right") != 0)
        return err_set(e, ERR_VALIDATION, "%s: truncation_side is not right", config_name);
    return 0;
}

static int check_added(const struct clip_special_files *f, struct err *e)
{
    const char *text;
    json_t *id;

    json_object_foreach(f->added, text, id)
    {
        if (strcmp(text, CLIP_BOS) != 0 && strcmp(text, CLIP_EOS) != 0)
            return err_set(e, ERR_VALIDATION, "added_tokens.json: tokens that CLIP does not have");
    }
    return 0;
}

/* What is looked for in normalised texts is normalised itself. */
static int normalise(struct clip_tokenizer *t, struct err *e)
{
    for (size_t i = 0; i < t->n_specials; i++) {
        struct clip_special *k = &t->specials[i];
        _cleanup_(buf_free) struct buf out = {.max = (size_t)4 * CLIP_SPECIAL_BYTES};
        if (!k->normalised)
            continue;
        clip_normalise((struct str){k->text, k->n}, &out);
        if (out.failed || out.n > CLIP_SPECIAL_BYTES)
            return err_set(e, ERR_VALIDATION, "a special token is too long");
        memcpy(k->text, out.p, out.n);
        k->n = out.n;
    }
    return 0;
}

static int take_own(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e)
{
    if (f->tokenizer)
        return take_listed(t, f, e);
    if (set(t, f, STR(CLIP_BOS), true, "vocab.json", e) < 0)
        return -1;
    return set(t, f, STR(CLIP_EOS), true, "vocab.json", e);
}

int clip_special_take(struct clip_tokenizer *t, const struct clip_special_files *f, struct err *e)
{
    if (take_own(t, f, e) < 0 || take_table(t, f, e) < 0 ||
        check_named(t, f, "bos_token", CLIP_BOS, e) < 0 ||
        check_named(t, f, "eos_token", CLIP_EOS, e) < 0 || take_padding(t, f, e) < 0 ||
        refuse_others(f, e) < 0 || check_added(f, e) < 0)
        return -1;
    if (!find(t, STR(CLIP_BOS)) || !find(t, STR(CLIP_EOS)))
        return err_set(e, ERR_VALIDATION,
                       CLIP_TOKENIZER_JSON ": its added tokens are not those of CLIP");
    return normalise(t, e);
}
