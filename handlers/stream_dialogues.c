#include "handlers/bind.h"
#include "handlers/dialogue_query.h"
#include "handlers/operations.h"
#include "handlers/row_stream.h"

static int bind(struct row_stream *s, struct err *e)
{
    struct req *q = s->q;
    struct db_call *c = &s->page;
    call_init(c, STMT_DIALOGUES_STREAM);
    call_bytes(c, s->at.shard, sizeof(s->at.shard));
    call_text(c, s->view);
    call_bytes(c, s->at.seed, sizeof(s->at.seed));
    call_bytes(c, s->at.hash, sizeof(s->at.hash));
    call_z(c, s->at.task);
    call_bytes(c, s->at.recipe, sizeof(s->at.recipe));
    if (dialogue_query_bind(q, c, e) < 0)
        return -1;
    call_bytes(c, s->at.size, sizeof(s->at.size));
    return 0;
}

static void before_first(struct row_place *at)
{
    memset(at->seed, 0, sizeof(at->seed));
    memset(at->hash, 0, sizeof(at->hash));
    memset(at->task, 0, sizeof(at->task));
    memset(at->recipe, 0, sizeof(at->recipe));
}

static bool parse(struct str id, struct row_place *at)
{
    return dialogue_id_parse(id, at->seed, at->hash, at->dialogue);
}

static void find(struct db_call *c, const struct row_place *at)
{
    call_init(c, STMT_DIALOGUE_PLACE);
    call_bytes(c, at->shard, sizeof(at->shard));
    call_bytes(c, at->seed, sizeof(at->seed));
    call_bytes(c, at->hash, sizeof(at->hash));
    call_bytes(c, at->dialogue, sizeof(at->dialogue));
}

static bool place(const struct rows *r, int row, int col, struct row_place *at)
{
    struct str task = rows_text(r, row, col + 2);
    if (task.n >= sizeof(at->task))
        return false;
    memset(at->task, 0, sizeof(at->task));
    memcpy(at->task, task.p, task.n);
    return rows_copy(r, row, col, at->seed, sizeof(at->seed)) &&
           rows_copy(r, row, col + 1, at->hash, sizeof(at->hash)) &&
           rows_copy(r, row, col + 3, at->recipe, sizeof(at->recipe));
}

static const struct row_kind dialogues = {"dialogue", "dialogues", bind, before_first,
                                          parse,      find,        place};

static int work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return row_stream_work(q, ctx, &dialogues, e);
}

const struct operation op_stream_dialogues = {.work = work};
