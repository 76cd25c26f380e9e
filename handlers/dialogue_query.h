/* Which dialogues a request means, and in which shape: their list and their stream agree on this.
 */
#ifndef MONOCEROS_HANDLERS_DIALOGUE_QUERY_H
#define MONOCEROS_HANDLERS_DIALOGUE_QUERY_H

#include "handlers/operation.h"

void dialogue_query_bind_format(const struct req *q, struct db_call *c);
/* Five parameters: run, recipe, task, whether only those of captions that the view picks, format.
 */
int dialogue_query_bind(struct req *q, struct db_call *c, struct err *e);

#endif
