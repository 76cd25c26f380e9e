/* The import of seeds: a line is the text of one, or a JSON object with its members. */
#include "handlers/bind.h"
#include "handlers/import.h"
#include "handlers/operations.h"
#include "handlers/seed_input.h"
#include "server/base/cleanup.h"

/* As in a request, but the text's length is judged after normalisation alone, where the reasons
 * "empty" and "too_long" come from. */
static const struct field line_fields[] = {
    {FIELD_STRING, "text", .required = true, .offset = offsetof(struct seed_input, text)},
    {FIELD_STRING, "source", .offset = offsetof(struct seed_input, source), .max = SEED_LABEL_MAX},
    {FIELD_STRING, "domain", .offset = offsetof(struct seed_input, domain), .max = SEED_LABEL_MAX},
    {FIELD_MAP, "metadata", .offset = offsetof(struct seed_input, metadata),
     .max = SEED_METADATA_MAX},
    {.type = FIELD_END},
};

static int take(struct import *m, struct str line, bool plain)
{
    uint8_t id[SEED_ID_BYTES];
    char detail[160];
    struct seed_input seed = {.text = line};
    int rc = plain ? TAKEN : import_decode(m, line, line_fields, &seed, sizeof(seed));
    if (rc != TAKEN)
        return rc;
    const char *fault = seed_input_normalise(&seed, m->line_arena, detail);
    if (fault && strcmp(fault, "no_memory") == 0)
        return err_set(m->e, ERR_NO_MEMORY, "no memory for a line");
    if (fault && plain && seed.text.n == 0)
        return BLANK;
    if (fault) {
        import_refuse(m, m->line, fault, detail);
        return REFUSED;
    }
    if (!seed.source.p)
        seed.source = m->source;
    if (!seed.domain.p)
        seed.domain = m->domain;
    seed_batch_add(m->batch, &seed, id);
    return TAKEN;
}

static size_t bytes(const struct import *m)
{
    return seed_batch_bytes(m->batch);
}

static int store(struct import *m)
{
    struct seed_counts stored;
    if (seed_batch_store(m->batch, m->q, m->ctx, m->dataset, &stored, m->e) < 0)
        return -1;
    m->counts->created += stored.created;
    m->counts->duplicate += stored.duplicate;
    m->counts->differs += stored.differs;
    return 0;
}

static const struct import_kind seeds_kind = {.take = take, .bytes = bytes, .store = store};

static int import_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(freep) struct import_counts *counts = calloc(1, sizeof(*counts));
    struct seed_batch batch;
    if (!counts)
        return err_set(e, ERR_NO_MEMORY, "no memory for an import");
    if (require_dataset(q, ctx, e) < 0)
        return -1;
    seed_batch_init(&batch, IMPORT_COLUMN_BYTES_MAX);
    int rc = import_run(q, ctx, &seeds_kind, &batch, counts, e);
    seed_batch_free(&batch);
    seed_metrics(counts->created, counts->duplicate, counts->refused);
    return rc;
}

const struct operation op_import_seeds = {.work = import_work};
