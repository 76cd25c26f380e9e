/* THE table of operations. */
#ifndef MONOCEROS_HANDLERS_ROUTES_H
#define MONOCEROS_HANDLERS_ROUTES_H

#include <stddef.h>

#include "server/base/buf.h"
#include "server/http/http.h"

extern const struct route routes[];
extern const size_t n_routes;

/* Whether it is for the operator: health and metrics, which a listener of their own may serve. */
bool route_is_for_operator(const struct route *r);
bool route_is_for_clients(const struct route *r);

/* Routes, their parameters and body tables as JSON, for the contract test. */
void routes_describe(struct buf *out);

#endif
