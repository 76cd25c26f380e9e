/* Verdicts: all of a request are judged against what is there and stored in one transaction, each
 * by itself; what met somebody else's change is judged again. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/review.h"
#include "server/base/cleanup.h"
#include "server/base/text.h"
#include "server/domain/recipe.h"
#include "server/domain/reserved.h"
#include "server/json/write.h"

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

enum {
    VERDICTS_MAX = 100,
    TEXT_CHARS_MAX = INPUT_CHARS_MAX,
    NOTE_CHARS_MAX = 2000,
    ID_CHARS_MAX = 64,
    ARRAY_BYTES_MAX = 16384,
    RECIPE_BYTES_MAX = 256,
    ROUNDS_MAX = 16
};

const char *const review_verdicts[] = {[VERDICT_ACCEPTED] = "accepted",
                                       [VERDICT_REJECTED] = "rejected",
                                       [VERDICT_CORRECTED] = "corrected",
                                       [VERDICT_SKIPPED] = "skipped",
                                       NULL};

struct given_verdict {
    struct str caption_id, verdict, text, note;
    struct opt_int token;
};

struct verdicts_body {
    struct str reviewer;
    struct list verdicts;
};

static const struct field verdict_fields[] = {
    {FIELD_STRING, "caption_id", .required = true,
     .offset = offsetof(struct given_verdict, caption_id), .min = 1, .max = ID_CHARS_MAX},
    {FIELD_INT, "token", .required = true, .offset = offsetof(struct given_verdict, token),
     .min = 1, .max = SAFE_INTEGER_MAX},
    {FIELD_ENUM, "verdict", .required = true, .offset = offsetof(struct given_verdict, verdict),
     .values = review_verdicts},
    {FIELD_STRING, "text", .offset = offsetof(struct given_verdict, text), .max = TEXT_CHARS_MAX},
    {FIELD_STRING, "note", .offset = offsetof(struct given_verdict, note), .max = NOTE_CHARS_MAX},
    {.type = FIELD_END},
};

const struct field verdicts_fields[] = {
    {FIELD_STRING, "reviewer", .required = true, .offset = offsetof(struct verdicts_body, reviewer),
     .min = 1, .max = REVIEWER_CHARS_MAX},
    {FIELD_OBJECTS, "verdicts", .required = true,
     .offset = offsetof(struct verdicts_body, verdicts), .min = 1, .max = VERDICTS_MAX,
     .fields = verdict_fields, .size = sizeof(struct given_verdict)},
    {.type = FIELD_END},
};

enum fate { FATE_OPEN, FATE_STORED, FATE_REFUSED };

/* Why a verdict was refused, and the member that the pointer names; NULL names the verdict. */
struct refusal {
    const char *reason, *member, *detail;
};

static const struct refusal unknown_item = {"unknown_item", "caption_id",
                                            "the review has no such item"};
static const struct refusal twice = {"repeated", "caption_id",
                                     "an earlier verdict of this request is for the same item"};
static const struct refusal stale = {"stale_token", "token",
                                     "the item is not leased to the reviewer under this token"};
static const struct refusal text_missing = {"text_missing", "text",
                                            "a corrected caption needs its text"};
static const struct refusal text_unwanted = {"text_unwanted", "text",
                                             "only a corrected caption has a text"};
static const struct refusal text_empty = {"text_empty", "text",
                                          "the text has nothing but white space"};
static const struct refusal text_reserved = {"text_reserved", "text",
                                             "the text has a string that trainers reserve"};
static const struct refusal text_same = {"text_same", "text",
                                         "the text is the caption's own: accept it instead"};
static const struct refusal not_stored = {"not_stored", NULL,
                                          "could not be stored now: send it again"};

struct verdict {
    const struct given_verdict *given;
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES];
    struct str text, note; /* of a correction, in normal form; ended by NUL */
    enum fate fate;
    const struct refusal *refusal;
    bool corrected;
    uint8_t correction[CAPTION_HASH_BYTES];
};

struct verdicts {
    struct req *q;
    struct work_ctx *ctx;
    const char *review, *reviewer;
    size_t n;
    struct verdict *all;
    struct array *seeds, *hashes; /* of the open ones */
    int registered;               /* the revision of `human` that was last seen to, or 0 */
    /* What the round at hand writes: calls[i] is for all[writes[i]]. */
    struct db_call *calls;
    size_t writes[VERDICTS_MAX];
    int n_writes;
};

