#include "handlers/bind.h"
#include "handlers/caption_filter.h"
#include "handlers/operations.h"
#include "handlers/page.h"

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p =
        page_read(q, "nuus",
                  "-1|00000000000000000000000000000000|00000000000000000000000000000000|0", 100, e);
    const struct caption_filter f = caption_filter_of(q);
    struct str verdict = caption_filter_verdict(&f);
    enum stmt_id stmt = verdict.p ? STMT_CAPTIONS_REVIEWED : STMT_CAPTIONS_LIST;
    if (!p || bind_dataset(q, c, stmt, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (caption_filter_bind(q, c, &f, e) < 0)
        return -1;
    page_bind_size(c, p);
    if (!verdict.p)
        call_bool(c, f.verdict.p != NULL);
    else if (bind_copy(q, c, verdict, e) < 0)
        return -1;
    return caption_filter_bind_rest(q, c, &f, e);
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
