#include "server/domain/recipe.h"

#include "server/base/hash.h"
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

/* The tasks by name, which is not their order. */
static void put_tasks(struct buf *json, const struct prompt *p)
{
    static const int alphabetical[DIALOGUE_TASKS] = {2, 0, 1};
    json_key(json, "tasks");
    json_open(json, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        int task = alphabetical[i];
        json_key(json, dialogue_tasks[task]);
        json_open(json, '{');
        json_key(json, "schema");
        json_raw(json, str_of(dialogue_schema(task)));
        json_key(json, "text");
        json_z(json, p->task[task]);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void put_prompt(struct buf *json, const struct prompt *p)
{
    json_key(json, "prompt");
    if (!p) {
        json_write_null(json);
        return;
    }
    json_open(json, '{');
    json_key(json, "name");
    json_z(json, p->name);
    json_key(json, "system");
    json_z(json, p->system);
    if (p->task[0])
        put_tasks(json, p);
    json_key(json, "user_prefix");
    json_z(json, p->user_prefix);
    json_close(json, '}');
}

static void identify(const struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256(buf_str(json), digest);
    memcpy(id, digest, RECIPE_ID_BYTES);
}

void recipe_build(const struct recipe_settings *s, struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    buf_reset(json);
    json_open(json, '{');
    json_key(json, "kind");
    json_z(json, s->kind);
    optional_int(json, "max_tokens", s->max_tokens, 1);
    json_key(json, "model");
    json_str(json, s->model);
    put_prompt(json, s->prompt);
    json_key(json, "salt");
    json_str(json, s->salt);
    optional_int(json, "seed", s->seed, 0);
    json_key(json, "stage");
    json_z(json, s->stage);
    optional_number(json, "temperature", s->temperature);
    optional_number(json, "top_p", s->top_p);
    json_close(json, '}');
    identify(json, id);
}

void recipe_human(struct buf *json, uint8_t id[RECIPE_ID_BYTES])
{
    buf_reset(json);
    buf_adds(json, STR("{\"kind\":\"human\",\"stage\":\"captions\"}"));
    identify(json, id);
}
