#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/declared.h"
#include "handlers/operations.h"
#include "handlers/run_request.h"
#include "server/base/hash.h"
#include "server/domain/recipe.h"
#include "server/json/write.h"

enum { JSON_MAX = 4 << 20, CAPTION_TOKENS = 1024, DIALOGUE_TOKENS = 2048, TOP_UP_ROUNDS = 20 };

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
    if (s && s->verdict.p) {
        json_key(&b, "verdict");
        json_str(&b, s->verdict);
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

static double number_or(struct opt_number n, double otherwise)
{
    return n.set ? n.v : otherwise;
}

/* The choices as they were given, by one name or by a list: n entries, of which the first may be
 * unnamed. */
static int choices(enum run_stage stage, const char *member, struct str one,
                   const struct list *several, struct run_share out[CHOICES_MAX], struct err *e)
{
    char pointer[40];
    double sum = 0;
    if (!several->set) {
        out[0] = (struct run_share){one, {true, 1}};
        return 1;
    }
    (void)snprintf(pointer, sizeof(pointer), "/%s/%ss", run_stages[stage], member);
    if (one.p)
        (void)err_field(e, pointer, "stands beside %s: give one of the two", member);
    memcpy(out, several->items, several->n * sizeof(out[0]));
    for (size_t i = 0; i < several->n; i++) {
        for (size_t k = 0; k < i; k++)
            if (str_eq(out[i].name, out[k].name))
                (void)err_field(e, pointer, "names \"%.60s\" twice", out[i].name.p);
        sum += number_or(out[i].weight, 1);
    }
    if (!(sum > 0))
        (void)err_field(e, pointer, "must have a weight above 0");
    for (size_t i = 0; i < several->n; i++)
        out[i].weight = (struct opt_number){true, number_or(out[i].weight, 1) / sum};
    return (int)several->n;
}

static void point_at(char pointer[60], enum run_stage stage, const char *member,
                     const struct list *several, int i)
{
    if (several->set)
        (void)snprintf(pointer, 60, "/%s/%ss/%d/%s", run_stages[stage], member, i, member);
    else
        (void)snprintf(pointer, 60, "/%s/%s", run_stages[stage], member);
}

static void no_such_prompt(enum run_stage stage, const char *pointer, struct err *e)
{
    char list[120] = "";
    size_t used = 0;
    for (const struct prompt *p = prompts; p->name; p++) {
        if (strcmp(p->stage, run_stages[stage]) != 0)
            continue;
        int more = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", p->name);
        used += more > 0 && (size_t)more < sizeof(list) - used ? (size_t)more : 0;
    }
    (void)err_field(e, pointer,
                    "is no prompt of this stage; built in are: %s; GET /v1/prompts lists all",
                    list);
}

/* A built-in prompt, or one of an operator's; without a name the first built-in one. */
static int find_prompt(const struct run_sources *from, enum run_stage stage, struct str name,
                       const char *pointer, struct prompt *out, struct err *e)
{
    const struct prompt *p = prompts;
    while (p->name &&
           (strcmp(p->stage, run_stages[stage]) != 0 || (name.p && !str_is(name, p->name))))
        p++;
    if (p->name) {
        *out = *p;
        return 0;
    }
    int found = from->prompt(from->arg, run_stages[stage], name, out, e);
    if (found == 0)
        no_such_prompt(stage, pointer, e);
    return found > 0 ? 0 : -1;
}

static int take_prompts(const struct run_sources *from, enum run_stage stage,
                        const struct run_llm *given, struct call_settings *s, struct err *e)
{
    struct run_share shares[CHOICES_MAX];
    char pointer[60];
    s->n_prompts = choices(stage, "prompt", given->prompt, &given->prompts, shares, e);
    for (int i = 0; i < s->n_prompts; i++) {
        point_at(pointer, stage, "prompt", &given->prompts, i);
        if (find_prompt(from, stage, shares[i].name, pointer, &s->prompts[i].prompt, e) < 0)
            return -1;
        s->prompts[i].share = shares[i].weight.v;
    }
    return 0;
}

static bool has_prices(const struct llm_settings *s)
{
    return strcmp(s->kind, "offline") == 0 || (s->price_prompt >= 0 && s->price_completion >= 0);
}

static int take_provider(struct req *q, const struct run_sources *from, const struct run_body *body,
                         struct str name, const char *pointer, struct provider_choice *c,
                         struct err *e)
{
    const struct llm_provider *provider = declared_provider(q->app, name, pointer, e);
    if (!provider)
        return -1;
    const struct llm_settings *s = llm_provider_settings(provider);
    c->name = str_of(s->name);
    c->kind = str_of(s->kind);
    c->model = str_of(s->model);
    c->window = s->max_in_flight;
    char extra[33];
    llm_extra_body_id(s, extra);
    c->extra = arena_str(q->arena, str_of(extra));
    if (body->budget && body->budget->cost_usd.set && !has_prices(s))
        return err_field(e, "/budget/cost_usd",
                         "the provider %s has no prices: set its price_prompt and "
                         "price_completion, or limit tokens",
                         s->name);
    if (strcmp(s->kind, "offline") == 0) {
        c->served = c->model;
        return 0;
    }
    return from->served(from->arg, s->name, s->model, &c->served, e);
}

static int take_providers(struct req *q, const struct run_sources *from,
                          const struct run_body *body, enum run_stage stage,
                          const struct run_llm *given, struct call_settings *s, struct err *e)
{
    struct run_share shares[CHOICES_MAX];
    char pointer[60];
    s->n_providers = choices(stage, "provider", given->provider, &given->providers, shares, e);
    for (int i = 0; i < s->n_providers; i++) {
        point_at(pointer, stage, "provider", &given->providers, i);
        if (take_provider(q, from, body, shares[i].name, pointer, &s->providers[i], e) < 0)
            return -1;
        s->providers[i].share = shares[i].weight.v;
    }
    return 0;
}

static void take_mix(const struct run_llm *given, struct call_settings *s, struct err *e)
{
    double sum = 0;
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        s->mix[i] = given->mix ? number_or(given->mix[i], 0) : dialogue_default_mix[i];
        sum += s->mix[i];
    }
    if (!(sum > 0))
        (void)err_field(e, "/dialogues/mix", "must have a share above 0");
}