static void refuse(struct verdict *v, const struct refusal *why)
{
    v->fate = FATE_REFUSED;
    v->refusal = why;
}

static bool is_correction(const struct verdict *v)
{
    return str_is(v->given->verdict, review_verdicts[VERDICT_CORRECTED]);
}

/* What is wrong with the text whatever the item is. */
static const struct refusal *check_text(const struct verdict *v)
{
    if (!is_correction(v))
        return v->given->text.p ? &text_unwanted : NULL;
    if (!v->given->text.p)
        return &text_missing;
    if (v->text.n == 0)
        return &text_empty;
    return reserved_string(v->text) ? &text_reserved : NULL;
}

static bool came_before(const struct verdicts *s, const struct verdict *v)
{
    for (const struct verdict *o = s->all; o < v; o++)
        if (o->fate == FATE_OPEN && memcmp(o->seed, v->seed, sizeof(v->seed)) == 0 &&
            memcmp(o->hash, v->hash, sizeof(v->hash)) == 0)
            return true;
    return false;
}

static int prepare(const struct verdicts *s, struct verdict *v, struct err *e)
{
    struct arena *a = s->q->arena;
    const struct given_verdict *g = v->given;
    if (g->text.p)
        v->text = arena_str(a, text_normalise(a, g->text));
    if (g->note.p && str_trim(g->note).n > 0)
        v->note = g->note;
    if (g->text.p && !v->text.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the verdicts");
    const struct refusal *fault = check_text(v);
    if (!caption_id_parse(g->caption_id, v->seed, v->hash))
        refuse(v, &unknown_item);
    else if (came_before(s, v))
        refuse(v, &twice);
    else if (fault)
        refuse(v, fault);
    return 0;
}

/* Columns of review_items_load. */
enum {
    COL_PLACE,
    COL_SHARD,
    COL_TOKEN,
    COL_REVIEWER,
    COL_REVISION,
    COL_VERDICT,
    COL_NOTE,
    COL_CORRECTED_TEXT,
    COL_TEXT,
    COL_VARIANT,
    COL_HUMAN_REVISION,
    COL_HUMAN_HASH,
    COL_HUMAN_TEXT,
    COL_HUMAN_USABLE,
    COL_CORRECTION
};

static bool same_text(const struct rows *r, int row, int col, struct str s)
{
    return rows_null(r, row, col) ? !s.p : s.p && str_eq(rows_text(r, row, col), s);
}

/* Whether the item has this very verdict already. */
static bool stands(const struct verdict *v, const struct rows *r, int row)
{
    return same_text(r, row, COL_VERDICT, v->given->verdict) &&
           same_text(r, row, COL_NOTE, v->note) &&
           (!is_correction(v) || same_text(r, row, COL_CORRECTED_TEXT, v->text));
}

static void take_correction(struct verdict *v, struct str hash)
{
    v->corrected = true;
    memcpy(v->correction, hash.p, sizeof(v->correction));
}

/* The recipe is the dataset's before a caption of it is there: a view that lacked it would not show
 * what somebody else's statement has just stored. */
static const char *human_recipe(struct verdicts *s, int64_t shard, int revision,
                                uint8_t id[RECIPE_ID_BYTES], struct err *e)
{
    struct buf json;
    struct db_call c;
    buf_init(&json, RECIPE_BYTES_MAX);
    recipe_human(revision, &json, id);
    const char *settings = json.failed ? NULL : arena_dup(s->q->arena, json.p, json.n);
    const char *text = hex_text(s->q, id, RECIPE_ID_BYTES);
    buf_free(&json);
    if (!settings || !text) {
        (void)err_set(e, ERR_NO_MEMORY, "no memory for a correction");
        return NULL;
    }
    if (revision == s->registered)
        return text;
    call_init(&c, STMT_HUMAN_RECIPE_PUT);
    call_i64(&c, shard / SHARDS_MAX);
    call_z(&c, text);
    call_z(&c, settings);
    if (db_run(s->ctx->db, &c, NULL, e) < 0)
        return NULL;
    s->registered = revision;
    return text;
}

/* A human caption takes the next revision's slot, unless the newest one says the same already. */
static int bind_correction(struct verdicts *s, struct verdict *v, const struct rows *r, int row,
                           struct db_call *c, struct err *e)
{
    uint8_t recipe[RECIPE_ID_BYTES];
    if (rows_bool(r, row, COL_HUMAN_USABLE) && same_text(r, row, COL_HUMAN_TEXT, v->text)) {
        take_correction(v, rows_bytes(r, row, COL_HUMAN_HASH));
        call_bytes(c, v->correction, sizeof(v->correction));
        call_null(c);
        call_null(c);
        return 0;
    }
    int revision = (int)rows_i64(r, row, COL_HUMAN_REVISION) + 1;
    const char *id = human_recipe(s, rows_i64(r, row, COL_SHARD), revision, recipe, e);
    if (!id)
        return -1;
    v->corrected = true;
    caption_hash(recipe, (int)rows_i64(r, row, COL_VARIANT), v->text, v->correction);
    call_bytes(c, v->correction, sizeof(v->correction));
    call_text(c, v->text);
    call_z(c, id);
    return 0;
}

static int bind_verdict(struct verdicts *s, struct verdict *v, const struct rows *r, int row,
                        struct db_call *c, struct err *e)
{
    call_init(c, STMT_REVIEW_VERDICT_PUT);
    call_i64(c, rows_i64(r, row, COL_SHARD));
    call_z(c, s->review);
    call_bytes(c, v->seed, sizeof(v->seed));
    call_bytes(c, v->hash, sizeof(v->hash));
    call_i64(c, v->given->token.v);
    call_z(c, s->reviewer);
    call_i64(c, rows_i64(r, row, COL_REVISION));
    call_text(c, v->given->verdict);
    call_text(c, v->note);
    if (is_correction(v))
        return bind_correction(s, v, r, row, c, e);
    for (int i = 0; i < 3; i++)
        call_null(c);
    return 0;
}

/* Settles what needs no writing; the rest becomes a call. */
static int judge(struct verdicts *s, size_t i, const struct rows *r, int row, struct err *e)
{
    struct verdict *v = &s->all[i];
    v->corrected = false;
    if (rows_null(r, row, COL_SHARD)) {
        refuse(v, &unknown_item);
    } else if (rows_i64(r, row, COL_TOKEN) != v->given->token.v ||
               !same_text(r, row, COL_REVIEWER, str_of(s->reviewer))) {
        refuse(v, &stale);
    } else if (is_correction(v) && same_text(r, row, COL_TEXT, v->text)) {
        refuse(v, &text_same);
    } else if (stands(v, r, row)) {
        v->fate = FATE_STORED;
        if (is_correction(v))
            take_correction(v, rows_bytes(r, row, COL_CORRECTION));
    } else {
        s->writes[s->n_writes] = i;
        return bind_verdict(s, v, r, row, &s->calls[s->n_writes++], e);
    }
    return 0;
}

/* By place in the tables, so that two requests take their locks in one order. */
static int compare(const void *a, const void *b)
{
    const struct verdict *x = *(const struct verdict *const *)a,
                         *y = *(const struct verdict *const *)b;
    int order = memcmp(x->seed, y->seed, sizeof(x->seed));
    return order ? order : memcmp(x->hash, y->hash, sizeof(x->hash));
}

/* The open ones, in order; how many. */
static int gather(struct verdicts *s, struct verdict **open)
{
    int n = 0;
    array_reset(s->seeds);
    array_reset(s->hashes);
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].fate == FATE_OPEN)
            open[n++] = &s->all[i];
    qsort(open, (size_t)n, sizeof(open[0]), compare);
    for (int i = 0; i < n; i++) {
        array_add(s->seeds, (struct str){(const char *)open[i]->seed, SEED_ID_BYTES});
        array_add(s->hashes, (struct str){(const char *)open[i]->hash, CAPTION_HASH_BYTES});
    }
    return n;
}

