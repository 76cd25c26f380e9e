/* Who asks, and whether they may: the key of a request against the scope of its operation. */
#ifndef MONOCEROS_HANDLERS_ACCESS_H
#define MONOCEROS_HANDLERS_ACCESS_H

#include "handlers/operation.h"

enum access {
    ACCESS_GIVEN,   /* op_state.caller says to whom */
    ACCESS_UNKNOWN, /* op_state.call asks for the key; access_finish comes next */
    ACCESS_REFUSED  /* q->err says why */
};

/* Reads the key of the request, as Bearer, as X-API-Key or as the password of Basic. */
enum access access_begin(struct req *q);
/* For whom no key is needed. */
void access_open(struct req *q);
/* With the rows that the call of access_begin gave. Never ACCESS_UNKNOWN. */
enum access access_finish(struct req *q);

#endif
