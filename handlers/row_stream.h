/* The rows of a dataset as lines of JSON, an answer that is made while it is sent: shard by shard
 * in the order of the list, in pages that are a statement each, so that memory and the database's
 * snapshots stay small however long it takes. */
#ifndef MONOCEROS_HANDLERS_ROW_STREAM_H
#define MONOCEROS_HANDLERS_ROW_STREAM_H

#include "handlers/operation.h"
#include "server/domain/identity.h"

enum { ROW_TASK_MAX = 32 };

/* Behind which row of which shard the next page starts, and how many rows it has, as the statement
 * takes them. Its call refers to these bytes, so that a page is the same call with others in them.
 */
struct row_place {
    uint8_t shard[8], size[8]; /* big-endian */
    uint8_t seed[SEED_ID_BYTES], recipe[RECIPE_ID_BYTES];
    uint8_t variant[2]; /* of captions; big-endian */
    uint8_t hash[CAPTION_HASH_BYTES], dialogue[DIALOGUE_HASH_BYTES];
    char task[ROW_TASK_MAX]; /* of dialogues */
};

struct row_stream;

/* What is streamed. */
struct row_kind {
    const char *name, *names; /* "caption", "captions" */
    /* Makes s->page; the place comes later. */
    int (*bind)(struct row_stream *s, struct err *e);
    void (*before_first)(struct row_place *at);
    /* Seed and hashes of an id from outside; false when it has not the form of one. */
    bool (*parse)(struct str id, struct row_place *at);
    /* The statement that gives the place of such a row. */
    void (*find)(struct db_call *c, const struct row_place *at);
    /* The place of a row of either statement; false when its columns have not their form. */
    bool (*place)(const struct rows *r, int row, struct row_place *at);
    /* The JSON object of a row. */
    void (*line)(const struct row_stream *s, const struct rows *r, int row, struct buf *b);
};

struct row_stream {
    struct req *q;
    struct work_ctx ctx; /* with a connection of its own, whose plans walk indexes */
    const struct row_kind *kind;
    int64_t lo;         /* shard_id of the dataset's first shard */
    int64_t shards;     /* of the dataset */
    int64_t reader, of; /* of the shards k those with k % of == reader */
    int64_t first;      /* shard to begin with */
    int64_t left;       /* rows that may still be sent */
    int64_t row_bytes;  /* about */
    struct str view;    /* the recipes of the default view, an array as text */
    struct row_place at;
    struct db_call page;
    struct buf lines;
    bool begun;
};

/* The whole answer, on a thread of the pool. */
int row_stream_work(struct req *q, struct work_ctx *ctx, const struct row_kind *kind,
                    struct err *e);

#endif
