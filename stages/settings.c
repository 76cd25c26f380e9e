#include "stages/settings.h"

#include "server/base/hash.h"
#include "server/json/decode.h"

enum { SETTINGS_NODES_MAX = 256 };

struct stored {
    struct str provider, kind, model, prompt, salt;
    struct opt_number temperature, top_p;
    struct opt_int max_tokens, seed, variants;
    struct str mix;
};

static const struct field stored_fields[] = {
    {FIELD_STRING, "provider", .required = true, .offset = offsetof(struct stored, provider)},
    {FIELD_STRING, "kind", .offset = offsetof(struct stored, kind)},
    {FIELD_STRING, "model", .offset = offsetof(struct stored, model)},
    {FIELD_STRING, "prompt", .required = true, .offset = offsetof(struct stored, prompt)},
    {FIELD_STRING, "salt", .offset = offsetof(struct stored, salt)},
    {FIELD_NUMBER, "temperature", .offset = offsetof(struct stored, temperature)},
    {FIELD_NUMBER, "top_p", .offset = offsetof(struct stored, top_p)},
    {FIELD_INT, "max_tokens", .offset = offsetof(struct stored, max_tokens)},
    {FIELD_INT, "seed", .offset = offsetof(struct stored, seed)},
    {FIELD_INT, "variants", .offset = offsetof(struct stored, variants)},
    {FIELD_MAP, "mix", .offset = offsetof(struct stored, mix)},
    {.type = FIELD_END},
};

int call_settings_read(struct str json, const char *stage, struct str recipe_hex, struct arena *a,
                       struct call_settings *out, struct err *e)
{
    struct stored s;
    if (json_decode(json, stored_fields, SETTINGS_NODES_MAX, a, &s, sizeof(s), e) < 0)
        return -1;
    *out = (struct call_settings){
        .set = true,
        .provider = s.provider,
        .prompt = prompt_find(str_of(stage), s.prompt),
        .temperature = s.temperature.set ? s.temperature.v : -1,
        .top_p = s.top_p.set ? s.top_p.v : -1,
        .max_tokens = s.max_tokens.set ? (int)s.max_tokens.v : 0,
        .seed = s.seed.set ? s.seed.v : -1,
        .salt = s.salt,
    };
    if (!out->prompt)
        return err_set(e, ERR_INTERNAL, "this program has no %s prompt named " STR_FMT, stage,
                       STR_ARG(s.prompt));
    if (!hex_decode(recipe_hex, out->recipe, RECIPE_ID_BYTES))
        return err_set(e, ERR_INTERNAL, "a run without a %s recipe", stage);
    return 0;
}
