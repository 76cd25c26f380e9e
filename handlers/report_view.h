/* The report of a frozen view: what an export says of the data that it was made of. It needs no
 * request, and depends on nothing but the rows that the view picks, so that it is the same to the
 * byte when the dataset has grown by runs of other recipes.
 *
 * In it, of the picked rows: counts, flags, filters and verdicts; all figures of the texts, the
 * sample by the ids of captions included, both from the first shards that have a hundred thousand
 * captions together (`measured`, `measured_shards`); dialogues by task; calls, tokens, cost,
 * latency, and first and last time of the rows, by provider, recipe and prompt; warnings, the
 * paper's figures, definitions. Not in it: the time of making it and how long that took; whether a
 * run is at work; seeds, which come without a recipe; dropped and rejected rows, of which the view
 * picks none; failures, which have no row that could be picked; embeddings, of which the view names
 * no encoder; what a run was asked for. */
#ifndef MONOCEROS_HANDLERS_REPORT_VIEW_H
#define MONOCEROS_HANDLERS_REPORT_VIEW_H

#include "db/db.h"

struct report_view {
    const char *dataset; /* its name */
    int64_t number, shards;
    /* Recipes in order, uuid[] as PostgreSQL writes it. Of captions of a seed and variant the first
     * usable one counts, of dialogues of a caption and task the first one. */
    const char *recipes, *dialogue_recipes;
};

/* Appends the report as a JSON object. It may take minutes. `db` is a connection that prefers
 * indexes. `stop` is asked before every statement: once it is true, this ends with ERR_UNAVAILABLE.
 */
int report_of_view(struct db *db, const struct report_view *v, bool (*stop)(void *arg), void *arg,
                   struct buf *json, struct err *e);

#endif
