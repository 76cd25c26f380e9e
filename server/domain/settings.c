#include "server/domain/settings.h"

#include "server/base/hash.h"
#include "server/json/decode.h"
#include "server/json/write.h"

enum { SETTINGS_NODES_MAX = 2048 };

struct stored_provider {
    struct str name, kind, model, served, extra;
    struct opt_int window;
    struct opt_number share;
};

struct stored_tasks {
    struct str text[DIALOGUE_TASKS];
};

struct stored_prompt {
    struct str name, system, template;
    struct stored_tasks *tasks;
    struct opt_number share;
};

struct stored_turns {
    struct opt_int min, max;
};

struct stored {
    struct str provider, salt;
    struct list providers, prompts;
    struct opt_number temperature, top_p;
    struct opt_int max_tokens, seed, variants;
    struct opt_number *mix;
    struct stored_turns *turns, *reasoning_turns;
};

static const struct field provider_fields[] = {
    {FIELD_STRING, "name", .required = true, .offset = offsetof(struct stored_provider, name)},
    {FIELD_STRING, "kind", .required = true, .offset = offsetof(struct stored_provider, kind)},
    {FIELD_STRING, "model", .required = true, .offset = offsetof(struct stored_provider, model)},
    {FIELD_STRING, "served", .offset = offsetof(struct stored_provider, served)},
    {FIELD_STRING, "extra", .offset = offsetof(struct stored_provider, extra)},
    {FIELD_INT, "window", .offset = offsetof(struct stored_provider, window)},
    {FIELD_NUMBER, "share", .required = true, .offset = offsetof(struct stored_provider, share)},
    {.type = FIELD_END},
};

/* In the order of dialogue_tasks. */
static const struct field task_fields[] = {
    {FIELD_STRING, "multiple_choice", .required = true, .offset = 0},
    {FIELD_STRING, "question_answering", .required = true, .offset = sizeof(struct str)},
    {FIELD_STRING, "complex_reasoning", .required = true, .offset = 2 * sizeof(struct str)},
    {.type = FIELD_END},
};

static const struct field prompt_fields[] = {
    {FIELD_STRING, "name", .required = true, .offset = offsetof(struct stored_prompt, name)},
    {FIELD_STRING, "system", .required = true, .offset = offsetof(struct stored_prompt, system)},
    {FIELD_OBJECT, "tasks", .offset = offsetof(struct stored_prompt, tasks), .fields = task_fields,
     .size = sizeof(struct stored_tasks)},
    {FIELD_STRING, "template", .required = true,
     .offset = offsetof(struct stored_prompt, template)},
    {FIELD_NUMBER, "share", .required = true, .offset = offsetof(struct stored_prompt, share)},
    {.type = FIELD_END},
};

static const struct field mix_fields[] = {
    {FIELD_NUMBER, "multiple_choice", .offset = 0},
    {FIELD_NUMBER, "question_answering", .offset = sizeof(struct opt_number)},
    {FIELD_NUMBER, "complex_reasoning", .offset = 2 * sizeof(struct opt_number)},
    {.type = FIELD_END},
};

static const struct field turns_fields[] = {
    {FIELD_INT, "min", .required = true, .offset = offsetof(struct stored_turns, min)},
    {FIELD_INT, "max", .required = true, .offset = offsetof(struct stored_turns, max)},
    {.type = FIELD_END},
};

