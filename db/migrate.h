/* Migrations: numbered SQL files, applied in order, each in a transaction of its own. */
#ifndef MONOCEROS_DB_MIGRATE_H
#define MONOCEROS_DB_MIGRATE_H

#include "db/db.h"
#include "server/base/buf.h"

struct migration {
    int version;
    const char *name;
    const char *sql;
};

extern const struct migration migrations[]; /* ended by version 0 */

/* Applies what is missing; safe to call from several processes at once. *applied counts. */
int migrate_up(struct db *db, int *applied, struct err *e);
/* Runs commands, separated by semicolons, in one transaction during which no other process
 * migrates. */
int migrate_transaction(struct db *db, const struct buf *commands, struct err *e);
/* 0 when the schema is exactly the one that this program knows, else -1 with a sentence. */
int migrate_check(struct db *db, struct err *e);
/* The newest version that the program carries. */
int migrate_latest(void);

#endif
