/* From requests to parameters, and from single rows to answers. */
#ifndef MONOCEROS_HANDLERS_BIND_H
#define MONOCEROS_HANDLERS_BIND_H

#include "handlers/operation.h"
#include "server/domain/identity.h"
#include "server/json/decode.h"

enum { ID_TEXT = 33, DATASET_NAME_MAX = 63 };

/* Who asks: the owner and, when the key is limited to some, the names of datasets. The first
 * parameter of every statement about what belongs to somebody. */
void bind_caller(const struct req *q, struct db_call *c);
/* A text parameter with a terminator, in the request's arena; an unset str is NULL. */
int bind_copy(struct req *q, struct db_call *c, struct str s, struct err *e);
/* A member of the body as a number, NULL when it is not given. */
void bind_int(struct db_call *c, struct opt_int v);
bool dataset_name_is_valid(struct str name);
/* Starts a call with the caller and the dataset that the path names first. */
int bind_dataset(struct req *q, struct db_call *c, enum stmt_id stmt, struct err *e);
/* On a thread of the pool: 0 when there is the dataset that the path names first. */
int require_dataset(struct req *q, struct work_ctx *ctx, struct err *e);
/* Starts a call with the caller and the thing that the path names first by its id; `what` it is. */
int bind_id(struct req *q, struct db_call *c, enum stmt_id stmt, const char *what, struct err *e);
/* A query parameter as text, NULL when it is not given. */
int bind_query(struct req *q, struct db_call *c, const char *name, struct err *e);
/* A query parameter that is an id of 32 digits. */
int bind_query_id(struct req *q, struct db_call *c, const char *name, struct err *e);
/* A caption's id as two parameters, seed id and hash. */
int bind_caption_id(struct req *q, struct db_call *c, struct str id, struct err *e);

/* The seed id as text for a parameter, in the arena. */
const char *hex_text(struct req *q, const uint8_t *p, size_t n);

int dataset_not_found(struct req *q, struct err *e);
/* There is none of that id. */
int no_such(const char *what, struct err *e);
/* Answers with the JSON text in column `col` of the only row: 404 when there is no row (no dataset)
 * or the value is NULL (no `what`). */
int render_item(struct req *q, const struct rows *r, const char *what, struct err *e);

#endif
