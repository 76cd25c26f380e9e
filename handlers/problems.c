/* The pages that the types of problems point to. */
#include "handlers/operations.h"

static int get_render(struct req *q, const struct rows *r, struct err *e)
{
    (void)r;
    const struct problem *p = problem_by_slug(q->params[0]);
    if (!p)
        return err_set(e, ERR_NOT_FOUND, "there is no such type of problem");
    q->res.status = 200;
    q->res.content_type = "text/html; charset=utf-8";
    res_header(q, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    buf_addf(&q->res.body,
             "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
             "<title>%s</title></head>\n<body>\n<h1>%s</h1>\n<p>",
             p->title, p->title);
    if (p->status)
        buf_addf(&q->res.body, "HTTP status %d, type ", p->status);
    buf_addf(&q->res.body, "<code>/problems/%s</code></p>\n<p>%s</p>\n</body>\n</html>\n", p->slug,
             p->help);
    return 0;
}

const struct operation op_get_problem = {.render = get_render};
