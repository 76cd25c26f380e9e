#include "db/roles.h"

#include <stdio.h>

#include "db/migrate.h"
#include "server/base/cleanup.h"

enum { COMMANDS_BYTES_MAX = 1 << 20, LACKS_SHOWN = 120 };

/* At once, so that the service never finds itself without a right in between. */
static int run_commands(struct db *db, const struct rows *r, struct err *e)
{
    _cleanup_(buf_free) struct buf commands;
    buf_init(&commands, COMMANDS_BYTES_MAX);
    for (int i = 0; i < rows_count(r); i++) {
        if (i > 0)
            buf_addc(&commands, ';');
        buf_adds(&commands, rows_text(r, i, 0));
    }
    return migrate_transaction(db, &commands, e);
}

int roles_grant(struct db *db, const char *role, struct err *e)
{
    _cleanup_(rows_freep) struct rows *commands = NULL;
    struct db_call c;
    struct err failed = {0};
    call_init(&c, STMT_ROLE_GRANTS);
    call_z(&c, role);
    if (db_run(db, &c, &commands, e) < 0)
        return -1;
    if (rows_count(commands) == 0)
        return err_set(e, ERR_VALIDATION,
                       "service_role: there is no role \"%.63s\": an administrator makes it by "
                       "CREATE ROLE … LOGIN",
                       role);
    if (rows_bool(commands, 0, 1))
        return err_set(e, ERR_VALIDATION,
                       "service_role: \"%.63s\" is " STR_FMT
                       ", who migrates, or can become that: name a role with fewer rights",
                       role, STR_ARG(rows_text(commands, 0, 2)));
    if (run_commands(db, commands, &failed) < 0)
        return err_set(e, failed.code, "rights of \"%.63s\": %s", role, failed.msg);
    return 0;
}

static int lacks(const struct role_facts *f, struct err *e, struct str what)
{
    return err_set(e, ERR_UNAVAILABLE,
                   "the database role %s lacks %.*s%s: run `monoceros migrate` as the owner of the "
                   "tables with service_role=%s",
                   f->name, (int)(what.n < LACKS_SHOWN ? what.n : LACKS_SHOWN), what.p,
                   what.n < LACKS_SHOWN ? "" : " …", f->name);
}

int roles_check(struct db *db, struct role_facts *facts, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    *facts = (struct role_facts){.owner = false};
    call_init(&c, STMT_ROLE_CHECK);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    (void)snprintf(facts->name, sizeof(facts->name), STR_FMT, STR_ARG(rows_text(rows, 0, 0)));
    facts->owner = rows_bool(rows, 0, 1);
    facts->may_create = rows_bool(rows, 0, 2);
    if (rows_bool(rows, 0, 3))
        return lacks(facts, e, STR("USAGE on the schema of the tables"));
    struct str missing = rows_text(rows, 0, 4);
    return missing.n ? lacks(facts, e, missing) : 0;
}
