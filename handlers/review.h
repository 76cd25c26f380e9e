/* What the operations on reviews share. */
#ifndef MONOCEROS_HANDLERS_REVIEW_H
#define MONOCEROS_HANDLERS_REVIEW_H

#include "handlers/operation.h"

enum { REVIEWER_CHARS_MAX = 100 };

int review_not_found(struct err *e);
/* Starts a call with the caller and the review that the path names first. */
int bind_review(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e);
/* The reviewer's name in normal form, for a parameter; NULL with ERR_VALIDATION when nothing is
 * left of it. */
const char *reviewer_name(struct req *q, struct str given, struct err *e);

#endif
