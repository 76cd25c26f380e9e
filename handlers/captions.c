#include "handlers/bind.h"
#include "handlers/caption_filter.h"
#include "handlers/operations.h"
#include "handlers/page.h"

static struct str given(const struct req *q, const char *name)
{
    const struct query_value *v = req_query(q, name);
    return v->set ? v->text : (struct str){NULL, 0};
}

static struct caption_filter filter_of(const struct req *q)
{
    return (struct caption_filter){.run = given(q, "run"),
                                   .recipe = given(q, "recipe"),
                                   .outcome = given(q, "outcome"),
                                   .verdict = given(q, "verdict"),
                                   .dropped = given(q, "dropped")};
}

static bool only_picked(const struct req *q, const struct caption_filter *f)
{
    const struct query_value *view = req_query(q, "view");
    return view->set ? view->number == VIEW_DEFAULT : caption_filter_picked(f);
}

/* The verdict that a caption must have, which has an index of its own; unset when it may be any. */
static struct str wanted_verdict(const struct caption_filter *f)
{
    const struct str any = {NULL, 0};
    if (f->verdict.p)
        return str_is(f->verdict, "none") ? any : f->verdict;
    return f->outcome.p && str_is(f->outcome, "rejected") ? STR("rejected") : any;
}

static void bind_count(const struct req *q, struct db_call *c, const char *name)
{
    const struct query_value *v = req_query(q, name);
    if (v->set)
        call_i64(c, v->number);
    else
        call_null(c);
}

static int bind_more(struct req *q, struct db_call *c, struct err *e)
{
    const struct query_value *least = req_query(q, "min_length"),
                             *most = req_query(q, "max_length");
    if (least->set && most->set && least->number > most->number)
        return err_field(e, "?min_length", "is more than max_length");
    bind_count(q, c, "min_length");
    bind_count(q, c, "max_length");
    if (bind_query(q, c, "source", e) < 0)
        return -1;
    return bind_query(q, c, "domain", e);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p =
        page_read(q, "nuus",
                  "-1|00000000000000000000000000000000|00000000000000000000000000000000|0", 100, e);
    const struct caption_filter f = filter_of(q);
    struct str verdict = wanted_verdict(&f);
    enum stmt_id stmt = verdict.p ? STMT_CAPTIONS_REVIEWED : STMT_CAPTIONS_LIST;
    if (!p || bind_dataset(q, c, stmt, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query_id(q, c, "run", e) < 0 || bind_query_id(q, c, "recipe", e) < 0 ||
        bind_query_id(q, c, "seed", e) < 0)
        return -1;
    call_bool(c, only_picked(q, &f));
    if (bind_copy(q, c, caption_filter_outcome(&f), e) < 0)
        return -1;
    page_bind_size(c, p);
    if (!verdict.p)
        call_bool(c, f.verdict.p != NULL);
    else if (bind_copy(q, c, verdict, e) < 0)
        return -1;
    if (bind_copy(q, c, f.dropped, e) < 0)
        return -1;
    return bind_more(q, c, e);
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
