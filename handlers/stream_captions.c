#include "handlers/bind.h"
#include "handlers/caption_filter.h"
#include "handlers/operations.h"
#include "handlers/row_stream.h"

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

static bool place(const struct rows *r, int row, int col, struct row_place *at)
{
    return rows_copy(r, row, col, at->seed, sizeof(at->seed)) &&
           rows_copy(r, row, col + 1, at->recipe, sizeof(at->recipe)) &&
           rows_copy(r, row, col + 2, at->variant, sizeof(at->variant));
}

static const struct row_kind captions = {"caption", "captions", bind, before_first,
                                         parse,     find,       place};

static int work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    return row_stream_work(q, ctx, &captions, e);
}

const struct operation op_stream_captions = {.work = work};
