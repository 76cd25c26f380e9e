#include "handlers/run_request.h"

#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/operations.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/domain/transfer.h"
#include "server/json/write.h"

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

enum { JSON_MAX = 1 << 20, CAPTION_TOKENS = 1024, DIALOGUE_TOKENS = 2048 };

const char *const run_stages[] = {"captions", "dialogues", "representations", NULL};

static const struct field select_fields[] = {
    {FIELD_STRING, "source", .offset = offsetof(struct run_select, source), .max = 200},
    {FIELD_STRING, "domain", .offset = offsetof(struct run_select, domain), .max = 200},
    {FIELD_STRINGS, "seed_ids", .offset = offsetof(struct run_select, seed_ids), .min = 1,
     .max = 1000, .len_max = 32},
    {.type = FIELD_END},
};

#define LLM_FIELDS                                                                                 \
    {FIELD_STRING, "provider", .offset = offsetof(struct run_llm, provider),                       \
     .max = NAME_CHARS_MAX},                                                                       \
        {FIELD_STRING, "prompt", .offset = offsetof(struct run_llm, prompt),                       \
         .max = NAME_CHARS_MAX},                                                                   \
        {FIELD_NUMBER, "temperature", .offset = offsetof(struct run_llm, temperature), .max = 2},  \
        {FIELD_NUMBER, "top_p", .offset = offsetof(struct run_llm, top_p), .max = 1},              \
        {FIELD_INT, "max_tokens", .offset = offsetof(struct run_llm, max_tokens), .min = 1,        \
         .max = 32768},                                                                            \
        {FIELD_INT, "seed", .offset = offsetof(struct run_llm, seed), .max = SAFE_INTEGER_MAX},    \
    {                                                                                              \
        FIELD_STRING, "salt", .offset = offsetof(struct run_llm, salt), .max = 64                  \
    }

static const struct field caption_fields[] = {
    LLM_FIELDS,
    {FIELD_INT, "variants", .offset = offsetof(struct run_llm, variants), .min = 1, .max = 8},
    {.type = FIELD_END},
};

/* In the order of dialogue_tasks. */
static const struct field mix_fields[] = {
    {FIELD_NUMBER, "multiple_choice", .offset = 0, .max = 1},
    {FIELD_NUMBER, "question_answering", .offset = sizeof(struct opt_number), .max = 1},
    {FIELD_NUMBER, "complex_reasoning", .offset = 2 * sizeof(struct opt_number), .max = 1},
    {.type = FIELD_END},
};

static const struct field dialogue_fields[] = {
    LLM_FIELDS,
    {FIELD_OBJECT, "mix", .offset = offsetof(struct run_llm, mix), .fields = mix_fields,
     .size = DIALOGUE_TASKS * sizeof(struct opt_number)},
    {.type = FIELD_END},
};

static const struct field vector_fields[] = {
    {FIELD_STRING, "encoder", .offset = offsetof(struct run_vectors, encoder),
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "transfer", .offset = offsetof(struct run_vectors, transfer),
     .values = transfer_methods},
    {.type = FIELD_END},
};

const struct field run_fields[] = {
    {FIELD_STRINGS, "stages", .required = true, .offset = offsetof(struct run_body, stages),
     .min = 1, .max = STAGE_COUNT, .values = run_stages},
    {FIELD_INT, "limit", .offset = offsetof(struct run_body, limit), .min = 1,
     .max = SAFE_INTEGER_MAX},
    {FIELD_OBJECT, "select", .offset = offsetof(struct run_body, select), .fields = select_fields,
     .size = sizeof(struct run_select)},
    {FIELD_NUMBER, "max_failed", .offset = offsetof(struct run_body, max_failed), .max = 1},
    {FIELD_OBJECT, "captions", .offset = offsetof(struct run_body, captions),
     .fields = caption_fields, .size = sizeof(struct run_llm)},
    {FIELD_OBJECT, "dialogues", .offset = offsetof(struct run_body, dialogues),
     .fields = dialogue_fields, .size = sizeof(struct run_llm)},
    {FIELD_OBJECT, "representations", .offset = offsetof(struct run_body, representations),
     .fields = vector_fields, .size = sizeof(struct run_vectors)},
    {.type = FIELD_END},
};

/* The text of b in the arena; frees b. */
static const char *keep(struct req *q, struct buf *b, struct err *e)
{
    const char *text = b->failed ? NULL : arena_dup(q->arena, b->p, b->n);
    buf_free(b);
    if (!text)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the run's settings");
    return text;
}

