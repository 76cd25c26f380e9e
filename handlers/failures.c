#include "handlers/base64.h"
#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "server/base/text.h"
#include "server/json/write.h"

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "nutut",
                                     "-1|00000000000000000000000000000000||"
                                     "00000000000000000000000000000000|",
                                     100, e);
    if (!p || bind_dataset(q, c, STMT_FAILURES_LIST, e) < 0)
        return -1;
    page_bind_key(c, p);
    if (bind_query_id(q, c, "run", e) < 0 || bind_query(q, c, "stage", e) < 0 ||
        bind_query(q, c, "reason", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

/* Valid UTF-8 as text, when need be without the character that the cap cut in two. */
static bool as_text(struct str *raw, bool more)
{
    size_t bad = 0;
    if (text_is_valid(*raw, &bad))
        return true;
    if (!more || bad + 4 <= raw->n || raw->p[bad] == '\0')
        return false;
    raw->n = bad;
    return true;
}

static void add_raw(struct buf *b, const struct rows *r, int row)
{
    struct str raw = rows_bytes(r, row, 2);
    if (!raw.p || b->n == 0)
        return;
    b->n--; /* the item's closing brace */
    if (as_text(&raw, rows_bool(r, row, 3))) {
        json_key(b, "raw");
        json_str(b, raw);
    } else {
        json_key(b, "raw_base64");
        buf_addc(b, '"');
        base64_encode(b, raw.p, raw.n);
        buf_addc(b, '"');
    }
    json_close(b, '}');
}

static int list_render(struct req *q, const struct rows *r, struct err *e)
{
    return page_render_with(q, r, add_raw, e);
}

const struct operation op_list_failures = {.bind = list_bind, .render = list_render};
