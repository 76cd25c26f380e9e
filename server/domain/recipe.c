#include "server/domain/recipe.h"

#include "server/base/hash.h"
#include "server/domain/dialogue_schema.h"
#include "server/json/write.h"

static void optional_number(struct buf *json, const char *key, double v)
{
    json_key(json, key);
    if (v >= 0)
        json_double(json, v);
    else
        json_write_null(json);
}

static void optional_int(struct buf *json, const char *key, int64_t v, int64_t least)
{
    json_key(json, key);
    if (v >= least)
        json_int(json, v);
    else
        json_write_null(json);
}

static void put_schemas(struct buf *json, const struct call_settings *s)
{
    static const int alphabetical[DIALOGUE_TASKS] = {2, 0, 1};
    json_key(json, "schemas");
    json_open(json, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(json, dialogue_tasks[alphabetical[i]]);
        dialogue_schema(alphabetical[i], call_settings_turns(s, alphabetical[i]), json);
    }
    json_close(json, '}');
}

static void put_prompts(struct buf *json, const struct call_settings *s)
{
    json_key(json, "prompts");
    json_open(json, '[');
    for (int i = 0; i < s->n_prompts; i++) {
        const struct prompt_choice *c = &s->prompts[i];
        json_open(json, '{');
        json_key(json, "name");
        json_z(json, c->prompt.name);
        prompt_parts_write(&c->prompt, json);
        json_key(json, "share");
        json_double(json, c->share);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_providers(struct buf *json, const struct call_settings *s)
{
    json_key(json, "providers");
    json_open(json, '[');
    for (int i = 0; i < s->n_providers; i++) {
        const struct provider_choice *c = &s->providers[i];
        json_open(json, '{');
        if (c->extra.n > 0) {
            json_key(json, "extra_body");
            json_str(json, c->extra);
        }
        json_key(json, "kind");
        json_str(json, c->kind);
        json_key(json, "model");
        json_str(json, c->served);
        json_key(json, "share");
        json_double(json, c->share);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* The models of all providers in one line, for whoever lists recipes. */
static void put_model(struct buf *json, const struct call_settings *s)
{
    struct buf models;
    buf_init(&models, 4096);
    for (int i = 0; i < s->n_providers; i++) {
        buf_addz(&models, i ? " + " : "");
        buf_adds(&models, s->providers[i].served);
    }
    json_key(json, "model");
    json_str(json, buf_str(&models));
    json->failed |= models.failed;
    buf_free(&models);
}

static void identify(const struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256(buf_str(json), digest);
    memcpy(id, digest, RECIPE_ID_BYTES);
}

void recipe_build(const struct call_settings *s, struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    buf_reset(json);
    json_open(json, '{');
    json_key(json, "kind");
    json_str(json, call_settings_kind(s));
    optional_int(json, "max_tokens", s->max_tokens, 1);
    put_model(json, s);
    put_prompts(json, s);
    put_providers(json, s);
    json_key(json, "salt");
    json_str(json, s->salt);
    if (strcmp(s->stage, "dialogues") == 0)
        put_schemas(json, s);
    optional_int(json, "seed", s->seed, 0);
    json_key(json, "stage");
    json_z(json, s->stage);
    optional_number(json, "temperature", s->temperature);
    optional_number(json, "top_p", s->top_p);
    json_close(json, '}');
    identify(json, id);
}

void recipe_freeze(const struct call_settings *s, const char *recipe_hex, struct str canonical,
                   struct buf *json)
{
    json_open(json, '{');
    json_key(json, "recipe");
    json_z(json, recipe_hex);
    json_key(json, "kind");
    json_str(json, call_settings_kind(s));
    json_key(json, "canonical");
    json_raw(json, canonical);
    json_key(json, "settings");
    call_settings_write(s, json);
    json_close(json, '}');
}

void recipe_human(int revision, struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    buf_reset(json);
    json_open(json, '{');
    json_key(json, "kind");
    json_z(json, "human");
    json_key(json, "model");
    json_z(json, "human");
    json_key(json, "revision");
    json_int(json, revision);
    json_key(json, "stage");
    json_z(json, "captions");
    json_close(json, '}');
    identify(json, id);
}

void recipe_imported(struct str name, struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    buf_reset(json);
    json_open(json, '{');
    json_key(json, "kind");
    json_z(json, "imported");
    json_key(json, "name");
    json_str(json, name);
    json_key(json, "stage");
    json_z(json, "captions");
    json_close(json, '}');
    identify(json, id);
}
