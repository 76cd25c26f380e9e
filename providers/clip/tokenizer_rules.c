#include "providers/clip/tokenizer_rules.h"

#include <string.h>

#include "providers/clip/tokenizer_files.h"
#include "providers/clip/tokenizer_vocabulary.h"
#include "server/base/cleanup.h"

#define WORDS "'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+"
#define NAMES "<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|"
#define SPLIT(rule)                                                                                \
    "{\"type\":\"Sequence\",\"pretokenizers\":["                                                   \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" rule "\"},"                                    \
    "\"behavior\":\"Removed\",\"invert\":true},"                                                   \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}]}"

static const char normaliser[] =
    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
    "{\"type\":\"Lowercase\"}]}";
static const char split[] = SPLIT(WORDS), split_with_names[] = SPLIT(NAMES WORDS);

static int refuse(struct err *e, const char *member)
{
    return err_set(e, ERR_VALIDATION, CLIP_TOKENIZER_JSON ": its %s is not that of CLIP", member);
}

static bool is_text(const json_t *v, const char *text)
{
    return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

static bool equals(const json_t *v, const char *text)
{
    _cleanup_(json_decrefp) json_t *wanted = json_loads(text, 0, NULL);

    return wanted && v && json_equal(v, wanted);
}

/* Offsets are of no matter here, and older files do not say that the second rule holds. */
static bool takes_split(struct clip_tokenizer *t, const json_t *v)
{
    json_t *bytes = json_array_get(json_object_get(v, "pretokenizers"), 1);

    json_object_del(bytes, "trim_offsets");
    if (json_is_object(bytes) && !json_object_get(bytes, "use_regex"))
        json_object_set_new(bytes, "use_regex", json_true());
    t->names_are_words = equals(v, split_with_names);
    return t->names_are_words || equals(v, split);
}

/* ["<|endoftext|>", 49407] */
static bool is_pair(const json_t *v, const char *text, int32_t id)
{
    return is_text(json_array_get(v, 0), text) && json_is_integer(json_array_get(v, 1)) &&
           json_integer_value(json_array_get(v, 1)) == id;
}

static bool frames(const struct clip_tokenizer *t, const json_t *v)
{
    return is_text(json_object_get(v, "type"), "RobertaProcessing") &&
           is_pair(json_object_get(v, "cls"), CLIP_BOS, t->bos) &&
           is_pair(json_object_get(v, "sep"), CLIP_EOS, t->eos);
}

static bool is_off(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) ||
           (json_is_number(v) && !(json_number_value(v) > 0));
}

static bool is_empty(const json_t *v)
{
    return !v || json_is_null(v) || is_text(v, "");
}

static bool is_model(const json_t *m)
{
    const json_t *type = json_object_get(m, "type");

    return json_is_object(m) && (!type || is_text(type, "BPE")) &&
           is_off(json_object_get(m, "dropout")) && is_off(json_object_get(m, "byte_fallback")) &&
           is_off(json_object_get(m, "ignore_merges")) &&
           is_empty(json_object_get(m, "continuing_subword_prefix")) &&
           is_text(json_object_get(m, "end_of_word_suffix"), "</w>");
}

static struct str text_of(const json_t *v)
{
    return (struct str){json_string_value(v), json_string_length(v)};
}

/* A merge is "left right" or, in newer files, ["left", "right"]. */
static bool read_merge(const json_t *v, struct str *left, struct str *right)
{
    if (json_is_array(v) && json_array_size(v) == 2) {
        *left = text_of(json_array_get(v, 0));
        *right = text_of(json_array_get(v, 1));
        return left->p && right->p;
    }
    struct str both = text_of(v);
    const char *space = both.p ? memchr(both.p, ' ', both.n) : NULL;
    if (!space)
        return false;
    *left = (struct str){both.p, (size_t)(space - both.p)};
    *right = str_from(both, left->n + 1);
    return !memchr(right->p, ' ', right->n);
}

static int take_merges(struct clip_tokenizer *t, const json_t *vocabulary, const json_t *merges,
                       struct err *e)
{
    if (!json_is_array(merges))
        return err_set(e, ERR_VALIDATION, CLIP_TOKENIZER_JSON ": the merges are not an array");
    if (clip_bpe_init(&t->bpe, json_array_size(merges)) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory while reading " CLIP_TOKENIZER_JSON);
    for (size_t i = 0; i < json_array_size(merges); i++) {
        struct str left, right;
        if (!read_merge(json_array_get(merges, i), &left, &right))
            return err_set(e, ERR_VALIDATION, CLIP_TOKENIZER_JSON ": merge %zu is not two tokens",
                           i);
        struct clip_place at = {CLIP_TOKENIZER_JSON, "merge", i};
        if (clip_vocabulary_merge(t, vocabulary, left, right, (uint32_t)i, at, e) < 0)
            return -1;
    }
    return 0;
}

int clip_rules_take(struct clip_tokenizer *t, json_t *file, struct err *e)
{
    const json_t *model = json_object_get(file, "model");
    json_t *vocabulary = json_object_get(model, "vocab");

    if (!is_model(model))
        return refuse(e, "model");
    if (!equals(json_object_get(file, "normalizer"), normaliser))
        return refuse(e, "normalizer");
    if (!takes_split(t, json_object_get(file, "pre_tokenizer")))
        return refuse(e, "pre_tokenizer");
    if (clip_vocabulary_take(t, vocabulary, CLIP_TOKENIZER_JSON, e) < 0)
        return -1;
    if (!frames(t, json_object_get(file, "post_processor")))
        return refuse(e, "post_processor");
    return take_merges(t, vocabulary, json_object_get(model, "merges"), e);
}
