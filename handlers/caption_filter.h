/* Which captions a request means: the list of captions, their stream and the draw of a review agree
 * on this. */
#ifndef MONOCEROS_HANDLERS_CAPTION_FILTER_H
#define MONOCEROS_HANDLERS_CAPTION_FILTER_H

#include "handlers/operation.h"

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
/* The verdict that a caption must have; unset when it may be any or none. */
struct str caption_filter_verdict(const struct caption_filter *f);

/* What the query of an operation over captions asks for. */
struct caption_filter caption_filter_of(const struct req *q);
/* The parameters of the fragment captions_filter from run to outcome, $7 to $11. */
int caption_filter_bind(struct req *q, struct db_call *c, const struct caption_filter *f,
                        struct err *e);
/* Those from the filter that dropped them to the seed's domain, $14 to $18. */
int caption_filter_bind_rest(struct req *q, struct db_call *c, const struct caption_filter *f,
                             struct err *e);

#endif
