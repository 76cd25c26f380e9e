/* What replicas share: they say that they are there, and hear which limits operators have set. */
#include "server/work/internal.h"

static const struct llm_limits as_configured;

static void apply(const struct work *w, const struct rows *rows)
{
    int replicas = (int)rows_i64(rows, 0, 0);
    atomic_store(w->s.replicas, replicas);
    for (int i = 0; i < w->s.n_providers; i++) {
        struct llm_provider *p = w->s.providers[i];
        struct llm_limits l = as_configured;
        for (int row = 0; row < rows_count(rows); row++)
            if (str_is(rows_text(rows, row, 1), llm_provider_settings(p)->name))
                l = (struct llm_limits){.max_in_flight = (int)rows_i64(rows, row, 2),
                                        .rpm = (int)rows_i64(rows, row, 3),
                                        .tpm = rows_i64(rows, row, 4)};
        llm_set_limits(p, &l, replicas);
    }
}

int limits_share(struct work *w, struct db *db, struct err *e)
{
    struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_REPLICA_SEEN);
    call_z(&c, w->name);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) > 0)
        apply(w, rows);
    rows_free(rows);
    return 0;
}

void limits_leave(struct work *w, struct db *db)
{
    struct db_call c;
    struct err e = {0};
    call_init(&c, STMT_REPLICA_LEAVES);
    call_z(&c, w->name);
    (void)db_run(db, &c, NULL, &e);
}
