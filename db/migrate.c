#include "db/migrate.h"

#include "server/base/buf.h"
#include "server/base/cleanup.h"

enum { SCRIPT_BYTES_MAX = 4 << 20 };

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())";

int migrate_latest(void)
{
    int latest = 0;
    for (const struct migration *m = migrations; m->version; m++)
        latest = m->version;
    return latest;
}

static int current_version(struct db *db, int *version, struct err *e)
{
    struct rows *rows = NULL;
    if (db_exec(db, "SELECT coalesce(max(version), 0) FROM schema_migrations", &rows, e) < 0)
        return -1;
    *version = (int)rows_i64(rows, 0, 0);
    rows_free(rows);
    return 0;
}

int migrate_transaction(struct db *db, const struct buf *commands, struct err *e)
{
    struct buf script;
    buf_init(&script, SCRIPT_BYTES_MAX);
    buf_addz(&script, "BEGIN; LOCK TABLE schema_migrations IN EXCLUSIVE MODE;");
    buf_adds(&script, buf_str(commands));
    buf_addz(&script, "; COMMIT");
    const char *sql = commands->failed ? NULL : buf_z(&script);
    int rc = sql ? db_exec(db, sql, NULL, e) : err_set(e, ERR_NO_MEMORY, "out of memory");
    buf_free(&script);
    if (rc < 0)
        (void)db_exec(db, "ROLLBACK", NULL, NULL);
    return rc;
}

/* The lock makes a second process wait, and the insert fails for the one that comes late, which
 * then finds the version current. */
static int apply(struct db *db, const struct migration *m, struct err *e)
{
    _cleanup_(buf_free) struct buf commands;
    buf_init(&commands, SCRIPT_BYTES_MAX);
    buf_addf(&commands, "INSERT INTO schema_migrations (version, name) VALUES (%d, '%s');",
             m->version, m->name);
    buf_addz(&commands, m->sql);
    return migrate_transaction(db, &commands, e);
}

int migrate_up(struct db *db, int *applied, struct err *e)
{
    int version = 0;
    *applied = 0;
    /* Two processes that create the table at once: one of them hits the unique catalogue entry. */
    struct err race = {0};
    if (db_exec(db, create_table, NULL, &race) < 0 && db_exec(db, create_table, NULL, e) < 0)
        return -1;
    if (current_version(db, &version, e) < 0)
        return -1;
    for (const struct migration *m = migrations; m->version; m++) {
        if (m->version <= version)
            continue;
        struct err failed = {0};
        if (apply(db, m, &failed) < 0) {
            if (current_version(db, &version, e) < 0)
                return -1;
            if (failed.code == ERR_CONFLICT && version >= m->version)
                continue;
            return err_set(e, failed.code, "migration %s: %s", m->name, failed.msg);
        }
        (*applied)++;
    }
    return migrate_check(db, e);
}

int migrate_check(struct db *db, struct err *e)
{
    struct rows *rows = NULL;
    int version = 0, latest = migrate_latest();
    if (db_exec(db, "SELECT to_regclass('schema_migrations') IS NOT NULL", &rows, e) < 0)
        return -1;
    bool exists = rows_bool(rows, 0, 0);
    rows_free(rows);
    if (exists && current_version(db, &version, e) < 0)
        return -1;
    if (version < latest)
        return err_set(e, ERR_UNAVAILABLE,
                       "the schema is at version %d and this program needs %d: run `monoceros "
                       "migrate`",
                       version, latest);
    if (version > latest)
        return err_set(e, ERR_UNAVAILABLE,
                       "the schema is at version %d, newer than this program's %d: run a newer "
                       "monoceros",
                       version, latest);
    return 0;
}
