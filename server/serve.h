/* The program as a service: what is started, in which order, and how it ends. */
#ifndef MONOCEROS_SERVE_H
#define MONOCEROS_SERVE_H

#include "server/base/err.h"
#include "server/config.h"

/* Serves until SIGTERM or SIGINT, then drains. 0, or -1 with e set when it cannot start. A second
 * signal ends the process at once; leases then run out by themselves. */
int serve(const struct config *c, const char *version, struct err *e);

/* Asks the server at c->listen whether it is ready. */
int healthcheck(const struct config *c, struct err *e);

#endif
