#include "handlers/dialogue_query.h"

#include "handlers/bind.h"
#include "handlers/operations.h"

void dialogue_query_bind_format(const struct req *q, struct db_call *c)
{
    const struct query_value *format = req_query(q, "format");
    call_z(c, format->set && format->number == DIALOGUE_LLAVA ? "llava" : "monoceros");
}

static bool only_picked(const struct req *q)
{
    const struct query_value *view = req_query(q, "view");
    if (view->set)
        return view->number == VIEW_DEFAULT;
    return !req_query(q, "run")->set && !req_query(q, "recipe")->set;
}

int dialogue_query_bind(struct req *q, struct db_call *c, struct err *e)
{
    if (bind_query_id(q, c, "run", e) < 0 || bind_query_id(q, c, "recipe", e) < 0 ||
        bind_query(q, c, "task", e) < 0)
        return -1;
    call_bool(c, only_picked(q));
    dialogue_query_bind_format(q, c);
    return 0;
}