/* Numbers instead of shares: which captions they are is known when all captions are there. */
static void take_targets(const struct run_llm *given, struct run_plan *p, struct err *e)
{
    int64_t most = 0;
    if (given->mix)
        (void)err_field(e, "/dialogues/targets", "stand beside a mix; give one of them");
    p->targeted = true;
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        p->targets[i] = given->targets[i].set ? given->targets[i].v : 0;
        most = p->targets[i] > most ? p->targets[i] : most;
    }
    if (most == 0)
        (void)err_field(e, "/dialogues/targets", "must have a number above 0");
}

static struct turns take_turns(const struct run_turns *given, struct turns otherwise,
                               const char *pointer, struct err *e)
{
    if (!given)
        return otherwise;
    if (given->min.v > given->max.v)
        (void)err_field(e, pointer, "min must not be above max");
    return (struct turns){(int)given->min.v, (int)given->max.v};
}

static void take_dialogues(const struct run_llm *given, struct call_settings *s, struct run_plan *p,
                           struct err *e)
{
    if (given->targets)
        take_targets(given, p, e);
    else
        take_mix(given, s, e);
    bool top_up = given->top_up.set ? given->top_up.v : given->targets != NULL;
    p->top_up = top_up ? TOP_UP_ROUNDS : 0;
    s->turns = take_turns(given->turns, dialogue_default_turns[0], "/dialogues/turns", e);
    s->reasoning_turns = take_turns(given->reasoning_turns, dialogue_default_turns[2],
                                    "/dialogues/reasoning_turns", e);
}

