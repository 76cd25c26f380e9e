/* Choosing among the declared providers and encoders by name. */
#ifndef MONOCEROS_HANDLERS_DECLARED_H
#define MONOCEROS_HANDLERS_DECLARED_H

#include "handlers/app.h"

/* The provider of that name; where none is named, the only declared one besides `offline`, or
 * `offline` when there is no other. NULL with a field error at `pointer` that lists the names. */
struct llm_provider *declared_provider(const struct app *app, struct str name, const char *pointer,
                                       struct err *e);
struct encoder *declared_encoder(const struct app *app, struct str name, const char *pointer,
                                 struct err *e);

/* The declared encoder of that name, or NULL. */
struct encoder *encoder_named(const struct app *app, struct str name);

/* Forgets the stops of all endpoints: whoever starts or resumes work has seen to their cause, and
 * one call each finds out. Pauses that a server asked for stay. */
void declared_try_again(const struct app *app);

#endif
