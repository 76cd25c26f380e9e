/* What the audit log says of requests. */
#include <stdio.h>

#include "handlers/audit.h"
#include "handlers/operation.h"
#include "server/base/text.h"

/* Computing is a POST too, and asks for no more than reading. */
static bool changes(const struct route *r)
{
    return r->method != HTTP_GET && r->scope != SCOPE_NONE && r->scope != SCOPE_READ;
}

static enum audit_outcome outcome_of(int status)
{
    if (status == 0)
        return AUDIT_UNANSWERED;
    if (status < 400)
        return AUDIT_DONE;
    return status == 401 || status == 403 ? AUDIT_REFUSED : AUDIT_FAILED;
}

/* The first element of an array as PostgreSQL writes it; a name has nothing that needs more than
 * quotes. */
static void copy_owner(char *out, size_t bytes, const char *caller)
{
    const char *from = caller + strspn(caller, "{\"");
    (void)snprintf(out, bytes, "%.*s", (int)strcspn(from, "\",}"), from);
}

/* What somebody has put there by mistake is no secret any more, but not ours to keep. */
static void copy_path(char *out, size_t bytes, struct str path)
{
    int n = path.n < bytes ? (int)path.n : (int)bytes - 1;
    (void)snprintf(out, bytes, "%.*s", n, path.p);
    if (!text_is_valid(str_of(out), NULL))
        (void)snprintf(out, bytes, "?");
    key_mask(out);
}

static void fill(const struct req *q, struct audit_row *row)
{
    (void)snprintf(row->client, sizeof(row->client), "%s", q->client);
    (void)snprintf(row->request_id, sizeof(row->request_id), "%s", q->request_id);
    row->count = 1;
}

void audit_request(const struct req *q)
{
    const struct app *app = q->app;
    const struct op_state *s = op_state(q);
    struct audit_row row = {.outcome = outcome_of(q->res.status), .status = q->res.status};
    if (!q->route || !s || !changes(q->route) || !atomic_load(&app->migrated))
        return;
    /* Who has no key at all could fill the log with refusals. */
    if (app->keys && !s->caller.key)
        return;
    fill(q, &row);
    row.operation = q->route->operation_id;
    copy_owner(row.owner, sizeof(row.owner), s->caller.name);
    copy_path(row.resource, sizeof(row.resource), q->path);
    if (s->caller.key)
        (void)snprintf(row.key, sizeof(row.key), "%s", s->caller.key);
    for (int i = 0; i < q->res.n_headers; i++)
        if (strcmp(q->res.headers[i].name, "Location") == 0)
            copy_path(row.location, sizeof(row.location), str_of(q->res.headers[i].value));
    audit_add(app->audit, &row);
}

void audit_key(const struct req *q, const struct key_facts *f, enum key_use use)
{
    static const char *const reasons[] = {[KEY_USED] = NULL,
                                          [KEY_EXPIRED] = "expired",
                                          [KEY_REVOKED] = "revoked",
                                          [KEY_FORGED] = "secret"};
    const struct app *app = q->app;
    struct audit_row row = {.operation = "use_key",
                            .outcome = use == KEY_USED ? AUDIT_DONE : AUDIT_REFUSED,
                            .reason = reasons[use]};
    fill(q, &row);
    copy_owner(row.owner, sizeof(row.owner), f->caller);
    (void)snprintf(row.key, sizeof(row.key), "%s", f->id);
    audit_use(app->audit, &row, use);
}
