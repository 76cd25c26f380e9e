/* The judgement of a caption by the filters. Pure, but for `frequency`, which looks at the captions
 * that came before. */
#ifndef MONOCEROS_STAGES_FILTERS_FILTERS_H
#define MONOCEROS_STAGES_FILTERS_FILTERS_H

#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/str.h"
#include "server/domain/filters.h"
#include "server/domain/grams.h"
#include "server/domain/words.h"

struct caption_text {
    struct str raw;  /* as the model wrote it, with its lines */
    struct str text; /* in the normal form */
    struct str seed;
    struct str finish_reason;            /* empty when not reported */
    const struct gram_set *instructions; /* or NULL */
};

struct filter_verdict {
    enum filter_id dropped; /* the first that drops it, or FILTER_COUNT */
    uint32_t hits;          /* a bit for each of the others that found something */
    uint64_t text_hash, opening_hash;
};

/* `words` are those of the text. -1 when out of memory. */
int filters_judge(const struct filter_settings *s, const struct words *words,
                  const struct caption_text *c, struct filter_verdict *v);
/* Adds what a filter found that is asked after the others. */
void filter_hit(const struct filter_settings *s, enum filter_id id, struct filter_verdict *v);

/* The texts and openings of the last thousand captions of a run in this process. Not thread safe.
 */
struct frequency;
struct frequency *frequency_new(struct arena *a);
/* Takes a caption in; whether it is one of too many. */
bool frequency_note(struct frequency *f, const struct filter_setting *s,
                    const struct filter_verdict *v);

#endif
