/* What replicas share: they say that they are there and why their calls wait, and hear which limits
 * operators have set. */
#include <stdio.h>

#include "server/json/write.h"
#include "server/work/internal.h"

enum { WAITING_BYTES_MAX = 65536 };

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

static void write_waits(struct buf *json, const char *kind, const char *name, const struct waits *w)
{
    char key[160];
    (void)snprintf(key, sizeof(key), "%s:%s", kind, name);
    json_key(json, key);
    json_open(json, '{');
    json_key(json, "code");
    json_z(json, w->code);
    json_key(json, "detail");
    json_z(json, w->detail);
    json_close(json, '}');
}

static void write_waiting(const struct work *w, struct buf *json)
{
    struct waits waits;
    json_open(json, '{');
    for (int i = 0; i < w->s.n_providers; i++)
        if (llm_provider_waits(w->s.providers[i], &waits))
            write_waits(json, "provider", llm_provider_settings(w->s.providers[i])->name, &waits);
    for (int i = 0; i < w->s.n_encoders; i++)
        if (encoder_waits(w->s.encoders[i], &waits))
            write_waits(json, "encoder", encoder_get_settings(w->s.encoders[i])->name, &waits);
    json_close(json, '}');
}

int limits_share(struct work *w, struct db *db, struct err *e)
{
    struct rows *rows = NULL;
    struct buf waiting;
    struct db_call c;
    buf_init(&waiting, WAITING_BYTES_MAX);
    write_waiting(w, &waiting);
    call_init(&c, STMT_REPLICA_SEEN);
    call_z(&c, w->name);
    call_z(&c, waiting.failed ? "{}" : buf_z(&waiting));
    int rc = db_run(db, &c, &rows, e);
    buf_free(&waiting);
    if (rc < 0)
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