static int plan_llm(struct req *q, const struct run_sources *from, const struct run_body *body,
                    enum run_stage stage, struct run_plan *p, struct err *e)
{
    struct call_settings *s =
        stage == STAGE_CAPTIONS ? &p->caption_settings : &p->dialogue_settings;
    static const struct run_llm defaults;
    const struct run_llm *asked = stage == STAGE_CAPTIONS ? body->captions : body->dialogues;
    const struct run_llm *given = asked ? asked : &defaults;
    int tokens = stage == STAGE_CAPTIONS ? CAPTION_TOKENS : DIALOGUE_TOKENS;
    *s = (struct call_settings){
        .set = true,
        .stage = run_stages[stage],
        .temperature = number_or(given->temperature, 0.7),
        .top_p = number_or(given->top_p, 0.95),
        .max_tokens = given->max_tokens.set ? (int)given->max_tokens.v : tokens,
        .seed = given->seed.set ? given->seed.v : -1,
        .salt = given->salt.p ? given->salt : STR(""),
        .variants = given->variants.set ? given->variants.v : 1,
    };
    if (stage == STAGE_DIALOGUES)
        take_dialogues(given, s, p, e);
    if (take_providers(q, from, body, stage, given, s, e) < 0)
        return -1;
    return take_prompts(from, stage, given, s, e);
}

/* With the recipe where it is known, else with the settings alone: the first worker of the run
 * finds out which model is served. */
static const char *write_stage(struct req *q, const struct call_settings *s, struct err *e)
{
    uint8_t id[RECIPE_ID_BYTES];
    char hex[ID_TEXT];
    struct buf b, canonical;
    buf_init(&b, JSON_MAX);
    buf_init(&canonical, JSON_MAX);
    if (call_settings_resolved(s)) {
        recipe_build(s, &canonical, id);
        hex_encode(id, sizeof(id), hex);
        recipe_freeze(s, hex, buf_str(&canonical), &b);
    } else {
        json_open(&b, '{');
        json_key(&b, "settings");
        call_settings_write(s, &b);
        json_close(&b, '}');
    }
    b.failed |= canonical.failed;
    buf_free(&canonical);
    return keep(q, &b, e);
}

/* Which version of the encoder it is, the first worker of the run finds out. */
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
    json_close(&b, '}');
    return keep(q, &b, e);
}

static void take_limits(const struct run_body *b, struct run_plan *p, struct err *e)
{
    const struct run_budget *g = b->budget;
    p->limit = b->limit;
    if (b->dry_run) {
        if (b->limit.set)
            (void)err_field(e, "/limit", "stands beside dry_run, which has a limit of its own");
        p->limit = b->dry_run->pilot;
        p->dry_run = b->dry_run->pilot;
    }
    if (g && g->deadline.p && !is_rfc3339(g->deadline))
        (void)err_field(e, "/budget/deadline",
                        "must be a time as in RFC 3339, such as 2026-12-31T08:00:00Z");
}

static void take_filters(struct req *q, const struct run_body *b, struct run_plan *p, struct err *e)
{
    const struct filters_given *given = b->captions ? b->captions->filters : NULL;
    struct filter_settings s;
    struct buf json;
    if (filters_take(given, "/captions/filters", &s, e) < 0)
        return;
    buf_init(&json, JSON_MAX);
    filters_write(&s, &json);
    p->filters = keep(q, &json, e);
    p->barrier = filters_drop_duplicates(&s) &&
                 (p->stages[STAGE_DIALOGUES] || p->stages[STAGE_REPRESENTATIONS]);
}

int run_plan_make(struct req *q, const struct run_body *b, const struct run_sources *from,
                  struct run_plan *p, struct err *e)
{
    *p = (struct run_plan){.variants = 1};
    take_stages(b, p, e);
    take_selection(q, b->select, p, e);
    take_limits(b, p, e);
    if (p->stages[STAGE_CAPTIONS])
        take_filters(q, b, p, e);
    if (p->stages[STAGE_CAPTIONS] && plan_llm(q, from, b, STAGE_CAPTIONS, p, e) == 0) {
        p->variants = p->caption_settings.variants;
        p->captions = write_stage(q, &p->caption_settings, e);
    }
    if (p->stages[STAGE_DIALOGUES] && plan_llm(q, from, b, STAGE_DIALOGUES, p, e) == 0)
        p->dialogues = write_stage(q, &p->dialogue_settings, e);
    if (p->stages[STAGE_REPRESENTATIONS])
        p->encoder = plan_vectors(q, b->representations, e);
    return e->code == ERR_NONE ? 0 : -1;
}
