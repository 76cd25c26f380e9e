/* Prepared transfers as JSON. */
#ifndef MONOCEROS_HANDLERS_TRANSFERS_H
#define MONOCEROS_HANDLERS_TRANSFERS_H

#include "db/db.h"

/* Puts the steps of a transfer and the rule for images into the object that b ends with, by the
 * columns of transfer_columns.sql, of which `first` is the first. */
void transfer_write_rule(struct buf *b, const struct rows *r, int row, int first);

#endif
