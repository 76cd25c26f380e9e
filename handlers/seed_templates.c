#include "server/domain/seed_templates.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "server/json/write.h"

static void write_set(const struct seed_template_set *s, struct buf *b)
{
    json_open(b, '{');
    json_key(b, "name");
    json_z(b, s->name);
    json_key(b, "description");
    json_z(b, s->description);
    json_key(b, "templates");
    json_open(b, '[');
    for (const char *const *t = s->templates; *t; t++)
        json_z(b, *t);
    json_close(b, ']');
    json_close(b, '}');
}

/* Needs no database: the sets are a part of the program. */
static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    const struct page *p = page_read(q, "t", "", 100, e);
    struct buf *b = &q->res.body;
    const struct seed_template_set *const *s = seed_template_sets;
    if (!p)
        return -1;
    while (*s && strcmp((*s)->name, p->parts[0]) <= 0)
        s++;
    res_json(q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (int64_t n = 0; *s && n < p->size; n++, s++)
        write_set(*s, b);
    json_close(b, ']');
    if (*s && s > seed_template_sets)
        page_write_token(q, str_of(s[-1]->name));
    json_close(b, '}');
    return 0;
}

const struct operation op_list_seed_templates = {.render = list_render};
