#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/prompt_view.h"
#include "server/domain/prompt_check.h"
#include "server/json/write.h"

enum { ARRAY_BYTES = 65536 };

const char *const prompt_stages[] = {"captions", "dialogues", NULL};

struct prompt_body {
    struct str name, stage, description, system, template;
    struct str *tasks; /* DIALOGUE_TASKS; NULL when not given */
};

/* In the order of dialogue_tasks. */
static const struct field task_fields[] = {
    {FIELD_STRING, "multiple_choice", .required = true, .offset = 0, .min = 1,
     .max = PROMPT_TEXT_MAX},
    {FIELD_STRING, "question_answering", .required = true, .offset = sizeof(struct str), .min = 1,
     .max = PROMPT_TEXT_MAX},
    {FIELD_STRING, "complex_reasoning", .required = true, .offset = 2 * sizeof(struct str),
     .min = 1, .max = PROMPT_TEXT_MAX},
    {.type = FIELD_END},
};

const struct field prompt_fields[] = {
    {FIELD_STRING, "name", .required = true, .offset = offsetof(struct prompt_body, name), .min = 1,
     .max = DATASET_NAME_MAX},
    {FIELD_ENUM, "stage", .required = true, .offset = offsetof(struct prompt_body, stage),
     .values = prompt_stages},
    {FIELD_STRING, "description", .offset = offsetof(struct prompt_body, description), .max = 1000},
    {FIELD_STRING, "system", .required = true, .offset = offsetof(struct prompt_body, system),
     .min = 1, .max = PROMPT_SYSTEM_MAX},
    {FIELD_STRING, "template", .required = true, .offset = offsetof(struct prompt_body, template),
     .min = 1, .max = PROMPT_TEXT_MAX},
    {FIELD_OBJECT, "tasks", .offset = offsetof(struct prompt_body, tasks), .fields = task_fields,
     .size = DIALOGUE_TASKS * sizeof(struct str)},
    {.type = FIELD_END},
};

static int bind_built_in(struct req *q, struct db_call *c, struct err *e)
{
    struct array *names = op_array(q, ARRAY_TEXT, ARRAY_BYTES);
    struct array *stages = op_array(q, ARRAY_TEXT, ARRAY_BYTES);
    struct array *hashes = op_array(q, ARRAY_TEXT, ARRAY_BYTES);
    struct array *descriptions = op_array(q, ARRAY_TEXT, ARRAY_BYTES);
    for (const struct prompt *p = prompts; p->name; p++) {
        struct prompt_view v;
        prompt_view_built_in(p, &v);
        array_add(names, str_of(p->name));
        array_add(stages, str_of(p->stage));
        array_add(hashes, str_of(v.hash));
        array_add(descriptions, str_of(p->description));
    }
    if (op_call_array(c, names, e) < 0 || op_call_array(c, stages, e) < 0 ||
        op_call_array(c, hashes, e) < 0)
        return -1;
    return op_call_array(c, descriptions, e);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "tq", "|0", 100, e);
    if (!p)
        return -1;
    call_init(c, STMT_PROMPTS_LIST);
    bind_caller(q, c);
    page_bind_key(c, p);
    if (bind_query(q, c, "stage", e) < 0 || bind_built_in(q, c, e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    call_init(c, STMT_PROMPT_GET);
    bind_caller(q, c);
    return prompt_bind(q, c, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    struct prompt_view v;
    if (prompt_view_find(q, r, 0, &v, e) < 0)
        return -1;
    res_json(q, 200);
    return prompt_view_write(q, &v, &q->res.body, e);
}

static struct prompt prompt_of(const struct prompt_body *b)
{
    struct prompt p = {
        .name = b->name.p, .stage = b->stage.p, .system = b->system.p, .template = b->template.p};
    for (int i = 0; b->tasks && i < DIALOGUE_TASKS; i++)
        p.task[i] = b->tasks[i].p;
    return p;
}

static int check(struct req *q, const struct prompt_body *b, const struct prompt *p, struct err *e)
{
    bool dialogues = str_is(b->stage, "dialogues");
    struct prompt_form form;
    if (prompt_is_built_in(b->name))
        return err_set(e, ERR_CONFLICT, "a built-in prompt has this name: take another one");
    if (!dataset_name_is_valid(b->name))
        (void)err_field(e, "/name", "must match ^[a-z0-9][a-z0-9._-]{0,62}$");
    if (dialogues && !b->tasks)
        (void)err_field(e, "/tasks", "is required for a prompt of dialogues");
    if (!dialogues && b->tasks)
        (void)err_field(e, "/tasks", "a prompt of captions has no tasks");
    return prompt_check(p, q->arena, &form, e);
}

/* The tasks as JSON text in the arena; NULL without memory. */
static const char *tasks_json(struct req *q, const struct prompt *p)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    json_open(&b, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(&b, dialogue_tasks[i]);
        json_z(&b, p->task[i]);
    }
    json_close(&b, '}');
    const char *text = b.failed ? NULL : arena_dup(q->arena, b.p, b.n);
    buf_free(&b);
    return text;
}

static int create_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct prompt_body *b = op_body(q);
    struct prompt p = prompt_of(b);
    uint8_t hash[PROMPT_HASH_BYTES];
    if (check(q, b, &p, e) < 0)
        return -1;
    prompt_hash(&p, hash);
    const char *hash_text = hex_text(q, hash, sizeof(hash));
    const char *tasks = b->tasks ? tasks_json(q, &p) : NULL;
    if (!hash_text || (b->tasks && !tasks))
        return err_set(e, ERR_NO_MEMORY, "no memory for the prompt");
    call_init(c, STMT_PROMPT_PUT);
    bind_caller(q, c);
    call_text(c, b->name);
    call_text(c, b->stage);
    call_z(c, hash_text);
    call_text(c, b->description.p ? b->description : STR(""));
    call_text(c, b->system);
    call_text(c, b->template);
    call_z(c, tasks);
    return 0;
}

static int create_render(struct req *q, const struct rows *r, struct err *e)
{
    struct prompt_view v;
    if (!rows_null(r, 0, 0))
        return err_set(e, ERR_CONFLICT, "this name belongs to a prompt of " STR_FMT,
                       STR_ARG(rows_text(r, 0, 0)));
    prompt_view_read(r, 1, &v);
    const char *location =
        arena_printf(q->arena, "/v1/prompts/%s@%lld", v.prompt.name, (long long)v.version);
    if (!location)
        return err_set(e, ERR_NO_MEMORY, "no memory for the prompt");
    res_json(q, 201);
    res_header(q, "Location", location);
    return prompt_view_write(q, &v, &q->res.body, e);
}

const struct operation op_list_prompts = {.bind = list_bind, .render = page_render_global};
const struct operation op_get_prompt = {.bind = get_bind, .render = get_render};
const struct operation op_create_prompt = {.bind = create_bind,
                                           .render = create_render,
                                           .body_size = sizeof(struct prompt_body),
                                           .retry_conflict = true};