static const struct field stored_fields[] = {
    {FIELD_STRING, "provider", .offset = offsetof(struct stored, provider)},
    {FIELD_OBJECTS, "providers", .required = true, .offset = offsetof(struct stored, providers),
     .min = 1, .max = CHOICES_MAX, .fields = provider_fields,
     .size = sizeof(struct stored_provider)},
    {FIELD_OBJECTS, "prompts", .required = true, .offset = offsetof(struct stored, prompts),
     .min = 1, .max = CHOICES_MAX, .fields = prompt_fields, .size = sizeof(struct stored_prompt)},
    {FIELD_STRING, "salt", .offset = offsetof(struct stored, salt)},
    {FIELD_NUMBER, "temperature", .offset = offsetof(struct stored, temperature)},
    {FIELD_NUMBER, "top_p", .offset = offsetof(struct stored, top_p)},
    {FIELD_INT, "max_tokens", .offset = offsetof(struct stored, max_tokens)},
    {FIELD_INT, "seed", .offset = offsetof(struct stored, seed)},
    {FIELD_INT, "variants", .offset = offsetof(struct stored, variants)},
    {FIELD_OBJECT, "mix", .offset = offsetof(struct stored, mix), .fields = mix_fields,
     .size = DIALOGUE_TASKS * sizeof(struct opt_number)},
    {FIELD_OBJECT, "turns", .offset = offsetof(struct stored, turns), .fields = turns_fields,
     .size = sizeof(struct stored_turns)},
    {FIELD_OBJECT, "reasoning_turns", .offset = offsetof(struct stored, reasoning_turns),
     .fields = turns_fields, .size = sizeof(struct stored_turns)},
    {.type = FIELD_END},
};

bool call_settings_resolved(const struct call_settings *s)
{
    for (int i = 0; i < s->n_providers; i++)
        if (!s->providers[i].served.p)
            return false;
    return true;
}

struct str call_settings_kind(const struct call_settings *s)
{
    for (int i = 1; i < s->n_providers; i++)
        if (!str_eq(s->providers[i].kind, s->providers[0].kind))
            return STR("mixed");
    return s->providers[0].kind;
}