static void take_stages(const struct run_body *b, struct run_plan *p, struct err *e)
{
    const struct str *names = b->stages.items;
    for (size_t i = 0; i < b->stages.n; i++)
        for (int s = 0; s < STAGE_COUNT; s++) {
            if (!str_is(names[i], run_stages[s]))
                continue;
            if (p->stages[s])
                (void)err_field(e, "/stages", "names %s twice", run_stages[s]);
            p->stages[s] = true;
        }
    const bool given[STAGE_COUNT] = {b->captions, b->dialogues, b->representations};
    for (int s = 0; s < STAGE_COUNT; s++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/%s", run_stages[s]);
        if (given[s] && !p->stages[s])
            (void)err_field(e, pointer, "settings of a stage that the run does not have");
    }
}

static void take_selection(struct req *q, const struct run_select *s, struct run_plan *p,
                           struct err *e)
{
    struct buf b;
    buf_init(&b, JSON_MAX);
    json_open(&b, '{');
    if (s && s->source.p) {
        json_key(&b, "source");
        json_str(&b, s->source);
    }
    if (s && s->domain.p) {
        json_key(&b, "domain");
        json_str(&b, s->domain);
    }
    if (s && s->seed_ids.set) {
        const struct str *ids = s->seed_ids.items;
        json_key(&b, "seed_ids");
        json_open(&b, '[');
        for (size_t i = 0; i < s->seed_ids.n; i++) {
            uint8_t id[SEED_ID_BYTES];
            char pointer[40];
            (void)snprintf(pointer, sizeof(pointer), "/select/seed_ids/%zu", i);
            if (!seed_id_parse(ids[i], id))
                (void)err_field(e, pointer, "must be an id of 32 hexadecimal digits");
            json_str(&b, ids[i]);
        }
        json_close(&b, ']');
    }
    json_close(&b, '}');
    p->selection = keep(q, &b, e);
}

static const struct prompt *choose_prompt(enum run_stage stage, struct str name, struct err *e)
{
    char pointer[40], list[120] = "";
    size_t used = 0;
    if (name.p) {
        const struct prompt *found = prompt_find(str_of(run_stages[stage]), name);
        if (found)
            return found;
    }
    for (const struct prompt *p = prompts; p->name; p++) {
        if (strcmp(p->stage, run_stages[stage]) != 0)
            continue;
        if (!name.p)
            return p;
        int more = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", p->name);
        used += more > 0 && (size_t)more < sizeof(list) - used ? (size_t)more : 0;
    }
    (void)snprintf(pointer, sizeof(pointer), "/%s/prompt", run_stages[stage]);
    (void)err_field(e, pointer, "is not a built-in prompt; there are: %s", list);
    return NULL;
}

static void write_mix(struct buf *b, const struct run_plan *p)
{
    json_key(b, "mix");
    json_open(b, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(b, dialogue_tasks[i]);
        json_double(b, p->mix[i]);
    }
    json_close(b, '}');
}

/* What a worker needs to know of the stage. */
static void write_settings(struct buf *b, enum run_stage stage, const char *provider,
                           const struct recipe_settings *r, const struct run_plan *p)
{
    json_key(b, "settings");
    json_open(b, '{');
    json_key(b, "provider");
    json_z(b, provider);
    json_key(b, "kind");
    json_z(b, r->kind);
    json_key(b, "model");
    json_str(b, r->model);
    json_key(b, "prompt");
    json_z(b, r->prompt->name);
    json_key(b, "temperature");
    json_double(b, r->temperature);
    json_key(b, "top_p");
    json_double(b, r->top_p);
    json_key(b, "max_tokens");
    json_int(b, r->max_tokens);
    json_key(b, "seed");
    json_int(b, r->seed);
    json_key(b, "salt");
    json_str(b, r->salt);
    if (stage == STAGE_CAPTIONS) {
        json_key(b, "variants");
        json_int(b, p->variants);
    } else {
        write_mix(b, p);
    }
    json_close(b, '}');
}

static const char *write_stage(struct req *q, enum run_stage stage, const char *provider,
                               const struct recipe_settings *r, const struct run_plan *p)
{
    uint8_t id[RECIPE_ID_BYTES];
    char hex[ID_TEXT];
    struct buf b, canonical;
    buf_init(&b, JSON_MAX);
    buf_init(&canonical, JSON_MAX);
    recipe_build(r, &canonical, id);
    hex_encode(id, sizeof(id), hex);
    json_open(&b, '{');
    json_key(&b, "recipe");
    json_z(&b, hex);
    json_key(&b, "kind");
    json_z(&b, r->kind);
    json_key(&b, "canonical");
    json_raw(&b, buf_str(&canonical));
    write_settings(&b, stage, provider, r, p);
    json_close(&b, '}');
    b.failed |= canonical.failed;
    buf_free(&canonical);
    return keep(q, &b, &q->err);
}

