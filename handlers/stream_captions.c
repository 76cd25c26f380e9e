#include "handlers/bind.h"
#include "handlers/caption_filter.h"
#include "handlers/operations.h"
#include "handlers/row_line.h"
#include "handlers/row_stream.h"

static const struct row_member members[] = {
    {"id", ROW_ID, 3, 0},
    {"seed_id", ROW_HEX, 0, 0},
    {"recipe", ROW_HEX, 1, 0},
    {"variant", ROW_INT, 2, 0},
    {"text", ROW_TEXT, 4, 0},
    {"length", ROW_LENGTH, 4, 0},
    {"model", ROW_TEXT, 5, 0},
    {"finish_reason", ROW_TEXT, 6, 0},
    {"provider", ROW_TEXT, 7, 0},
    {"prompt", ROW_TEXT, 8, 0},
    {"calls", ROW_INT, 9, 0},
    {"tokens_in", ROW_INT, 10, 0},
    {"tokens_cached", ROW_INT, 11, 0},
    {"tokens_out", ROW_INT, 12, 0},
    {"tokens_reasoning", ROW_INT, 13, 0},
    {"cost_usd", ROW_COST, 14, 0},
    {"latency_ms", ROW_INT, 15, 0},
    {"flags", ROW_JSON, 16, 0},
    {"dropped", ROW_TEXT, 17, 0},
    {"duplicate_of", ROW_TEXT, 18, 0},
    {"verdict", ROW_TEXT, 19, 0},
    {"reviewer", ROW_TEXT, 20, 0},
    {"reviewed_at", ROW_TIME, 21, 0},
    {"corrects", ROW_ID, 22, 0},
    {"review", ROW_HEX, 23, 0},
    {"run", ROW_HEX, 24, 0},
    {"created_at", ROW_TIME, 25, 0},
    {.form = ROW_END},
};

static void line(const struct row_stream *s, const struct rows *r, int row, struct buf *b)
{
    (void)s;
    row_line(members, false, r, row, b);
}

static int bind(struct row_stream *s, struct err *e)
{
    struct req *q = s->q;
    struct db_call *c = &s->page;
    const struct caption_filter f = caption_filter_of(q);
    call_init(c, STMT_CAPTIONS_STREAM);
    call_bytes(c, s->at.shard, sizeof(s->at.shard));
    call_text(c, s->view);
    if (bind_copy(q, c, caption_filter_verdict(&f), e) < 0)
        return -1;
    call_bytes(c, s->at.seed, sizeof(s->at.seed));
    call_bytes(c, s->at.recipe, sizeof(s->at.recipe));
    call_bytes(c, s->at.variant, sizeof(s->at.variant));
    if (caption_filter_bind(q, c, &f, e) < 0)
        return -1;
    call_bytes(c, s->at.size, sizeof(s->at.size));
    call_bool(c, f.verdict.p && str_is(f.verdict, "none"));
    return caption_filter_bind_rest(q, c, &f, e);
}

static void before_first(struct row_place *at)
{
    memset(at->seed, 0, sizeof(at->seed));
    memset(at->recipe, 0, sizeof(at->recipe));
    memset(at->variant, 0xff, sizeof(at->variant)); /* -1 */
}

static bool parse(struct str id, struct row_place *at)
{
    return caption_id_parse(id, at->seed, at->hash);
}

static void find(struct db_call *c, const struct row_place *at)
{
    call_init(c, STMT_CAPTION_PLACE);
    call_bytes(c, at->shard, sizeof(at->shard));
    call_bytes(c, at->seed, sizeof(at->seed));
    call_bytes(c, at->hash, sizeof(at->hash));
}

static bool place(const struct rows *r, int row, struct row_place *at)
{
    return rows_copy(r, row, 0, at->seed, sizeof(at->seed)) &&
           rows_copy(r, row, 1, at->recipe, sizeof(at->recipe)) &&
           rows_copy(r, row, 2, at->variant, sizeof(at->variant));
}

static const struct row_kind captions = {.name = "caption",
                                         .names = "captions",
                                         .bind = bind,
                                         .before_first = before_first,
                                         .parse = parse,
                                         .find = find,
                                         .place = place,
                                         .line = line};

static int work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return row_stream_work(q, ctx, &captions, e);
}

const struct operation op_stream_captions = {.work = work};
