/* Seeds from labels: sets of templates, forms of a label, and which templates a label gets. Pure
 * functions. */
#ifndef MONOCEROS_DOMAIN_SEED_TEMPLATES_H
#define MONOCEROS_DOMAIN_SEED_TEMPLATES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/buf.h"
#include "server/base/str.h"

enum { SEED_TEMPLATES_MAX = 200 }; /* in a set of a request */

/* A set that ships. Each template names the set's domain, so that a word that two domains share
 * becomes two seeds. A set that has been released is never changed, neither in its texts nor in
 * their number: it decides which seeds a label becomes. A better one gets a new name. */
struct seed_template_set {
    const char *name;
    const char *description;      /* what its labels are */
    const char *const *templates; /* ended by NULL */
};

/* In the order of their names, ended by NULL. */
extern const struct seed_template_set *const seed_template_sets[];
/* NULL when there is none. */
const struct seed_template_set *seed_template_set_find(struct str name);

/* What is wrong with a template; NULL when nothing is. Forms are {label}, {Label}, {a label},
 * {A label}, {name} and {domain}; at least one of the label's must be there. */
const char *seed_template_fault(struct str template);
/* Appends the template with the forms of the label in their places:
 *   {label}    as it is              {Label}    with a capital letter
 *   {a label}  with "a" or "an", unless it has an article, is plural or cannot be counted
 *   {A label}  the same with a capital letter
 *   {name}     without an article at its start
 *   {domain}   the domain */
void seed_template_render(struct str template, struct str label, struct str domain, struct buf *b);

/* The numbers of the k of n templates that a label gets, to `chosen`: those with the lowest
 * hash_choice("template:" salt, domain NUL label NUL template), in this order, so that a smaller k
 * gives the first of a larger one. n is at most SEED_TEMPLATES_MAX. False without memory. */
bool seed_templates_choose(const struct str *templates, size_t n, size_t k, struct str domain,
                           struct str label, struct str salt, size_t *chosen);

#endif
