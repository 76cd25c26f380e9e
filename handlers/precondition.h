/* If-Match and If-None-Match of requests that change something. Where something changes, the
 * statement that changes it decides. */
#ifndef MONOCEROS_HANDLERS_PRECONDITION_H
#define MONOCEROS_HANDLERS_PRECONDITION_H

#include "handlers/operation.h"

/* Adds two parameters, the tags of If-Match and those of If-None-Match, without quotes: each an
 * array, in which "*" stands for any tag, or NULL without the header. */
int precondition_bind(struct req *q, struct db_call *c, struct err *e);
/* Whether there must be something already. */
bool precondition_wants_one(const struct req *q);
/* -1 with ERR_PRECONDITION unless the conditions hold for what is there, which has this JSON text;
 * unset when nothing is. */
int precondition_check(const struct req *q, struct str json, struct err *e);
int precondition_failed(struct err *e);

#endif