static int load(const struct verdicts *s, struct rows **rows, struct err *e)
{
    struct db_call c;
    if (bind_review(s->q, &c, STMT_REVIEW_ITEMS_LOAD, e) < 0 ||
        op_call_array(&c, s->seeds, e) < 0 || op_call_array(&c, s->hashes, e) < 0 ||
        db_run(s->ctx->db, &c, rows, e) < 0)
        return -1;
    return rows_count(*rows) ? 0 : review_not_found(e);
}

static int write_all(struct verdicts *s, struct err *e)
{
    struct rows *rows[VERDICTS_MAX];
    if (s->n_writes == 0)
        return 0;
    if (db_batch(s->ctx->db, s->calls, s->n_writes, rows, e) < 0)
        return -1;
    for (int i = 0; i < s->n_writes; i++) {
        if (rows_count(rows[i]) > 0)
            s->all[s->writes[i]].fate = FATE_STORED;
        rows_free(rows[i]);
    }
    return 0;
}

/* How many are open still, or -1. */
static int round_of(struct verdicts *s, struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct verdict *open[VERDICTS_MAX];
    int n = gather(s, open), left = 0;
    s->n_writes = 0;
    if (load(s, &rows, e) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (judge(s, (size_t)(open[i] - s->all), rows, i, e) < 0)
            return -1;
    if (write_all(s, e) < 0)
        return -1;
    for (size_t i = 0; i < s->n; i++)
        left += s->all[i].fate == FATE_OPEN;
    return left;
}

/* A failure of the first round has changed nothing. Later ones may follow what was stored, which is
 * what the client must hear. */
static int settle(struct verdicts *s, struct err *e)
{
    int left = round_of(s, e);
    if (left < 0)
        return -1;
    for (int round = 1; left > 0 && round < ROUNDS_MAX; round++) {
        struct err ignored = {0};
        left = round_of(s, &ignored);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].fate == FATE_OPEN)
            refuse(&s->all[i], &not_stored);
    return 0;
}

