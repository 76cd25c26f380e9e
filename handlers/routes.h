/* THE table of operations. */
#ifndef MONOCEROS_HANDLERS_ROUTES_H
#define MONOCEROS_HANDLERS_ROUTES_H

#include <stddef.h>

#include "server/base/buf.h"
#include "server/http/http.h"

extern const struct route routes[];
extern const size_t n_routes;

/* Routes, their parameters and body tables as JSON, for the contract test. */
void routes_describe(struct buf *out);

#endif
