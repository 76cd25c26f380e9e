/* Seeds as they come in, by request or by import, and their way into the database. */
#ifndef MONOCEROS_HANDLERS_SEED_INPUT_H
#define MONOCEROS_HANDLERS_SEED_INPUT_H

#include "handlers/operation.h"
#include "server/domain/identity.h"
#include "server/json/decode.h"

enum {
    SEED_CHARS_MAX = 4000,
    SEED_RAW_CHARS_MAX = 16000,
    SEED_LABEL_MAX = 200,
    SEED_METADATA_MAX = 8192
};

struct seed_input {
    struct str text, source, domain, metadata;
};

extern const struct field seed_input_fields[];

/* Columns of a batch. */
struct seed_batch {
    struct array ids, texts, sources, domains, metadata;
};

void seed_batch_init(struct seed_batch *b, size_t max_bytes);
void seed_batch_free(struct seed_batch *b);
void seed_batch_reset(struct seed_batch *b);
size_t seed_batch_bytes(const struct seed_batch *b);
/* Adds a seed whose text is normalised and gives its id. */
void seed_batch_add(struct seed_batch *b, const struct seed_input *s, uint8_t id[SEED_ID_BYTES]);
/* Adds a seed with this id; one whose text is unset is known by its id alone. */
void seed_batch_add_known(struct seed_batch *b, const struct seed_input *s,
                          const uint8_t id[SEED_ID_BYTES]);
/* Adds the columns to a call that has caller and dataset. */
int seed_batch_call(struct seed_batch *b, struct db_call *c, struct err *e);

/* What became of the seeds of a batch; `differs` of the duplicates. */
struct seed_counts {
    int64_t created, duplicate, differs;
};

/* Stores the batch on a thread of the pool and empties it. -1 with ERR_NOT_FOUND when the dataset
 * is gone. */
int seed_batch_store(struct seed_batch *b, struct req *q, struct work_ctx *ctx, const char *dataset,
                     struct seed_counts *counts, struct err *e);

/* Normalises the text in place. NULL, or what is wrong with it: "empty", "too_long" (then in
 * `detail`), "no_memory". */
const char *seed_input_normalise(struct seed_input *s, struct arena *a, char detail[160]);

/* Counts stored, known and refused seeds in the metrics. */
void seed_metrics(int64_t created, int64_t duplicate, int64_t refused);

#endif