static double number_or(struct opt_number n, double otherwise)
{
    return n.set ? n.v : otherwise;
}

static const char *plan_llm(struct req *q, enum run_stage stage, const struct run_llm *given,
                            const struct run_plan *p, struct err *e)
{
    static const struct run_llm defaults;
    const struct run_llm *s = given ? given : &defaults;
    char pointer[40];
    (void)snprintf(pointer, sizeof(pointer), "/%s/provider", run_stages[stage]);
    const struct llm_provider *provider = declared_provider(q->app, s->provider, pointer, e);
    const struct prompt *prompt = choose_prompt(stage, s->prompt, e);
    if (!provider || !prompt)
        return NULL;
    const struct llm_settings *settings = llm_provider_settings(provider);
    int tokens = stage == STAGE_CAPTIONS ? CAPTION_TOKENS : DIALOGUE_TOKENS;
    struct recipe_settings r = {
        .stage = run_stages[stage],
        .kind = settings->kind,
        .model = str_of(settings->model),
        .prompt = prompt,
        .temperature = number_or(s->temperature, 0.7),
        .top_p = number_or(s->top_p, 0.95),
        .max_tokens = s->max_tokens.set ? (int)s->max_tokens.v : tokens,
        .seed = s->seed.set ? s->seed.v : -1,
        .salt = s->salt.p ? s->salt : STR(""),
    };
    return write_stage(q, stage, settings->name, &r, p);
}

static void take_mix(const struct run_body *b, struct run_plan *p, struct err *e)
{
    const struct opt_number *given = b->dialogues ? b->dialogues->mix : NULL;
    double sum = 0;
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        p->mix[i] = given ? number_or(given[i], 0) : dialogue_default_mix[i];
        sum += p->mix[i];
    }
    if (!(sum > 0))
        (void)err_field(e, "/dialogues/mix", "must have a share above 0");
}

static void write_encoder_version(struct buf *b, struct encoder *encoder)
{
    const struct encoder_settings *s = encoder_get_settings(encoder);
    int dimension = encoder_dimension(encoder);
    uint8_t id[RECIPE_ID_BYTES];
    char hex[ID_TEXT];
    if (dimension <= 0)
        return; /* the worker that hears from the encoder first fills it in */
    encoder_version_id(str_of(s->name), str_of(s->kind), str_of(s->model), dimension, id);
    hex_encode(id, sizeof(id), hex);
    json_key(b, "id");
    json_z(b, hex);
    json_key(b, "kind");
    json_z(b, s->kind);
    json_key(b, "model");
    json_str(b, str_of(s->model));
    json_key(b, "dimension");
    json_int(b, dimension);
}

static const char *plan_vectors(struct req *q, const struct run_vectors *given, struct err *e)
{
    const struct str none = {NULL, 0};
    struct encoder *encoder =
        declared_encoder(q->app, given ? given->encoder : none, "/representations/encoder", e);
    if (!encoder)
        return NULL;
    const char *name = encoder_get_settings(encoder)->name;
    struct buf b;
    buf_init(&b, JSON_MAX);
    json_open(&b, '{');
    json_key(&b, "name");
    json_z(&b, name);
    json_key(&b, "settings");
    json_open(&b, '{');
    json_key(&b, "encoder");
    json_z(&b, name);
    json_key(&b, "transfer");
    json_str(&b, given && given->transfer.p ? given->transfer : STR("mean_shift"));
    json_close(&b, '}');
    write_encoder_version(&b, encoder);
    json_close(&b, '}');
    return keep(q, &b, e);
}

int run_plan_make(struct req *q, const struct run_body *b, struct run_plan *p, struct err *e)
{
    *p = (struct run_plan){.variants = 1};
    take_stages(b, p, e);
    take_selection(q, b->select, p, e);
    if (b->captions && b->captions->variants.set)
        p->variants = b->captions->variants.v;
    if (p->stages[STAGE_DIALOGUES])
        take_mix(b, p, e);
    if (p->stages[STAGE_CAPTIONS])
        p->captions = plan_llm(q, STAGE_CAPTIONS, b->captions, p, e);
    if (p->stages[STAGE_DIALOGUES])
        p->dialogues = plan_llm(q, STAGE_DIALOGUES, b->dialogues, p, e);
    if (p->stages[STAGE_REPRESENTATIONS])
        p->encoder = plan_vectors(q, b->representations, e);
    return e->code == ERR_NONE ? 0 : -1;
}
