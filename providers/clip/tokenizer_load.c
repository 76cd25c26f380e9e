#include <stdlib.h>

#include "providers/clip/tokenizer_files.h"
#include "providers/clip/tokenizer_rules.h"
#include "providers/clip/tokenizer_special.h"
#include "providers/clip/tokenizer_state.h"
#include "providers/clip/tokenizer_vocabulary.h"
#include "server/base/cleanup.h"

/* Several times what CLIP's own files have. */
enum { MERGES_MAX = 1 << 24 };
static const struct clip_json_limits most = {.bytes = 1 << 25, .values = 1 << 20};
/* model_max_length is often a number of thirty digits there. */
static const struct clip_json_limits settings_most = {
    .bytes = 1 << 20, .values = 1 << 14, .huge_numbers = true};

static void tokenizer_freep(struct clip_tokenizer **t)
{
    clip_tokenizer_free(*t);
}

/* vocab.json and merges.txt; *vocabulary is the caller's to release. */
static int load_two(struct clip_tokenizer *t, const char *dir, json_t **vocabulary, struct err *e)
{
    _cleanup_(buf_free) struct buf merges = {0};
    bool found;

    if (clip_file_json(dir, "vocab.json", &most, vocabulary, e) < 0 ||
        clip_file_read(dir, "merges.txt", MERGES_MAX, &merges, &found, e) < 0)
        return -1;
    if (!*vocabulary || !found)
        return err_set(e, ERR_VALIDATION,
                       "%.200s has neither tokenizer.json nor vocab.json with merges.txt", dir);
    if (clip_vocabulary_take(t, *vocabulary, "vocab.json", e) < 0)
        return -1;
    return clip_vocabulary_lines(t, *vocabulary, buf_str(&merges), e);
}

static int load_special(struct clip_tokenizer *t, const char *dir, const json_t *vocabulary,
                        const json_t *file, struct err *e)
{
    _cleanup_(json_decrefp) json_t *config = NULL, *map = NULL, *added = NULL;

    if (clip_file_json(dir, "tokenizer_config.json", &settings_most, &config, e) < 0 ||
        clip_file_json(dir, "special_tokens_map.json", &settings_most, &map, e) < 0 ||
        clip_file_json(dir, "added_tokens.json", &settings_most, &added, e) < 0)
        return -1;
    const struct clip_special_files files = {vocabulary, file, config, map, added};
    return clip_special_take(t, &files, e);
}

static int load(struct clip_tokenizer *t, const char *dir, struct err *e)
{
    _cleanup_(json_decrefp) json_t *file = NULL, *own = NULL;

    if (clip_file_json(dir, CLIP_TOKENIZER_JSON, &most, &file, e) < 0)
        return -1;
    if (!file)
        return load_two(t, dir, &own, e) < 0 ? -1 : load_special(t, dir, own, NULL, e);
    if (clip_rules_take(t, file, e) < 0)
        return -1;
    const json_t *vocabulary = json_object_get(json_object_get(file, "model"), "vocab");
    return load_special(t, dir, vocabulary, file, e);
}

struct clip_tokenizer *clip_tokenizer_load(const char *dir, struct err *e)
{
    _cleanup_(tokenizer_freep) struct clip_tokenizer *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_NO_MEMORY, "out of memory for a tokenizer");
        return NULL;
    }
    if (load(t, dir, e) < 0)
        return NULL;
    struct clip_tokenizer *loaded = t;
    t = NULL;
    return loaded;
}
