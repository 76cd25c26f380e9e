/* Self-BLEU-4 (Zhu and others, 2018): the mean BLEU of each text against all the others as its
 * references, so that lower is more varied. BLEU as in Papineni and others (2002): the geometric
 * mean of the clipped precisions of runs of 1 to 4 words, times the penalty for a text that is
 * shorter than its closest reference. A precision without a match counts as 0.1 matches (method 1
 * of Chen and Cherry, 2014), except that no single common word makes it 0. Words are those of
 * terms.h; the figure depends on the number of texts. */
#ifndef MONOCEROS_DOMAIN_SELF_BLEU_H
#define MONOCEROS_DOMAIN_SELF_BLEU_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/str.h"

/* Over the texts that have a word. NaN in *out when fewer than two have; false when there is no
 * memory. */
bool self_bleu4(const struct str *texts, size_t n, double *out);

#endif
