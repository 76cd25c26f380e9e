/* Which captions a request means: the list of captions and the draw of a review agree on this. */
#ifndef MONOCEROS_HANDLERS_CAPTION_FILTER_H
#define MONOCEROS_HANDLERS_CAPTION_FILTER_H

#include <stdbool.h>

#include "server/base/str.h"

extern const char *const caption_outcomes[]; /* usable, dropped, rejected, any */
extern const char *const caption_verdicts[]; /* accepted, rejected, corrected, none */

/* As the client gave them; what was not given is unset. */
struct caption_filter {
    struct str run, recipe, outcome, verdict, dropped;
};

/* Whether only what the default view picks is meant: it is, unless something is asked for that the
 * view may not pick. */
bool caption_filter_picked(const struct caption_filter *f);
/* "usable" where nothing else is asked for; a verdict is shown whatever its caption's outcome, and
 * what a filter has dropped is dropped. */
struct str caption_filter_outcome(const struct caption_filter *f);

#endif
