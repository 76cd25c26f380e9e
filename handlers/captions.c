#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/page.h"

/* What the default view picks, unless something is asked for that it may not pick. */
static bool only_picked(const struct req *q)
{
    const struct query_value *view = req_query(q, "view"), *outcome = req_query(q, "outcome");
    if (view->set)
        return view->number == VIEW_DEFAULT;
    return !req_query(q, "run")->set && !req_query(q, "recipe")->set &&
           !(outcome->set && !str_is(outcome->text, "usable"));
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p =
        page_read(q, "nuus",
                  "-1|00000000000000000000000000000000|00000000000000000000000000000000|0", 100, e);
    const struct query_value *outcome = req_query(q, "outcome");
    if (!p || bind_dataset(q, c, STMT_CAPTIONS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query_id(q, c, "run", e) < 0 || bind_query_id(q, c, "recipe", e) < 0 ||
        bind_query_id(q, c, "seed", e) < 0)
        return -1;
    call_bool(c, only_picked(q));
    if (bind_copy(q, c, outcome->set ? outcome->text : STR("usable"), e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    if (bind_dataset(q, c, STMT_CAPTION_GET, e) < 0)
        return -1;
    return bind_caption_id(q, c, q->params[1], e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    return render_item(q, r, "caption", e);
}

const struct operation op_list_captions = {.bind = list_bind, .render = page_render};
const struct operation op_get_caption = {.bind = get_bind, .render = get_render};
