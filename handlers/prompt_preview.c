/* What a run would send for an item under a prompt. */
#include <stdio.h>

#include "handlers/operations.h"
#include "handlers/prompt_view.h"
#include "handlers/seed_input.h"
#include "server/domain/prompt_check.h"
#include "server/json/write.h"

/* Columns of the statement before those of the prompt. */
enum {
    COLUMN_DATASET,
    COLUMN_TEXT,
    COLUMN_DOMAIN,
    COLUMN_SOURCE,
    COLUMN_LABEL,
    COLUMN_CAPTION,
    COLUMN_PROMPT
};

struct turns_body {
    struct opt_int min, max;
};

struct preview_body {
    struct str seed, caption, domain, source, label, task, dataset, seed_id;
    struct turns_body *turns;
};

static const struct field turns_fields[] = {
    {FIELD_INT, "min", .offset = offsetof(struct turns_body, min), .min = 1,
     .max = DIALOGUE_TURNS_MAX},
    {FIELD_INT, "max", .offset = offsetof(struct turns_body, max), .min = 1,
     .max = DIALOGUE_TURNS_MAX},
    {.type = FIELD_END},
};

const struct field preview_fields[] = {
    {FIELD_STRING, "seed", .offset = offsetof(struct preview_body, seed), .min = 1,
     .max = SEED_RAW_CHARS_MAX},
    {FIELD_STRING, "caption", .offset = offsetof(struct preview_body, caption), .min = 1,
     .max = SEED_RAW_CHARS_MAX},
    {FIELD_STRING, "domain", .offset = offsetof(struct preview_body, domain),
     .max = SEED_LABEL_MAX},
    {FIELD_STRING, "source", .offset = offsetof(struct preview_body, source),
     .max = SEED_LABEL_MAX},
    {FIELD_STRING, "label", .offset = offsetof(struct preview_body, label), .max = SEED_LABEL_MAX},
    {FIELD_ENUM, "task", .offset = offsetof(struct preview_body, task), .values = dialogue_tasks},
    {FIELD_OBJECT, "turns", .offset = offsetof(struct preview_body, turns), .fields = turns_fields,
     .size = sizeof(struct turns_body)},
    {FIELD_STRING, "dataset", .offset = offsetof(struct preview_body, dataset), .min = 1,
     .max = 63},
    {FIELD_STRING, "seed_id", .offset = offsetof(struct preview_body, seed_id), .min = 1,
     .max = SEED_ID_HEX},
    {.type = FIELD_END},
};

/* Members that the seed of a dataset brings itself. */
static void refuse_beside_dataset(const struct preview_body *b, struct err *e)
{
    const struct {
        const char *pointer;
        struct str value;
    } members[] = {{"/seed", b->seed},
                   {"/caption", b->caption},
                   {"/domain", b->domain},
                   {"/source", b->source},
                   {"/label", b->label}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (members[i].value.p)
            (void)err_field(e, members[i].pointer, "comes from the seed of the dataset");
}

static int preview_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct preview_body *b = op_body(q);
    uint8_t id[SEED_ID_BYTES];
    if (b->seed_id.p && !seed_id_parse(b->seed_id, id))
        (void)err_field(e, "/seed_id", "must be an id of 32 hexadecimal digits");
    if (b->dataset.p && !b->seed_id.p)
        (void)err_field(e, "/seed_id", "is required with dataset");
    if (b->seed_id.p && !b->dataset.p)
        (void)err_field(e, "/dataset", "is required with seed_id");
    if (b->dataset.p)
        refuse_beside_dataset(b, e);
    if (e->code != ERR_NONE)
        return -1;
    call_init(c, STMT_PROMPT_PREVIEW);
    bind_caller(q, c);
    call_text(c, b->dataset);
    call_text(c, b->seed_id);
    return prompt_bind(q, c, e);
}

static int check_captions(const struct preview_body *b, struct err *e)
{
    static const char *const none = "a prompt of captions has no such value";
    if (!b->dataset.p && !b->seed.p)
        (void)err_field(e, "/seed", "is required without dataset");
    if (b->caption.p)
        (void)err_field(e, "/caption", "%s", none);
    if (b->task.p)
        (void)err_field(e, "/task", "%s", none);
    if (b->turns)
        (void)err_field(e, "/turns", "%s", none);
    return e->code == ERR_NONE ? 0 : -1;
}

static int check_dialogues(const struct preview_body *b, struct err *e)
{
    const struct {
        const char *pointer;
        struct str value;
    } none[] = {
        {"/seed", b->seed}, {"/domain", b->domain}, {"/source", b->source}, {"/label", b->label}};
    if (!b->dataset.p && !b->caption.p)
        (void)err_field(e, "/caption", "is required without dataset");
    if (!b->task.p)
        (void)err_field(e, "/task", "is required for a prompt of dialogues");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (none[i].value.p)
            (void)err_field(e, none[i].pointer, "a prompt of dialogues has no such value");
    return e->code == ERR_NONE ? 0 : -1;
}

