/* The report of a frozen view. */
#include "handlers/report_view.h"

#include <stdlib.h>

#include "handlers/report.h"
#include "server/base/cleanup.h"

int report_of_view(struct db *db, const struct report_view *v, bool (*stop)(void *arg), void *arg,
                   struct buf *json, struct err *e)
{
    _cleanup_(report_freep) struct report *r = report_new(e);
    if (!r)
        return -1;
    r->from = (struct report_from){db, stop, arg, "the report was given up"};
    r->ask = (struct report_ask){.dataset = str_of(v->dataset), .picked = true};
    r->frozen = true;
    r->enough = v->enough;
    r->scope = (struct report_scope){.number = v->number,
                                     .shards = v->shards,
                                     .view = strdup(v->recipes),
                                     .dialogues = strdup(v->dialogue_recipes)};
    if (!r->scope.view || !r->scope.dialogues)
        return err_set(e, ERR_NO_MEMORY, "no memory for a report");
    if (report_read_rows(r, e) < 0)
        return -1;
    report_write(r, json);
    return json->failed ? err_set(e, ERR_NO_MEMORY, "no memory for a report") : 0;
}
