/* Answers that read much of a dataset may take long, so that no more than half of the threads of
 * the request pool make them at a time. */
#ifndef MONOCEROS_HANDLERS_EXPORT_TURN_H
#define MONOCEROS_HANDLERS_EXPORT_TURN_H

#include "handlers/app.h"

/* -1 with ERR_UNAVAILABLE when as many as may be are under way. End it with export_turn_end. */
int export_turn_take(struct app *app, struct err *e);
void export_turn_end(struct app *app);

#endif
