/* Roles in the database: the one that owns the tables and migrates, and the one that serves, which
 * may do what db/sql/fragments/grants.sql says. Both can be the same. */
#ifndef MONOCEROS_DB_ROLES_H
#define MONOCEROS_DB_ROLES_H

#include "db/db.h"

/* Gives `role` what the service needs and takes what it has beyond that from it; the caller owns
 * the tables. To be called after every migration; changes nothing when nothing is to be changed. */
int roles_grant(struct db *db, const char *role, struct err *e);

enum { ROLE_NAME_BYTES = 64 };

struct role_facts {
    char name[ROLE_NAME_BYTES];
    bool owner;      /* a superuser, or who can become the owner of the tables */
    bool may_create; /* things of its own in the schema */
};

/* What the connection's role is, in *facts, whose name is "" where that is not known. 0 when it has
 * all that the service needs of the tables that there are; -1 with a sentence. */
int roles_check(struct db *db, struct role_facts *facts, struct err *e);

#endif
