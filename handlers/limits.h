/* What a key may use, and how often somebody may try bad ones. Requests are counted in the memory
 * of each process, which has its share of the limit; seeds and runs in the database. */
#ifndef MONOCEROS_HANDLERS_LIMITS_H
#define MONOCEROS_HANDLERS_LIMITS_H

#include "handlers/operation.h"
#include "server/json/decode.h"

enum { LIMIT_REQUESTS_MAX = 1000000, LIMIT_SEEDS_MAX = 1000000000, LIMIT_RUNS_MAX = 1000 };

/* Counts a request of the caller's key and tells in the answer what is left. -1 with
 * ERR_RATE_LIMITED when nothing was. */
int limits_request(struct req *q, struct err *e);
/* Counts a bad key from the request's address; -1 with ERR_RATE_LIMITED when there were too many.
 */
int limits_guess(struct req *q, struct err *e);
/* The same error when there were, without counting. */
int limits_may_guess(struct req *q, struct err *e);

/* Adds two parameters: the key's id and how many seeds it may add in a day, NULL without limit. */
void limits_bind_seeds(const struct req *q, struct db_call *c);
/* The same of runs in flight, but the id is given without a limit too. */
void limits_bind_runs(const struct req *q, struct db_call *c);
int limits_runs_full(const struct req *q, struct err *e);

/* Limits as a request body has them. */
struct limits_body {
    struct opt_int requests_per_minute, seeds_per_day, runs_in_flight;
};
extern const struct field limits_fields[];
/* Adds three parameters, each or NULL; `b` may be NULL. */
void limits_bind_body(const struct limits_body *b, struct db_call *c);

#endif
