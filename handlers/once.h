/* Idempotency-Key: what a request made is made once, however often it is sent. An operation opts in
 * by `once`; one that makes ids takes them from here, so that executing again after the record of
 * the answer was lost finds what is there. */
#ifndef MONOCEROS_HANDLERS_ONCE_H
#define MONOCEROS_HANDLERS_ONCE_H

#include "handlers/operation.h"
#include "server/base/hash.h"

enum { ONCE_KEY_MAX = 255, ONCE_BODY_MAX = 65536 };

enum once_next {
    ONCE_NOTHING, /* the rows are the operation's */
    ONCE_EXECUTE, /* the key is this request's */
    ONCE_REPLY    /* q->res or q->err is filled */
};

/* For operations that opt in: when the request has a key, op_state.once is set and op_state.call
 * claims it. -1 when that is no key. */
int once_begin(struct req *q, struct err *e);
/* With the rows, or the error, of a call that begin or end gave. */
enum once_next once_heard(struct req *q);
/* With the operation's answer in q: true when op_state.call is to keep it, or to give the key free
 * because nothing was done. Not again after that. */
bool once_end(struct req *q);

/* What ids of the request's things are taken from: today's, and yesterday's for something that is
 * less than 24 hours old. False, and out random, for requests without a key. */
bool once_ids(const struct req *q, uint8_t today[SHA256_BYTES], uint8_t yesterday[SHA256_BYTES]);
/* Says in the answer that what it shows had been made before, by this very request. */
void once_replayed(struct req *q);
/* What is kept instead of the answer's body, from the request's arena. */
void once_keep(struct req *q, struct str body);

#endif
