/* The audit log: every change and every use of a key, without what anybody could use. Rows are
 * written by a thread of their own, in batches; a request waits for none. When the database takes
 * none for long, rows are lost, which a metric and the log tell. */
#ifndef MONOCEROS_HANDLERS_AUDIT_H
#define MONOCEROS_HANDLERS_AUDIT_H

#include "handlers/key_cache.h"
#include "server/base/err.h"
#include "server/domain/key.h"
#include "server/http/http.h"

struct audit;

struct audit *audit_start(const char *conninfo, struct err *e);
/* Writes what there is for at most timeout_ms; joins, frees. Accepts NULL. */
void audit_stop(struct audit *a, int timeout_ms);

/* Values of a row's outcome, by number. */
enum audit_outcome { AUDIT_DONE, AUDIT_REFUSED, AUDIT_FAILED, AUDIT_UNANSWERED };
extern const char *const audit_outcomes[];

/* Texts are "" when they are not known. */
struct audit_row {
    int64_t at_us;         /* of the Unix epoch */
    const char *operation; /* static */
    const char *reason;    /* static, or NULL */
    enum audit_outcome outcome;
    int status;
    int64_t count;
    char owner[64], key[KEY_ID_CHARS + 1], client[HTTP_CLIENT_BYTES], request_id[33];
    char resource[256], location[128];
};

/* Any thread; never blocks for long. */
void audit_add(struct audit *a, const struct audit_row *row);

/* What became of the use of a key. The last three are refused, whatever was asked for. */
enum key_use { KEY_USED, KEY_EXPIRED, KEY_REVOKED, KEY_FORGED };
/* Notes the use in the row of its hour: the first one at once, the others of the hour in one row
 * when it is over. */
void audit_use(struct audit *a, const struct audit_row *row, enum key_use use);

/* Of requests, from the handlers: notes a request that is over, if it was to change something; and
 * the use of the key that it came with. */
void audit_request(const struct req *q);
void audit_key(const struct req *q, const struct key_facts *f, enum key_use use);

#endif
