/* PostgreSQL: one connection per struct db, used by one thread. Only db/ includes libpq-fe.h.
 * Statements are the .sql files under db/sql, prepared on first use of a connection. */
#ifndef MONOCEROS_DB_DB_H
#define MONOCEROS_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "db/statements.h" /* generated: enum stmt_id, STMT_<FILE_NAME>, STMT_COUNT */
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum { DB_PARAMS_MAX = 32 };

struct param {
    const char *p; /* NULL is SQL NULL */
    int n;
    bool binary;
};

/* A statement with its parameters. Texts and arrays are referred to, not copied; numbers are kept
 * inside. */
struct db_call {
    enum stmt_id stmt;
    int n;
    struct param params[DB_PARAMS_MAX];
    char numbers[DB_PARAMS_MAX][24];
};

void call_init(struct db_call *c, enum stmt_id stmt);
void call_text(struct db_call *c, struct str s); /* an unset str is NULL; must be NUL-terminated */
void call_z(struct db_call *c, const char *z);
void call_i64(struct db_call *c, int64_t v);
void call_double(struct db_call *c, double v);
void call_bool(struct db_call *c, bool v);
void call_null(struct db_call *c);
void call_bytes(struct db_call *c, const void *p, size_t n); /* bytea */

/* One-dimensional arrays in PostgreSQL's binary form, for unnest. Finish with call_array. */
enum array_type {
    ARRAY_TEXT = 25,
    ARRAY_BYTEA = 17,
    ARRAY_UUID = 2950,
    ARRAY_INT4 = 23,
    ARRAY_INT8 = 20,
    ARRAY_FLOAT8 = 701,
};
struct array {
    struct buf b;
    int n;
};
void array_init(struct array *a, enum array_type type, size_t max_bytes);
void array_free(struct array *a);
void array_reset(struct array *a); /* to no elements, of the same type */
/* Elements of TEXT, BYTEA and UUID (16 bytes); an unset str is NULL. */
void array_add(struct array *a, struct str s);
void array_add_i32(struct array *a, int32_t v);
void array_add_i64(struct array *a, int64_t v);
void array_add_double(struct array *a, double v);
void array_add_null(struct array *a);
void call_array(struct db_call *c, struct array *a);

/* The rows of a result. Values stay valid until rows_free. */
struct rows;
void rows_free(struct rows *r); /* accepts NULL */
static inline void rows_freep(struct rows **r)
{
    rows_free(*r);
}
int rows_count(const struct rows *r);
bool rows_null(const struct rows *r, int row, int col);
/* The bytes of a value; unset when NULL. NUL-terminated. For bytea columns use rows_bytes. */
struct str rows_text(const struct rows *r, int row, int col);
int64_t rows_i64(const struct rows *r, int row, int col);
double rows_double(const struct rows *r, int row, int col);
bool rows_bool(const struct rows *r, int row, int col);
/* The n elements of a float8[] without NULLs, from statements marked `-- result: binary`; false
 * when the array has another length. */
bool rows_doubles(const struct rows *r, int row, int col, double *out, size_t n);
/* bytea and uuid as bytes, from statements marked `-- result: binary`. */
struct str rows_bytes(const struct rows *r, int row, int col);
/* The same, of exactly n bytes; false when there are more, fewer or none. */
bool rows_copy(const struct rows *r, int row, int col, void *out, size_t n);

struct db;

/* Does not connect yet: the first call does. `name` becomes application_name. */
struct db *db_new(const char *conninfo, const char *name, struct err *e);
void db_free(struct db *db); /* accepts NULL */
/* Before the first call: this connection runs only statements that walk index ranges, and its plans
 * must not depend on how full the tables were when it was opened. */
void db_prefer_indexes(struct db *db);

/* Runs one statement; reconnects and repeats once when the connection turns out to be dead, which
 * is safe because every statement is idempotent. ERR_UNAVAILABLE while there is no server
 * or it takes too long, ERR_CONFLICT on a unique violation. *ret may be NULL. */
int db_run(struct db *db, const struct db_call *c, struct rows **ret, struct err *e);

/* Runs n statements in one pipeline with one Sync, which is one transaction: all or nothing. ret
 * has n entries, all NULL on failure. Not repeated: the caller decides what a lost answer means. */
int db_batch(struct db *db, const struct db_call *calls, int n, struct rows **ret, struct err *e);

/* Until db_snapshot_end, which accepts a connection without one, all calls read the database as of
 * one moment and may not write; when the connection is lost they fail, because another one would
 * read as of another moment. */
int db_snapshot_begin(struct db *db, struct err *e);
void db_snapshot_end(struct db *db);

/* Plain SQL text without parameters, for migrations only. */
int db_exec(struct db *db, const char *sql, struct rows **ret, struct err *e);

/* Database threads for HTTP operations: calls gather while one batch is under way and go out in
 * one pipeline; a batch that fails is run again one by one. */
struct db_async;
typedef void (*db_done_fn)(void *arg, struct rows *rows, const struct err *e); /* takes rows */
struct db_async *db_async_start(const char *conninfo, int threads, struct err *e);
/* Answers what is queued with ERR_UNAVAILABLE, joins, frees. */
void db_async_stop(struct db_async *a);
/* `done` is called from a database thread exactly once; c must stay valid until then. */
void db_async_submit(struct db_async *a, const struct db_call *c, db_done_fn done, void *arg);

#endif
