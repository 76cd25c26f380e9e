#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "db/rows.h"

struct db {
    PGconn *conn;
    char *conninfo;
    char name[64];
    bool index_only;
    bool snapshot; /* in a transaction that reads as of one moment */
    bool prepared[STMT_COUNT];
};

/* Deadlines for everything that a session can wait for. */
#define SESSION_OPTIONS                                                                            \
    "-c statement_timeout=60s -c lock_timeout=20s -c idle_in_transaction_session_timeout=60s "     \
    "-c client_encoding=UTF8 -c timezone=UTC -c jit=off -c datestyle=ISO"
/* The pipeline's statements read ranges of primary keys. A plan made while the tables were empty
 * would scan them whole for as long as the connection lives. */
#define INDEX_OPTIONS                                                                              \
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "                       \
    "-c plan_cache_mode=force_generic_plan"

struct db *db_new(const char *conninfo, const char *name, struct err *e)
{
    struct db *db = calloc(1, sizeof(*db));
    if (db)
        db->conninfo = strdup(conninfo);
    if (!db || !db->conninfo) {
        free(db);
        err_set(e, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    (void)snprintf(db->name, sizeof(db->name), "monoceros/%s", name);
    return db;
}

void db_prefer_indexes(struct db *db)
{
    db->index_only = true;
}

void db_free(struct db *db)
{
    if (!db)
        return;
    PQfinish(db->conn);
    free(db->conninfo);
    free(db);
}

static int unavailable(struct err *e, const char *why)
{
    size_t n = strcspn(why, "\n");
    err_set(e, ERR_UNAVAILABLE, "the database is out of reach: %.*s", (int)(n > 200 ? 200 : n),
            why);
    if (e && e->code == ERR_UNAVAILABLE)
        e->retry_after = 2;
    return -1;
}

static void disconnect(struct db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static int db_connect(struct db *db, struct err *e)
{
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
        return 0;
    if (db->snapshot)
        return unavailable(e, "the connection was lost in the middle of a snapshot");
    PQfinish(db->conn);
    const char *options = db->index_only ? SESSION_OPTIONS INDEX_OPTIONS : SESSION_OPTIONS;
    const char *const keys[] = {"dbname",           "application_name", "options",
                                "connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                "keepalives_count", "tcp_user_timeout", NULL};
    const char *const values[] = {db->conninfo, db->name, options, "3", "10",
                                  "5",          "3",      "20000", NULL};
    db->conn = PQconnectdbParams(keys, values, 1);
    memset(db->prepared, 0, sizeof(db->prepared));
    if (!db->conn)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    if (PQstatus(db->conn) != CONNECTION_OK)
        return unavailable(e, PQerrorMessage(db->conn));
    PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
    return 0;
}

static bool state_in(const char *state, const char *const *list)
{
    for (; *list; list++)
        if (strncmp(state, *list, strlen(*list)) == 0)
            return true;
    return false;
}

static const char *constraint_of(const PGresult *r)
{
    const char *name = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    return name ? name : "";
}

/* Until the next day in UTC. */
static int seeds_used_up(struct err *e)
{
    enum { DAY_S = 86400 };
    (void)err_set(e, ERR_RATE_LIMITED,
                  "the key would have added more seeds today than it may (seeds_per_day)");
    e->retry_after = (int)(DAY_S - time(NULL) % DAY_S);
    return -1;
}

/* SQLSTATE, or its class, to what a caller can do about it. */
static int map_error(struct db *db, const PGresult *r, const char *what, struct err *e)
{
    static const char *const gone[] = {"08", "53", "57P", "25006", NULL};
    static const char *const contended[] = {"40001", "40P01", "55P03", NULL};
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state || PQstatus(db->conn) != CONNECTION_OK || state_in(state, gone))
        return unavailable(e, primary ? primary : PQerrorMessage(db->conn));
    if (strcmp(state, "23505") == 0)
        return err_set(e, ERR_CONFLICT, "%s", primary ? primary : "already there");
    if (strcmp(state, "23514") == 0 && strcmp(constraint_of(r), "key_seeds_allowed") == 0)
        return seeds_used_up(e);
    if (strcmp(state, "57014") == 0)
        return unavailable(e, "a statement took too long");
    if (state_in(state, contended)) {
        err_set(e, ERR_UNAVAILABLE, "the database is contended (%s)", state);
        e->retry_after = 1;
        return -1;
    }
    if (strcmp(state, "42501") == 0)
        return err_set(
            e, ERR_UNAVAILABLE,
            "%s: the database role lacks a right: run `monoceros migrate` as the owner of "
            "the tables with service_role set to it",
            primary ? primary : state);
    return err_set(e, ERR_INTERNAL, "statement %s: %s: %s", what, state, primary ? primary : "");
}

static bool is_success(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK;
}

static int prepare(struct db *db, enum stmt_id id, struct err *e)
{
    if (db->prepared[id])
        return 0;
    const struct stmt *s = &statements[id];
    PGresult *r = PQprepare(db->conn, s->name, s->sql, 0, NULL);
    int rc = is_success(r) ? 0 : map_error(db, r, s->name, e);
    PQclear(r);
    db->prepared[id] = rc == 0;
    return rc;
}

struct wire_params {
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
};

static void to_wire(const struct db_call *c, struct wire_params *w)
{
    for (int i = 0; i < c->n; i++) {
        w->values[i] = c->params[i].p;
        w->lengths[i] = c->params[i].n;
        w->formats[i] = c->params[i].binary ? 1 : 0;
    }
}

static int run_once(struct db *db, const struct db_call *c, struct rows **ret, struct err *e)
{
    if (db_connect(db, e) < 0 || prepare(db, c->stmt, e) < 0)
        return -1;
    const struct stmt *s = &statements[c->stmt];
    struct wire_params w;
    to_wire(c, &w);
    PGresult *r =
        PQexecPrepared(db->conn, s->name, c->n, w.values, w.lengths, w.formats, s->binary ? 1 : 0);
    if (!is_success(r)) {
        int rc = map_error(db, r, s->name, e);
        PQclear(r);
        return rc;
    }
    if (ret)
        *ret = rows_wrap(r);
    else
        PQclear(r);
    return 0;
}

int db_run(struct db *db, const struct db_call *c, struct rows **ret, struct err *e)
{
    if (ret)
        *ret = NULL;
    struct err first = {0};
    if (run_once(db, c, ret, &first) == 0)
        return 0;
    if (first.code == ERR_UNAVAILABLE && !db->snapshot) {
        /* A connection that died while idle, or a deadlock: one more try tells, on a new
         * connection, because one that was ended by the server looks well until its second use. */
        disconnect(db);
        err_clear(&first);
        if (run_once(db, c, ret, &first) == 0)
            return 0;
    }
    if (e && e->code == ERR_NONE)
        *e = first;
    return -1;
}

/* Reads the answers of n statements and of the Sync behind them. After an error the rest of the
 * pipeline is reported as aborted; the first error is the one that tells. */
static int collect(struct db *db, const struct db_call *calls, int n, struct rows **ret,
                   struct err *e)
{
    int rc = 0;
    for (int i = 0; i < n; i++) {
        PGresult *r = PQgetResult(db->conn);
        if (r && is_success(r)) {
            ret[i] = rows_wrap(r);
        } else {
            if (rc == 0)
                rc = map_error(db, r, statements[calls[i].stmt].name, e);
            PQclear(r);
        }
        if (PQstatus(db->conn) != CONNECTION_OK)
            return -1;
        PQclear(PQgetResult(db->conn));
    }
    PGresult *sync = PQgetResult(db->conn);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC && rc == 0)
        rc = map_error(db, sync, "commit", e);
    PQclear(sync);
    return rc;
}

static int send_all(struct db *db, const struct db_call *calls, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        const struct stmt *s = &statements[calls[i].stmt];
        struct wire_params w;
        to_wire(&calls[i], &w);
        if (!PQsendQueryPrepared(db->conn, s->name, calls[i].n, w.values, w.lengths, w.formats,
                                 s->binary ? 1 : 0))
            return unavailable(e, PQerrorMessage(db->conn));
    }
    return PQpipelineSync(db->conn) ? 0 : unavailable(e, PQerrorMessage(db->conn));
}

int db_batch(struct db *db, const struct db_call *calls, int n, struct rows **ret, struct err *e)
{
    memset(ret, 0, (size_t)n * sizeof(ret[0]));
    if (db_connect(db, e) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (prepare(db, calls[i].stmt, e) < 0)
            return -1;
    if (!PQenterPipelineMode(db->conn))
        return unavailable(e, PQerrorMessage(db->conn));
    int rc = send_all(db, calls, n, e);
    if (rc == 0)
        rc = collect(db, calls, n, ret, e);
    if (rc < 0)
        for (int i = 0; i < n; i++) {
            rows_free(ret[i]);
            ret[i] = NULL;
        }
    /* What cannot leave the pipeline cleanly is not worth keeping. */
    if (!PQexitPipelineMode(db->conn) || (rc < 0 && e && e->code == ERR_UNAVAILABLE))
        disconnect(db);
    return rc;
}

int db_exec(struct db *db, const char *sql, struct rows **ret, struct err *e)
{
    if (ret)
        *ret = NULL;
    if (db_connect(db, e) < 0)
        return -1;
    PGresult *r = PQexec(db->conn, sql);
    if (!is_success(r)) {
        int rc = map_error(db, r, "migration", e);
        PQclear(r);
        return rc;
    }
    if (ret)
        *ret = rows_wrap(r);
    else
        PQclear(r);
    return 0;
}

int db_snapshot_begin(struct db *db, struct err *e)
{
    if (db_exec(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, e) < 0)
        return -1;
    db->snapshot = true;
    return 0;
}

void db_snapshot_end(struct db *db)
{
    struct err e = {0};
    if (!db->snapshot)
        return;
    if (db_exec(db, "COMMIT", NULL, &e) < 0)
        disconnect(db);
    db->snapshot = false;
}
