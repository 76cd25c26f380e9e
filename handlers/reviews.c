/* Reading reviews. */
#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/review.h"
#include "server/base/text.h"

int review_not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such review");
}

int bind_review(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    call_init(c, stmt);
    if (!seed_id_parse(q->params[0], id))
        return review_not_found(e);
    bind_caller(q, c);
    return bind_copy(q, c, q->params[0], e);
}

const char *reviewer_name(struct req *q, struct str given, struct err *e)
{
    struct str name = arena_str(q->arena, text_normalise(q->arena, given));
    if (!name.p)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the request");
    else if (name.n == 0)
        (void)err_field(e, "/reviewer", "has nothing but white space");
    return name.n ? name.p : NULL;
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "q", "9223372036854775807", 100, e);
    if (!p || bind_dataset(q, c, STMT_REVIEWS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    page_bind_size(c, p);
    return 0;
}

static int get_bind(struct req *q, struct db_call *c, struct err *e)
{
    return bind_review(q, c, STMT_REVIEW_GET, e);
}

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    if (rows_count(r) == 0)
        return review_not_found(e);
    res_json(q, 200);
    buf_adds(&q->res.body, rows_text(r, 0, 0));
    return 0;
}

static int verdicts_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "qq", "0|0", 100, e);
    if (!p || bind_review(q, c, STMT_VERDICTS_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query(q, c, "reviewer", e) < 0 || bind_query(q, c, "verdict", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

static int verdicts_render(struct req *q, const struct rows *r, struct err *e)
{
    return rows_count(r) ? page_render(q, r, e) : review_not_found(e);
}

const struct operation op_list_reviews = {.bind = list_bind, .render = page_render};
const struct operation op_get_review = {.bind = get_bind, .render = get_render};
const struct operation op_list_verdicts = {.bind = verdicts_bind, .render = verdicts_render};
