#include "handlers/prompt_view.h"

#include "server/base/hash.h"
#include "server/domain/prompt_check.h"
#include "server/json/write.h"

enum {
    COLUMN_NAME,
    COLUMN_VERSION,
    COLUMN_STAGE,
    COLUMN_HASH,
    COLUMN_DESCRIPTION,
    COLUMN_SYSTEM,
    COLUMN_TEMPLATE,
    COLUMN_TASKS,
    COLUMN_CREATED_AT = COLUMN_TASKS + DIALOGUE_TASKS
};

/* Names of built-in prompts are unique over the stages. */
static const struct prompt *find_built_in(struct str name)
{
    for (const struct prompt *p = prompts; p->name; p++)
        if (str_is(name, p->name))
            return p;
    return NULL;
}

bool prompt_is_built_in(struct str name)
{
    return find_built_in(name) != NULL;
}

static int prompt_not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such prompt");
}

/* "name" or "name@version"; version 0 is the newest. */
static bool read_reference(struct str s, struct str *name, int64_t *version)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    *name = (struct str){s.p, at ? (size_t)(at - s.p) : s.n};
    *version = 0;
    if (!dataset_name_is_valid(*name))
        return false;
    struct str number = at ? str_from(s, name->n + 1) : (struct str){NULL, 0};
    return !at || (number.n && number.p[0] != '0' && str_to_i64(number, 1, INT32_MAX, version));
}

int prompt_bind(struct req *q, struct db_call *c, struct err *e)
{
    struct str name;
    int64_t version;
    if (!read_reference(q->params[0], &name, &version))
        return prompt_not_found(e);
    if (bind_copy(q, c, name, e) < 0)
        return -1;
    if (version)
        call_i64(c, version);
    else
        call_null(c);
    return 0;
}

static void set_hash(struct prompt_view *v)
{
    uint8_t hash[PROMPT_HASH_BYTES];
    prompt_hash(&v->prompt, hash);
    hex_encode(hash, sizeof(hash), v->hash);
}

void prompt_view_read(const struct rows *r, int col, struct prompt_view *v)
{
    *v = (struct prompt_view){
        .prompt = {.name = rows_text(r, 0, col + COLUMN_NAME).p,
                   .stage = rows_text(r, 0, col + COLUMN_STAGE).p,
                   .system = rows_text(r, 0, col + COLUMN_SYSTEM).p,
                   .template = rows_text(r, 0, col + COLUMN_TEMPLATE).p,
                   .description = rows_text(r, 0, col + COLUMN_DESCRIPTION).p},
        .version = rows_i64(r, 0, col + COLUMN_VERSION),
        .created_at = rows_text(r, 0, col + COLUMN_CREATED_AT),
    };
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        v->prompt.task[i] = rows_text(r, 0, col + COLUMN_TASKS + i).p;
    set_hash(v);
}

void prompt_view_built_in(const struct prompt *p, struct prompt_view *v)
{
    *v = (struct prompt_view){.prompt = *p, .version = 1};
    set_hash(v);
}

int prompt_view_find(struct req *q, const struct rows *r, int col, struct prompt_view *v,
                     struct err *e)
{
    struct str name;
    int64_t version;
    if (rows_count(r) > 0 && !rows_null(r, 0, col)) {
        prompt_view_read(r, col, v);
        return 0;
    }
    const struct prompt *p =
        read_reference(q->params[0], &name, &version) && version <= 1 ? find_built_in(name) : NULL;
    if (!p)
        return prompt_not_found(e);
    prompt_view_built_in(p, v);
    return 0;
}

static void write_tasks(const struct prompt *p, struct buf *b)
{
    json_key(b, "tasks");
    json_open(b, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        json_key(b, dialogue_tasks[i]);
        json_z(b, p->task[i]);
    }
    json_close(b, '}');
}

static void write_variables(const struct prompt_form *f, struct buf *b)
{
    unsigned used = prompt_variables(f);
    json_key(b, "variables");
    json_open(b, '[');
    for (int v = 0; v < VARIABLE_COUNT; v++)
        if (used & TEMPLATE_HAS(v))
            json_z(b, template_variables[v]);
    json_close(b, ']');
}

static void write_warnings(const struct prompt_form *f, struct buf *b)
{
    json_key(b, "warnings");
    json_open(b, '[');
    if (prompt_is_wasteful(f)) {
        json_open(b, '{');
        json_key(b, "pointer");
        json_z(b, "/template");
        json_key(b, "detail");
        json_z(b, "words that are the same for many items stand behind the item's own text, where "
                  "no prefix cache can keep them; put them in front of it or in the system text");
        json_close(b, '}');
    }
    json_close(b, ']');
}

int prompt_view_write(struct req *q, const struct prompt_view *v, struct buf *b, struct err *e)
{
    const struct prompt *p = &v->prompt;
    struct prompt_form form;
    if (prompt_check(p, q->arena, &form, e) < 0)
        return -1;
    json_open(b, '{');
    json_key(b, "name");
    json_z(b, p->name);
    json_key(b, "version");
    json_int(b, v->version);
    json_key(b, "stage");
    json_z(b, p->stage);
    json_key(b, "hash");
    json_z(b, v->hash);
    json_key(b, "built_in");
    json_bool(b, !v->created_at.p);
    json_key(b, "description");
    json_z(b, p->description);
    if (v->created_at.p) {
        json_key(b, "created_at");
        json_str(b, v->created_at);
    }
    json_key(b, "system");
    json_z(b, p->system);
    json_key(b, "template");
    json_z(b, p->template);
    if (p->task[0])
        write_tasks(p, b);
    write_variables(&form, b);
    write_warnings(&form, b);
    json_close(b, '}');
    return 0;
}
