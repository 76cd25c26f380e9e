/* Private to the audit log: uses of keys, counted by the hour. Under the lock of the log. */
#ifndef MONOCEROS_HANDLERS_AUDIT_USES_H
#define MONOCEROS_HANDLERS_AUDIT_USES_H

#include "handlers/audit.h"

struct audit_uses;

struct audit_uses *audit_uses_new(void);
void audit_uses_free(struct audit_uses *u);

/* Hours of the Unix epoch. */
static inline int64_t audit_hour(int64_t at_us)
{
    return at_us / 3600000000;
}

/* Counts a use in its hour. True when it is the first one and has a row of its own; then *counted
 * may have become the row of another key that made room, if its count is not 0. */
bool audit_uses_note(struct audit_uses *u, const struct audit_row *row, enum key_use use,
                     struct audit_row *counted);
/* The next row of uses before `hour`; false when there is none left. */
bool audit_uses_take(struct audit_uses *u, int64_t hour, struct audit_row *counted);

#endif
