/* English around a label, such as a class name of a dataset. Pure functions. */
#ifndef MONOCEROS_DOMAIN_LABEL_H
#define MONOCEROS_DOMAIN_LABEL_H

#include <stdbool.h>

#include "server/base/str.h"

/* "a", "an" or "": none for a label that has an article, is plural or names what is not counted. */
const char *label_article(struct str label);
/* Without "a", "an" or "the" at its start. */
struct str label_bare(struct str label);
/* Whether its head, the last word in front of a preposition, is a plural. */
bool label_is_plural(struct str label);

#endif