/* The text in its stored form. */
static int take_text(struct req *q, struct str text, const char *pointer, struct str *out,
                     struct err *e)
{
    char detail[160];
    struct seed_input s = {.text = text};
    const char *fault = seed_input_normalise(&s, q->arena, detail);
    if (fault && strcmp(fault, "no_memory") == 0)
        return err_set(e, ERR_NO_MEMORY, "no memory for the text");
    *out = s.text;
    return fault ? err_field(e, pointer, "%s", detail) : 0;
}

static int take_stored(const struct rows *r, bool dialogues, struct prompt_values *values,
                       struct err *e)
{
    if (!rows_bool(r, 0, COLUMN_DATASET))
        return err_set(e, ERR_NOT_FOUND, "there is no such dataset");
    if (rows_null(r, 0, COLUMN_TEXT))
        return err_set(e, ERR_NOT_FOUND, "the dataset has no such seed");
    if (dialogues && rows_null(r, 0, COLUMN_CAPTION))
        return err_set(e, ERR_NOT_FOUND, "the seed has no caption that the default view picks");
    values->seed = rows_text(r, 0, COLUMN_TEXT);
    values->caption = rows_text(r, 0, COLUMN_CAPTION);
    values->domain = rows_text(r, 0, COLUMN_DOMAIN);
    values->source = rows_text(r, 0, COLUMN_SOURCE);
    values->label = rows_text(r, 0, COLUMN_LABEL);
    return 0;
}

static int take_given(struct req *q, const struct preview_body *b, bool dialogues,
                      struct prompt_values *values, struct err *e)
{
    values->domain = b->domain;
    values->source = b->source;
    values->label = b->label;
    return dialogues ? take_text(q, b->caption, "/caption", &values->caption, e)
                     : take_text(q, b->seed, "/seed", &values->seed, e);
}

static int task_number(struct str name)
{
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        if (str_is(name, dialogue_tasks[i]))
            return i;
    return 0;
}

static int take_task(const struct preview_body *b, const struct prompt *p,
                     struct prompt_values *values, struct err *e)
{
    int task = task_number(b->task);
    values->task = str_of(p->task[task]);
    values->turns = dialogue_default_turns[task];
    if (b->turns && b->turns->min.set)
        values->turns.min = (int)b->turns->min.v;
    if (b->turns && b->turns->max.set)
        values->turns.max = (int)b->turns->max.v;
    if (values->turns.min > values->turns.max)
        return err_field(e, "/turns", "min is %d and max is %d", values->turns.min,
                         values->turns.max);
    return 0;
}

static void write_message(struct buf *b, const char *role, struct str content)
{
    json_open(b, '{');
    json_key(b, "role");
    json_z(b, role);
    json_key(b, "content");
    json_str(b, content);
    json_close(b, '}');
}

/* Variables that the prompt uses and the item has no value for; the others always have one. */
static void write_missing(struct buf *b, const struct prompt_form *form,
                          const struct prompt_values *values)
{
    const struct str optional[VARIABLE_COUNT] = {[VARIABLE_DOMAIN] = values->domain,
                                                 [VARIABLE_SOURCE] = values->source,
                                                 [VARIABLE_LABEL] = values->label};
    static const enum template_variable names[] = {VARIABLE_DOMAIN, VARIABLE_SOURCE,
                                                   VARIABLE_LABEL};
    json_key(b, "missing");
    json_open(b, '[');
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((prompt_variables(form) & TEMPLATE_HAS(names[i])) && optional[names[i]].n == 0)
            json_z(b, template_variables[names[i]]);
    json_close(b, ']');
}

static int render(struct req *q, const struct prompt_view *v, const struct prompt_values *values,
                  struct err *e)
{
    struct prompt_form form;
    struct buf *out = &q->res.body;
    struct str user = prompt_render(&v->prompt, values, q->arena);
    if (!user.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the preview");
    if (prompt_check(&v->prompt, q->arena, &form, e) < 0)
        return -1;
    res_json(q, 200);
    json_open(out, '{');
    json_key(out, "name");
    json_z(out, v->prompt.name);
    json_key(out, "version");
    json_int(out, v->version);
    json_key(out, "hash");
    json_z(out, v->hash);
    json_key(out, "messages");
    json_open(out, '[');
    write_message(out, "system", str_of(v->prompt.system));
    write_message(out, "user", user);
    json_close(out, ']');
    write_missing(out, &form, values);
    json_close(out, '}');
    return 0;
}

static int preview_render(struct req *q, const struct rows *r, struct err *e)
{
    const struct preview_body *b = op_body(q);
    struct prompt_view v;
    struct prompt_values values = {.turns = {0, 0}};
    if (prompt_view_find(q, r, COLUMN_PROMPT, &v, e) < 0)
        return -1;
    bool dialogues = v.prompt.task[0] != NULL;
    if ((dialogues ? check_dialogues(b, e) : check_captions(b, e)) < 0 ||
        (b->dataset.p ? take_stored(r, dialogues, &values, e)
                      : take_given(q, b, dialogues, &values, e)) < 0)
        return -1;
    if (dialogues && take_task(b, &v.prompt, &values, e) < 0)
        return -1;
    return render(q, &v, &values, e);
}

const struct operation op_preview_prompt = {
    .bind = preview_bind, .render = preview_render, .body_size = sizeof(struct preview_body)};
