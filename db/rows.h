/* Private to db/: a struct rows is a PGresult under a name that other folders may say. */
#ifndef MONOCEROS_DB_ROWS_H
#define MONOCEROS_DB_ROWS_H

#include <libpq-fe.h>

#include "db/db.h"

static inline struct rows *rows_wrap(PGresult *r)
{
    return (struct rows *)r;
}

static inline const PGresult *rows_result(const struct rows *r)
{
    return (const PGresult *)r;
}

#endif
