/* How often texts begin with the same three words. The first OPENINGS_MAX different openings are
 * counted, which loses nothing that matters: texts come in the order of their ids, a shuffle, so
 * that an opening of one text in a hundred is among the first of them but for a chance of 10^-70.
 */
#ifndef MONOCEROS_DOMAIN_OPENINGS_H
#define MONOCEROS_DOMAIN_OPENINGS_H

#include "server/base/buf.h"
#include "server/domain/terms.h"

enum { OPENING_WORDS = 3, OPENINGS_MAX = 1 << 14, OPENING_TEXT = 96 };

struct opening {
    uint64_t hash;
    int64_t count; /* 0: a free slot */
    uint32_t text; /* where its words begin, in `texts`; a NUL behind them */
};

struct openings {
    int64_t total;  /* texts with as many words */
    int64_t missed; /* of these, those that came after the last place was taken */
    size_t n;
    struct opening *table;
    struct buf texts;
};

bool openings_init(struct openings *o); /* false when there is no memory */
void openings_free(struct openings *o); /* also of a zeroed struct */
/* w are the words of the text. */
void openings_add(struct openings *o, const struct terms *w, struct str text);
/* The k commonest, most frequent first, equally frequent ones in the order of their words; how many
 * there are. */
size_t openings_top(const struct openings *o, const struct opening **out, size_t k);
static inline const char *opening_text(const struct openings *o, const struct opening *one)
{
    return o->texts.p + one->text;
}

#endif
