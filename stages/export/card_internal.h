/* Private to the card. */
#ifndef MONOCEROS_STAGES_EXPORT_CARD_INTERNAL_H
#define MONOCEROS_STAGES_EXPORT_CARD_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "stages/export/card.h"
#include "stages/export/export.h"

/* Files that differ in the number of their group alone. */
struct card_set {
    char pattern[EXPORT_NAME_MAX]; /* a glob, or the name of one that has no number */
    const char *first, *last;      /* names */
    const char *format, *dtype;
    int64_t dimension;
    int64_t files, rows, bytes;
};

enum { CARD_SETS_MAX = EXPORT_FILES_MAX };

struct card {
    const json_t *manifest;
    const char *dataset;
    bool trial;
    int n;
    struct card_set sets[CARD_SETS_MAX];
};

/* Of an object, or of NULL; what is not there is "", 0 or false. */
const char *card_text(const json_t *object, const char *key);
int64_t card_number(const json_t *object, const char *key);
/* The set whose pattern begins and ends so; NULL when the export has none. */
const struct card_set *card_find(const struct card *c, const char *stem, const char *extension);
/* A name of unknown origin between back quotes. */
void card_code(struct buf *b, const char *name);

/* The sections (card_made.c, card_load.c). */
void card_made(const struct card *c, struct buf *b);
void card_load(const struct card *c, struct buf *b);

#endif
