#include "server/domain/template.h"

#include <stdio.h>

enum { NAME_SHOWN = 40 };

const char *const template_variables[VARIABLE_COUNT] = {
    [VARIABLE_SEED] = "seed",           [VARIABLE_CAPTION] = "caption",
    [VARIABLE_DOMAIN] = "domain",       [VARIABLE_SOURCE] = "source",
    [VARIABLE_LABEL] = "label",         [VARIABLE_TASK] = "task",
    [VARIABLE_TURNS_MIN] = "turns_min", [VARIABLE_TURNS_MAX] = "turns_max",
};

static int shown(struct str s)
{
    return (int)(s.n < NAME_SHOWN ? s.n : NAME_SHOWN);
}

/* Values that a seed may lack. */
static bool may_be_empty(enum template_variable v)
{
    return v == VARIABLE_DOMAIN || v == VARIABLE_SOURCE || v == VARIABLE_LABEL;
}

static int unknown_variable(struct str name, unsigned known, const char *pointer, struct err *e)
{
    char list[100] = "";
    size_t n = 0;
    for (int v = 0; v < VARIABLE_COUNT; v++) {
        if (!(known & TEMPLATE_HAS(v)))
            continue;
        int more =
            snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", template_variables[v]);
        n += more > 0 && (size_t)more < sizeof(list) - n ? (size_t)more : 0;
    }
    return err_field(e, pointer, "{{%.*s}} is not a variable here; there are: %s", shown(name),
                     name.p, list);
}

/* What stands between two pairs of braces; -1 when that is no variable. */
static int parse_variable(struct str inside, unsigned known, const char *pointer,
                          struct template_piece *piece, struct err *e)
{
    const char *bar = inside.n ? memchr(inside.p, '|', inside.n) : NULL;
    struct str name = str_trim((struct str){inside.p, bar ? (size_t)(bar - inside.p) : inside.n});
    int v = 0;
    while (v < VARIABLE_COUNT &&
           !((known & TEMPLATE_HAS(v)) && str_is(name, template_variables[v])))
        v++;
    if (v == VARIABLE_COUNT)
        return unknown_variable(name, known, pointer, e);
    piece->variable = (enum template_variable)v;
    piece->text = bar ? str_from(inside, (size_t)(bar - inside.p) + 1) : (struct str){"", 0};
    if (bar && !may_be_empty(piece->variable))
        return err_field(e, pointer, "{{%s}} always has a value and takes no fallback",
                         template_variables[v]);
    return 0;
}

/* The next pair of braces of either kind, or -1. */
static ptrdiff_t next_pair(struct str s)
{
    for (size_t i = 0; i + 1 < s.n; i++)
        if ((s.p[i] == '{' || s.p[i] == '}') && s.p[i + 1] == s.p[i])
            return (ptrdiff_t)i;
    return -1;
}

static void add_text(struct template *t, struct str text)
{
    if (text.n)
        t->pieces[t->n++] = (struct template_piece){VARIABLE_COUNT, text};
}

/* The length of the variable that `rest` starts with, braces included; -1 when these do not pair.
 */
static ptrdiff_t variable_length(struct str rest, const char *pointer, struct err *e)
{
    struct str inside = str_from(rest, 2);
    ptrdiff_t end = next_pair(inside);
    if (rest.p[0] == '{' && end >= 0 && inside.p[end] == '}')
        return end + 4;
    return err_field(e, pointer,
                     "%.2s without counterpart: \"%.*s\"; part braces that are text "
                     "with a blank",
                     rest.p, shown(rest), rest.p);
}

int template_parse(struct str text, unsigned known, const char *pointer, struct arena *a,
                   struct template *t, struct err *e)
{
    size_t pairs = 0;
    bool wrong = false;
    ptrdiff_t at, length;
    for (struct str s = text; (at = next_pair(s)) >= 0; s = str_from(s, (size_t)at + 2))
        pairs++;
    *t = (struct template){.pieces = arena_alloc(a, (2 * pairs + 1) * sizeof(*t->pieces))};
    if (!t->pieces)
        return err_set(e, ERR_NO_MEMORY, "no memory for a template");
    for (; (at = next_pair(text)) >= 0; text = str_from(text, (size_t)length)) {
        add_text(t, (struct str){text.p, (size_t)at});
        text = str_from(text, (size_t)at);
        length = variable_length(text, pointer, e);
        if (length < 0)
            return -1;
        struct str inside = {text.p + 2, (size_t)length - 4};
        if (parse_variable(inside, known, pointer, &t->pieces[t->n], e) < 0)
            wrong = true;
        else
            t->n++;
    }
    add_text(t, text);
    return wrong ? -1 : 0;
}

void template_render(const struct template *t, const struct str values[VARIABLE_COUNT],
                     struct buf *b)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *p = &t->pieces[i];
        bool has_value = p->variable < VARIABLE_COUNT && values[p->variable].n > 0;
        buf_adds(b, has_value ? values[p->variable] : p->text);
    }
}

bool template_uses(const struct template *t, enum template_variable variable)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->pieces[i].variable == variable)
            return true;
    return false;
}
