/* The question which model a provider serves: what its server reports is part of the recipe, so
 * that a run whose providers nobody has asked lately begins with one short call to each. */
#include <stdio.h>

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/domain/recipe.h"
#include "server/json/write.h"
#include "server/work/internal.h"

enum { JSON_MAX = 1 << 20, MODEL_MAX = 200, PROBE_TOKENS = 16 };

struct probe {
    bool answered;
    enum llm_outcome outcome;
    char model[MODEL_MAX + 1];
    char detail[200];
};

static void on_probe(void *arg, const struct llm_reply *reply)
{
    struct probe *p = arg;
    p->answered = true;
    p->outcome = reply->outcome;
    (void)snprintf(p->model, sizeof(p->model), STR_FMT, STR_ARG(reply->model));
    (void)snprintf(p->detail, sizeof(p->detail), "%s", reply->detail);
}

/* One short call. A reply that is of no use as text has a model all the
 * same. */
static int ask(struct worker *k, struct llm_provider *provider, struct probe *p, struct err *e)
{
    const struct llm_request request = {.task = LLM_CAPTION,
                                        .id = STR("probe"),
                                        .salt = STR(""),
                                        .source = STR("ready"),
                                        .user = STR("Answer with the word ready."),
                                        .temperature = -1,
                                        .top_p = -1,
                                        .max_tokens = PROBE_TOKENS,
                                        .seed = -1};
    if (llm_submit(k->engine, provider, &request, p, on_probe, p, e) < 0)
        return -1;
    while (!p->answered && !atomic_load(&k->work->draining)) {
        worker_turn(k);
        if (!p->answered)
            (void)engine_poll(k->engine, 100);
    }
    if (!p->answered)
        engine_cancel(k->engine, p);
    while (!p->answered)
        (void)engine_poll(k->engine, 10);
    if (p->outcome == LLM_RETURNED || !p->model[0])
        return err_set(e, ERR_PROVIDER, "the provider does not answer: %s", p->detail);
    return 0;
}

static int record(struct worker *k, const struct provider_choice *c, struct err *e)
{
    struct db_call call;
    call_init(&call, STMT_SERVED_PUT);
    call_text(&call, c->name);
    call_text(&call, c->model);
    call_text(&call, c->served);
    return db_run(k->db, &call, NULL, e);
}

/* The other stage may have asked the same provider. */
static struct str known(const struct call_settings *s, struct str name)
{
    for (int i = 0; i < s->n_providers; i++)
        if (str_eq(s->providers[i].name, name))
            return s->providers[i].served;
    return (struct str){NULL, 0};
}

static int resolve_stage(struct worker *k, struct run_info *r, enum stage_id stage,
                         struct call_settings *s, const struct call_settings *other, struct err *e)
{
    for (int i = 0; i < s->n_providers; i++) {
        struct provider_choice *c = &s->providers[i];
        struct probe p = {0};
        char why[200];
        if (!c->served.p)
            c->served = known(other, c->name);
        if (c->served.p)
            continue;
        engine_set_trace(k->engine, r->id);
        if (ask(k, r->providers[stage][i], &p, e) < 0) {
            if (llm_provider_stopped(r->providers[stage][i], why))
                run_ask_pause(k->work, r, k->db, "provider", why);
            return -1;
        }
        c->served = arena_str(r->arena, str_of(p.model));
        if (!c->served.p)
            return err_set(e, ERR_NO_MEMORY, "out of memory");
        if (record(k, c, e) < 0)
            return -1;
    }
    return 0;
}

/* {recipe, kind, canonical, settings} in the run's arena; NULL when the run has no such stage. */
static const char *frozen(struct run_info *r, struct call_settings *s, struct err *e)
{
    struct buf canonical, json;
    char hex[2 * RECIPE_ID_BYTES + 1];
    if (!s->set)
        return NULL;
    buf_init(&canonical, JSON_MAX);
    buf_init(&json, JSON_MAX);
    recipe_build(s, &canonical, s->recipe);
    hex_encode(s->recipe, RECIPE_ID_BYTES, hex);
    recipe_freeze(s, hex, buf_str(&canonical), &json);
    const char *text = json.failed || canonical.failed ? NULL : arena_dup(r->arena, json.p, json.n);
    buf_free(&canonical);
    buf_free(&json);
    if (!text)
        err_set(e, ERR_NO_MEMORY, "out of memory");
    return text;
}

int resolve_run(struct worker *k, struct task *t, struct err *e)
{
    struct run_info *r = t->info;
    struct run_settings *s = &r->settings;
    struct rows *rows[2] = {0};
    struct db_call c[2];
    if (resolve_stage(k, r, STAGE_CAPTIONS, &s->captions, &s->dialogues, e) < 0 ||
        resolve_stage(k, r, STAGE_DIALOGUES, &s->dialogues, &s->captions, e) < 0)
        return -1;
    const char *captions = frozen(r, &s->captions, e), *dialogues = frozen(r, &s->dialogues, e);
    if (e->code != ERR_NONE)
        return -1;
    call_init(&c[0], STMT_RUN_RESOLVED);
    call_i64(&c[0], t->shard);
    call_bytes(&c[0], t->run, UUID_BYTES);
    call_bytes(&c[0], t->lo, UUID_BYTES);
    call_i64(&c[0], t->token);
    call_z(&c[0], captions);
    call_z(&c[0], dialogues);
    call_task(&c[1], STMT_FINISH_WHOLE, t);
    int rc = db_batch(k->db, c, 2, rows, e);
    rows_free(rows[0]);
    rows_free(rows[1]);
    return rc;
}
