#include <stdio.h>

#include "handlers/audit.h"
#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/page.h"
#include "handlers/run_request.h"

/* Behind every row: a time that no row has, as microseconds of the Unix epoch. */
#define NEWEST "253402300799000000|ffffffff-ffff-ffff-ffff-ffffffffffff"

static int bind_time(struct req *q, struct db_call *c, const char *name, struct err *e)
{
    const struct query_value *v = req_query(q, name);
    char pointer[40];
    if (v->set && !is_rfc3339(v->text)) {
        (void)snprintf(pointer, sizeof(pointer), "?%s", name);
        return err_field(e, pointer, "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z");
    }
    return bind_query(q, c, name, e);
}

static int list_bind(struct req *q, struct db_call *c, struct err *e)
{
    const struct page *p = page_read(q, "qu", NEWEST, 100, e);
    if (!p)
        return -1;
    call_init(c, STMT_AUDIT_LIST);
    bind_caller(q, c);
    page_bind_key(c, p);
    if (bind_query(q, c, "key", e) < 0 || bind_query(q, c, "operation", e) < 0 ||
        bind_query(q, c, "outcome", e) < 0 || bind_time(q, c, "from", e) < 0 ||
        bind_time(q, c, "to", e) < 0)
        return -1;
    page_bind_size(c, p);
    return 0;
}

const struct operation op_list_audit = {.bind = list_bind, .render = page_render_global};