static void write_providers(const struct call_settings *s, struct buf *json)
{
    struct buf names;
    buf_init(&names, 4096);
    for (int i = 0; i < s->n_providers; i++) {
        buf_addz(&names, i ? " + " : "");
        buf_adds(&names, s->providers[i].name);
    }
    json_key(json, "provider");
    json_str(json, buf_str(&names));
    buf_free(&names);
    json_key(json, "providers");
    json_open(json, '[');
    for (int i = 0; i < s->n_providers; i++) {
        const struct provider_choice *c = &s->providers[i];
        json_open(json, '{');
        json_key(json, "name");
        json_str(json, c->name);
        json_key(json, "kind");
        json_str(json, c->kind);
        json_key(json, "model");
        json_str(json, c->model);
        if (c->served.p) {
            json_key(json, "served");
            json_str(json, c->served);
        }
        if (c->extra.n > 0) {
            json_key(json, "extra");
            json_str(json, c->extra);
        }
        json_key(json, "window");
        json_int(json, c->window);
        json_key(json, "share");
        json_double(json, c->share);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_prompts(const struct call_settings *s, struct buf *json)
{
    json_key(json, "prompts");
    json_open(json, '[');
    for (int i = 0; i < s->n_prompts; i++) {
        const struct prompt_choice *c = &s->prompts[i];
        json_open(json, '{');
        json_key(json, "name");
        json_z(json, c->prompt.name);
        json_key(json, "system");
        json_z(json, c->prompt.system);
        if (c->prompt.task[0]) {
            json_key(json, "tasks");
            json_open(json, '{');
            for (int t = 0; t < DIALOGUE_TASKS; t++) {
                json_key(json, dialogue_tasks[t]);
                json_z(json, c->prompt.task[t]);
            }
            json_close(json, '}');
        }
        json_key(json, "template");
        json_z(json, c->prompt.template);
        json_key(json, "share");
        json_double(json, c->share);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_mix(const struct call_settings *s, struct buf *json)
{
    json_key(json, "mix");
    json_open(json, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(json, dialogue_tasks[i]);
        json_double(json, s->mix[i]);
    }
    json_close(json, '}');
}

static void write_turns(struct buf *json, const char *name, const struct turns *t)
{
    json_key(json, name);
    json_open(json, '{');
    json_key(json, "min");
    json_int(json, t->min);
    json_key(json, "max");
    json_int(json, t->max);
    json_close(json, '}');
}

void call_settings_write(const struct call_settings *s, struct buf *json)
{
    json_open(json, '{');
    write_providers(s, json);
    write_prompts(s, json);
    json_key(json, "temperature");
    json_double(json, s->temperature);
    json_key(json, "top_p");
    json_double(json, s->top_p);
    json_key(json, "max_tokens");
    json_int(json, s->max_tokens);
    json_key(json, "seed");
    json_int(json, s->seed);
    json_key(json, "salt");
    json_str(json, s->salt);
    if (strcmp(s->stage, "captions") == 0) {
        json_key(json, "variants");
        json_int(json, s->variants);
    } else {
        write_mix(s, json);
        write_turns(json, "turns", &s->turns);
        write_turns(json, "reasoning_turns", &s->reasoning_turns);
    }
    json_close(json, '}');
}

static void take_choices(const struct stored *s, const char *stage, struct call_settings *out)
{
    const struct stored_provider *providers = s->providers.items;
    const struct stored_prompt *prompt = s->prompts.items;
    for (int i = 0; i < (int)s->providers.n; i++)
        out->providers[out->n_providers++] = (struct provider_choice){
            providers[i].name,   providers[i].kind,  providers[i].model,
            providers[i].served, providers[i].extra, (int)providers[i].window.v,
            providers[i].share.v};
    for (int i = 0; i < (int)s->prompts.n; i++) {
        struct prompt_choice *c = &out->prompts[out->n_prompts++];
        c->share = prompt[i].share.v;
        c->prompt = (struct prompt){.name = prompt[i].name.p,
                                    .stage = stage,
                                    .system = prompt[i].system.p,
                                    .template = prompt[i].template.p};
        for (int t = 0; prompt[i].tasks && t < DIALOGUE_TASKS; t++)
            c->prompt.task[t] = prompt[i].tasks->text[t].p;
    }
}

static struct turns turns_or(const struct stored_turns *t, struct turns otherwise)
{
    return t ? (struct turns){(int)t->min.v, (int)t->max.v} : otherwise;
}

int call_settings_read(struct str json, const char *stage, struct arena *a,
                       struct call_settings *out, struct err *e)
{
    struct stored s;
    if (json_decode(json, stored_fields, SETTINGS_NODES_MAX, a, &s, sizeof(s), e) < 0)
        return -1;
    *out = (struct call_settings){
        .set = true,
        .stage = stage,
        .temperature = s.temperature.set ? s.temperature.v : -1,
        .top_p = s.top_p.set ? s.top_p.v : -1,
        .max_tokens = s.max_tokens.set ? (int)s.max_tokens.v : 0,
        .seed = s.seed.set ? s.seed.v : -1,
        .salt = s.salt,
        .variants = s.variants.set ? s.variants.v : 1,
        .turns = turns_or(s.turns, dialogue_default_turns[0]),
        .reasoning_turns = turns_or(s.reasoning_turns, dialogue_default_turns[2]),
    };
    take_choices(&s, stage, out);
    for (int i = 0; s.mix && i < DIALOGUE_TASKS; i++)
        out->mix[i] = s.mix[i].v;
    return 0;
}

const struct turns *call_settings_turns(const struct call_settings *s, int task)
{
    bool reasoning = strcmp(dialogue_tasks[task], "complex_reasoning") == 0;
    return reasoning ? &s->reasoning_turns : &s->turns;
}

/* A number in [0, 1) that the purpose and the id decide. */
static double fraction(struct str purpose, struct str id)
{
    return (double)(hash_choice(purpose, id) >> 11) * 0x1p-53;
}

int call_settings_provider(const struct call_settings *s, struct str id)
{
    double left = s->n_providers > 1 ? fraction(STR("provider:"), id) : 0;
    for (int i = 0; i < s->n_providers - 1; i++) {
        left -= s->providers[i].share;
        if (left < 0)
            return i;
    }
    return s->n_providers - 1;
}

int call_settings_prompt(const struct call_settings *s, struct str id)
{
    double left = s->n_prompts > 1 ? fraction(STR("prompt:"), id) : 0;
    for (int i = 0; i < s->n_prompts - 1; i++) {
        left -= s->prompts[i].share;
        if (left < 0)
            return i;
    }
    return s->n_prompts - 1;
}
