#include "handlers/bind.h"
#include "handlers/dialogue_query.h"
#include "handlers/operations.h"
#include "handlers/row_line.h"
#include "handlers/row_stream.h"

static const struct row_member members[] = {
    {"id", ROW_ID_OF, 4, 1},
    {"caption_id", ROW_ID, 1, 0},
    {"task", ROW_TEXT, 2, 0},
    {"conversations", ROW_JSON, 5, 0},
    {"recipe", ROW_HEX, 3, 0},
    {"turns", ROW_INT, 6, 0},
    {"model", ROW_TEXT, 7, 0},
    {"provider", ROW_TEXT, 8, 0},
    {"prompt", ROW_TEXT, 9, 0},
    {"calls", ROW_INT, 10, 0},
    {"tokens_in", ROW_INT, 11, 0},
    {"tokens_cached", ROW_INT, 12, 0},
    {"tokens_out", ROW_INT, 13, 0},
    {"tokens_reasoning", ROW_INT, 14, 0},
    {"cost_usd", ROW_COST, 15, 0},
    {"latency_ms", ROW_INT, 16, 0},
    {"run", ROW_HEX, 17, 0},
    {"created_at", ROW_TIME, 18, 0},
    {.form = ROW_END},
};
static const struct row_member llava_members[] = {
    {"id", ROW_ID, 1, 0},
    {"dialogue_id", ROW_ID_OF, 4, 1},
    {"caption", ROW_TEXT, 19, 0},
    {"conversations", ROW_JSON, 5, 0},
    {.form = ROW_END},
};

static void line(const struct row_stream *s, const struct rows *r, int row, struct buf *b)
{
    const struct query_value *format = req_query(s->q, "format");
    bool llava = format->set && format->number == DIALOGUE_LLAVA;
    row_line(llava ? llava_members : members, true, r, row, b);
}

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

static bool place(const struct rows *r, int row, struct row_place *at)
{
    struct str task = rows_text(r, row, 2);
    if (!task.p || task.n >= sizeof(at->task))
        return false;
    memset(at->task, 0, sizeof(at->task));
    memcpy(at->task, task.p, task.n);
    return rows_copy(r, row, 0, at->seed, sizeof(at->seed)) &&
           rows_copy(r, row, 1, at->hash, sizeof(at->hash)) &&
           rows_copy(r, row, 3, at->recipe, sizeof(at->recipe));
}

static const struct row_kind dialogues = {.name = "dialogue",
                                          .names = "dialogues",
                                          .bind = bind,
                                          .before_first = before_first,
                                          .parse = parse,
                                          .find = find,
                                          .place = place,
                                          .line = line};

static int work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return row_stream_work(q, ctx, &dialogues, e);
}

const struct operation op_stream_dialogues = {.work = work};
