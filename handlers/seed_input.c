#include "handlers/seed_input.h"

#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/limits.h"
#include "server/base/cleanup.h"
#include "server/base/metrics.h"
#include "server/base/text.h"

const struct field seed_input_fields[] = {
    {FIELD_STRING, "text", .required = true, .offset = offsetof(struct seed_input, text), .min = 1,
     .max = SEED_RAW_CHARS_MAX},
    {FIELD_STRING, "source", .offset = offsetof(struct seed_input, source), .max = SEED_LABEL_MAX},
    {FIELD_STRING, "domain", .offset = offsetof(struct seed_input, domain), .max = SEED_LABEL_MAX},
    {FIELD_MAP, "metadata", .offset = offsetof(struct seed_input, metadata),
     .max = SEED_METADATA_MAX},
    {.type = FIELD_END},
};

void seed_batch_init(struct seed_batch *b, size_t max_bytes)
{
    array_init(&b->ids, ARRAY_UUID, max_bytes);
    array_init(&b->texts, ARRAY_TEXT, max_bytes);
    array_init(&b->sources, ARRAY_TEXT, max_bytes);
    array_init(&b->domains, ARRAY_TEXT, max_bytes);
    array_init(&b->metadata, ARRAY_TEXT, max_bytes);
}

void seed_batch_free(struct seed_batch *b)
{
    array_free(&b->ids);
    array_free(&b->texts);
    array_free(&b->sources);
    array_free(&b->domains);
    array_free(&b->metadata);
}

void seed_batch_reset(struct seed_batch *b)
{
    array_reset(&b->ids);
    array_reset(&b->texts);
    array_reset(&b->sources);
    array_reset(&b->domains);
    array_reset(&b->metadata);
}

size_t seed_batch_bytes(const struct seed_batch *b)
{
    return b->texts.b.n + b->sources.b.n + b->domains.b.n + b->metadata.b.n;
}

void seed_batch_add_known(struct seed_batch *b, const struct seed_input *s,
                          const uint8_t id[SEED_ID_BYTES])
{
    array_add(&b->ids, (struct str){(const char *)id, SEED_ID_BYTES});
    array_add(&b->texts, s->text);
    array_add(&b->sources, s->source);
    array_add(&b->domains, s->domain);
    array_add(&b->metadata, s->metadata);
}

void seed_batch_add(struct seed_batch *b, const struct seed_input *s, uint8_t id[SEED_ID_BYTES])
{
    seed_id(s->text, id);
    seed_batch_add_known(b, s, id);
}

int seed_batch_call(struct seed_batch *b, struct db_call *c, struct err *e)
{
    if (op_call_array(c, &b->ids, e) < 0 || op_call_array(c, &b->texts, e) < 0 ||
        op_call_array(c, &b->sources, e) < 0 || op_call_array(c, &b->domains, e) < 0)
        return -1;
    return op_call_array(c, &b->metadata, e);
}

int seed_batch_store(struct seed_batch *b, struct req *q, struct work_ctx *ctx, const char *dataset,
                     struct seed_counts *counts, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_SEEDS_PUT);
    bind_caller(q, &c);
    call_z(&c, dataset);
    if (seed_batch_call(b, &c, e) < 0)
        return -1;
    limits_bind_seeds(q, &c);
    if (request_pool_run(ctx, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_NOT_FOUND, "the dataset was deleted meanwhile");
    counts->created = rows_i64(rows, 0, 0);
    counts->duplicate = b->ids.n - counts->created;
    counts->differs = rows_i64(rows, 0, 1);
    seed_batch_reset(b);
    return 0;
}

const char *seed_input_normalise(struct seed_input *s, struct arena *a, char detail[160])
{
    s->text = text_normalise(a, s->text);
    if (!s->text.p)
        return "no_memory";
    if (s->text.n == 0) {
        (void)snprintf(detail, 160, "the text has nothing but white space");
        return "empty";
    }
    size_t n = text_length(s->text);
    if (n <= SEED_CHARS_MAX)
        return NULL;
    (void)snprintf(detail, 160, "the text has %zu characters, %d are allowed", n, SEED_CHARS_MAX);
    return "too_long";
}

void seed_metrics(int64_t created, int64_t duplicate, int64_t refused)
{
    metric_add(METRIC_SEEDS_IMPORTED, "outcome=\"new\"", created);
    metric_add(METRIC_SEEDS_IMPORTED, "outcome=\"duplicate\"", duplicate);
    metric_add(METRIC_SEEDS_IMPORTED, "outcome=\"refused\"", refused);
}
