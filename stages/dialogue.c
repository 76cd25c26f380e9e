/* Stage 2: one call per (caption, task). What a model answers is never trusted: it is read as the
 * JSON that it meant, every pair is judged by the rules in stages/dialogue, and what is left is
 * written in the trainer's form when it is a dialogue of the wanted length. */
#include "stages/dialogue/dialogue.h"
#include "server/domain/dialogue_schema.h"

enum { DRAFT_BYTES_MAX = 32 << 20, SCHEMA_BYTES_MAX = 1 << 16 };

/* What differs by item: the task, the caption and, when it is asked again, what was wrong. */
static struct str write_user(const struct prompt *prompt, const struct item *it,
                             const struct turns *range, struct arena *a)
{
    const struct prompt_values values = {
        .caption = it->text, .task = str_of(prompt->task[it->task]), .turns = *range};
    struct str user = prompt_render(prompt, &values, a);
    if (!user.p || !it->refusal)
        return user;
    return str_of(arena_printf(a,
                               STR_FMT "\n\nAn earlier answer could not be used: %s. Write a new "
                                       "one that is complete.",
                               STR_ARG(user), it->refusal));
}

static struct str write_schema(int task, const struct turns *range, struct arena *a)
{
    struct buf json;
    buf_init(&json, SCHEMA_BYTES_MAX);
    dialogue_schema(task, range, &json);
    struct str text = json.failed ? (struct str){NULL, 0} : arena_str(a, buf_str(&json));
    buf_free(&json);
    return text;
}

int dialogue_request(const struct run_settings *s, const struct item *it, struct arena *a,
                     struct llm_request *r, struct err *e)
{
    const struct call_settings *c = &s->dialogues;
    const struct prompt *prompt = &c->prompts[it->prompt].prompt;
    const struct turns *range = call_settings_turns(c, it->task);
    char id[CAPTION_ID_TEXT + 1];
    caption_id(it->seed, it->hash, id);
    struct str key = arena_str(a, str_of(id));
    struct str user = write_user(prompt, it, range, a);
    struct str schema = write_schema(it->task, range, a);
    if (!user.p || !key.p || !schema.p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *r = (struct llm_request){
        .task = (enum llm_task)(LLM_MULTIPLE_CHOICE + it->task),
        .id = key,
        .salt = c->salt,
        .variant = it->asked,
        .source = it->text,
        .system = str_of(prompt->system),
        .user = user,
        .schema_name = str_of(dialogue_tasks[it->task]),
        .schema = schema,
        .temperature = c->temperature,
        .top_p = c->top_p,
        .max_tokens = c->max_tokens,
        .seed = c->seed < 0 ? -1 : c->seed + 1000 * it->asked,
        .turns_min = range->min,
        .turns_max = range->max,
    };
    return 0;
}

static enum verdict refuse(struct item *it, const struct fault *f, struct arena *a)
{
    it->refusal = arena_printf(a, "%s", f->say);
    if (!it->refusal)
        it->refusal = "out of memory";
    it->refusal_code = f->code;
    return VERDICT_REFUSED;
}

static void take(const struct run_settings *s, struct item *it, const struct draft *d,
                 const struct llm_reply *reply, struct arena *a)
{
    char id[CAPTION_ID_TEXT + 1];
    caption_id(it->seed, it->hash, id);
    it->result = (struct result){
        .text = draft_write(d, str_of(id), a),
        .turns = (int)d->n,
        .flags = "",
        .model = arena_str(a, reply->model),
        .finish_reason = arena_str(a, reply->finish_reason),
    };
    dialogue_hash(s->dialogues.recipe, str_of(dialogue_tasks[it->task]), it->result.text,
                  it->result.hash);
}

enum verdict dialogue_accept(const struct run_settings *s, struct item *it,
                             const struct llm_reply *reply, struct arena *a)
{
    struct arena *scratch __attribute__((cleanup(arena_freep))) = arena_new(DRAFT_BYTES_MAX);
    struct draft d = {.task = it->task, .caption = it->text, .arena = scratch};
    const struct turns *range = call_settings_turns(&s->dialogues, it->task);
    struct fault f = {0};
    it->schema_held = it->repaired = false;
    bool good = scratch && draft_read(&d, reply->text, range, &f);
    it->schema_held = d.schema_held;
    if (good && !rules_judge(&d))
        good = false;
    good = good && rules_settle(&d, range, &f);
    it->repaired = d.repaired;
    if (good)
        take(s, it, &d, reply, a);
    if (good && it->result.text.p)
        return VERDICT_TAKEN;
    fault_set(&f, "too_long", "it is more than can be read");
    return refuse(it, &f, a);
}