static void write_stored(const struct verdict *v, struct buf *b)
{
    char id[CAPTION_ID_TEXT + 1];
    json_open(b, '{');
    json_key(b, "caption_id");
    json_str(b, v->given->caption_id);
    json_key(b, "verdict");
    json_str(b, v->given->verdict);
    if (v->corrected) {
        caption_id(v->seed, v->correction, id);
        json_key(b, "correction");
        json_z(b, id);
    }
    json_close(b, '}');
}

static void write_refused(const struct verdict *v, size_t i, struct buf *b)
{
    const struct refusal *why = v->refusal;
    char pointer[48];
    (void)snprintf(pointer, sizeof(pointer), "/verdicts/%zu%s%s", i, why->member ? "/" : "",
                   why->member ? why->member : "");
    json_open(b, '{');
    json_key(b, "pointer");
    json_z(b, pointer);
    json_key(b, "reason");
    json_z(b, why->reason);
    json_key(b, "detail");
    json_z(b, why->detail);
    json_close(b, '}');
}

static void render(struct verdicts *s)
{
    struct buf *b = &s->q->res.body;
    res_json(s->q, 200);
    json_open(b, '{');
    json_key(b, "items");
    json_open(b, '[');
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].fate == FATE_STORED)
            write_stored(&s->all[i], b);
    json_close(b, ']');
    json_key(b, "refused");
    json_open(b, '[');
    for (size_t i = 0; i < s->n; i++)
        if (s->all[i].fate == FATE_REFUSED)
            write_refused(&s->all[i], i, b);
    json_close(b, ']');
    json_close(b, '}');
}

static int verdicts_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    const struct verdicts_body *body = op_body(q);
    const struct given_verdict *given = body->verdicts.items;
    struct verdicts s = {
        .q = q,
        .ctx = ctx,
        .review = arena_str(q->arena, q->params[0]).p,
        .reviewer = reviewer_name(q, body->reviewer, e),
        .n = body->verdicts.n,
        .all = arena_alloc(q->arena, body->verdicts.n * sizeof(struct verdict)),
        .calls = arena_alloc(q->arena, body->verdicts.n * sizeof(struct db_call)),
        .seeds = op_array(q, ARRAY_UUID, ARRAY_BYTES_MAX),
        .hashes = op_array(q, ARRAY_BYTEA, ARRAY_BYTES_MAX),
    };
    if (!s.review || !s.reviewer || !s.all || !s.calls)
        return err_set(e, ERR_NO_MEMORY, "no memory for the verdicts");
    for (size_t i = 0; i < s.n; i++) {
        s.all[i].given = &given[i];
        if (prepare(&s, &s.all[i], e) < 0)
            return -1;
    }
    if (settle(&s, e) < 0)
        return -1;
    render(&s);
    return 0;
}

const struct operation op_give_verdicts = {.work = verdicts_work,
                                           .body_size = sizeof(struct verdicts_body)};
