#include "server/domain/prompt_check.h"

#include <stdio.h>

#include "server/domain/reserved.h"

/* By stage: the variables of the template, of which some must be there, and those of the tasks. */
static const struct rules {
    const char *stage;
    unsigned known, required, in_tasks;
} stage_rules[] = {
    {.stage = "captions",
     .known = TEMPLATE_HAS(VARIABLE_SEED) | TEMPLATE_HAS(VARIABLE_DOMAIN) |
              TEMPLATE_HAS(VARIABLE_SOURCE) | TEMPLATE_HAS(VARIABLE_LABEL),
     .required = TEMPLATE_HAS(VARIABLE_SEED)},
    {.stage = "dialogues",
     .known = TEMPLATE_HAS(VARIABLE_CAPTION) | TEMPLATE_HAS(VARIABLE_TASK) |
              TEMPLATE_HAS(VARIABLE_TURNS_MIN) | TEMPLATE_HAS(VARIABLE_TURNS_MAX),
     .required = TEMPLATE_HAS(VARIABLE_CAPTION) | TEMPLATE_HAS(VARIABLE_TASK),
     .in_tasks = TEMPLATE_HAS(VARIABLE_TURNS_MIN) | TEMPLATE_HAS(VARIABLE_TURNS_MAX)},
};

static unsigned variables_of(const struct template *t)
{
    unsigned found = 0;
    for (int v = 0; v < VARIABLE_COUNT; v++)
        if (template_uses(t, (enum template_variable)v))
            found |= TEMPLATE_HAS(v);
    return found;
}

static void take_text(const char *text, unsigned known, const char *pointer, struct arena *a,
                      struct template *t, struct err *e)
{
    (void)template_parse(str_of(text), known, pointer, a, t, e);
    const char *bad = reserved_string(str_of(text));
    if (bad)
        (void)err_field(e, pointer,
                        "has the reserved string %s, which ends or opens a turn in trainers' "
                        "templates",
                        bad);
}

/* A prefix cache hits only where every byte is the same. */
static void check_shared(const struct template *t, unsigned allowed, const char *pointer,
                         struct err *e)
{
    unsigned found = variables_of(t) & ~allowed;
    for (int v = 0; v < VARIABLE_COUNT; v++)
        if (found & TEMPLATE_HAS(v))
            (void)err_field(e, pointer,
                            "{{%s}} differs between items, but this text must be the same for all, "
                            "so that prefix caches hit; put it in /template",
                            template_variables[v]);
}

static void check_required(const struct template *t, const struct rules *rules, struct err *e)
{
    unsigned missing = rules->required & ~variables_of(t);
    for (int v = 0; v < VARIABLE_COUNT; v++)
        if (missing & TEMPLATE_HAS(v))
            (void)err_field(e, "/template", "must have {{%s}}", template_variables[v]);
}

int prompt_check(const struct prompt *p, struct arena *a, struct prompt_form *f, struct err *e)
{
    const struct rules *rules = &stage_rules[strcmp(p->stage, stage_rules[1].stage) == 0];
    struct template system;
    *f = (struct prompt_form){.user.n = 0};
    take_text(p->system, rules->known, "/system", a, &system, e);
    check_shared(&system, 0, "/system", e);
    int before = e->n_fields;
    take_text(p->template, rules->known, "/template", a, &f->user, e);
    if (e->n_fields == before)
        check_required(&f->user, rules, e);
    for (int i = 0; i < DIALOGUE_TASKS && p->task[i]; i++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/tasks/%s", dialogue_tasks[i]);
        take_text(p->task[i], rules->known, pointer, a, &f->tasks[i], e);
        check_shared(&f->tasks[i], rules->in_tasks, pointer, e);
    }
    return e->code == ERR_NONE ? 0 : -1;
}

static bool has_words(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80)
            return true;
    }
    return false;
}

bool prompt_is_wasteful(const struct prompt_form *f)
{
    bool behind = false;
    for (size_t i = 0; i < f->user.n; i++) {
        const struct template_piece *p = &f->user.pieces[i];
        if (behind &&
            (p->variable == VARIABLE_TASK || (p->variable == VARIABLE_COUNT && has_words(p->text))))
            return true;
        behind |= p->variable == VARIABLE_SEED || p->variable == VARIABLE_CAPTION;
    }
    return false;
}

unsigned prompt_variables(const struct prompt_form *f)
{
    unsigned found = variables_of(&f->user);
    for (int i = 0; i < DIALOGUE_TASKS; i++)
        found |= variables_of(&f->tasks[i]);
    return found;
}
