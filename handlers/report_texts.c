/* A report's texts: pages of captions and conversations into accumulators. */
#include <math.h>
#include <stdio.h>
#include <zlib.h>

#include "handlers/report.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/domain/self_bleu.h"
#include "server/json/decode.h"

enum {
    ARENA_BYTES = 16 << 20,
    NODES_MAX = 4096,
    VALUES_MAX = 512,
    CONVERSATIONS_BYTES = 1 << 20,
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NO_MEMORY, "no memory for the texts of a report");
}

/* Where the next page starts: the key of the last row, as the parameters that the statement takes.
 */
struct place {
    char seed[33], recipe[33], task[LEDGER_KEY];
    uint8_t hash[CAPTION_HASH_BYTES];
    size_t hash_bytes;
    int64_t variant;
};

static void take_id(char out[33], struct str bytes)
{
    if (bytes.n == SEED_ID_BYTES)
        hex_encode((const uint8_t *)bytes.p, SEED_ID_BYTES, out);
}

static struct place before_first(void)
{
    return (struct place){.seed = "00000000000000000000000000000000",
                          .recipe = "00000000000000000000000000000000"};
}

/* Of rows that begin with seed, recipe, variant, hash. */
static uint64_t key_of(const struct rows *rows, int i)
{
    struct str seed = rows_bytes(rows, i, 0), hash = rows_bytes(rows, i, 3);
    char id[CAPTION_ID_TEXT + 1];
    if (seed.n != SEED_ID_BYTES || hash.n != CAPTION_HASH_BYTES)
        return UINT64_MAX;
    caption_id((const uint8_t *)seed.p, (const uint8_t *)hash.p, id);
    return hash_choice(STR("report:"), (struct str){id, CAPTION_ID_TEXT});
}

static int add_caption(struct report *r, const struct rows *rows, int i, struct err *e)
{
    struct str text = rows_text(rows, i, 4);
    r->measured++;
    r->trial += rows_bool(rows, i, 5);
    spread_add(&r->words, (int64_t)text_words(text));
    spread_add(&r->characters, (int64_t)text_length(text));
    spread_add(&r->sentences, (int64_t)text_sentences(text));
    if (!lexical_add(&r->lexical, text, NULL) ||
        !sample_add(&r->sample, key_of(rows, i), text, rows_bytes(rows, i, 6)))
        return no_memory(e);
    const struct terms *w = &r->lexical.scratch.terms;
    if (w->n == 0)
        return 0;
    uint64_t same = terms_gram(w->hash, w->n);
    r->with_words++;
    distinct_add(&r->texts, &same, 1);
    openings_add(&r->openings, w, text);
    return 0;
}

static int add_signature(struct report *r, const struct rows *rows, int i, struct err *e)
{
    (void)e;
    near_look(&r->near, key_of(rows, i), rows_bytes(rows, i, 4));
    return 0;
}

/* What both statements over captions take, and what is done with each of their rows. */
struct pass {
    enum stmt_id stmt;
    int (*add)(struct report *r, const struct rows *rows, int i, struct err *e);
};

/* Reads one page; how many rows it had, 0 at the end of the shard. */
static int captions_page(struct report *r, const struct pass *pass, int64_t shard, struct place *at,
                         struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, pass->stmt);
    call_i64(&c, shard);
    call_z(&c, at->seed);
    call_z(&c, at->recipe);
    call_i64(&c, at->variant);
    call_text(&c, r->ask.run);
    call_text(&c, r->ask.recipe);
    call_bool(&c, r->ask.picked);
    call_z(&c, r->scope.view);
    if (report_statement(r, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++)
        if (pass->add(r, rows, i, e) < 0)
            return -1;
    if (n > 0) {
        take_id(at->seed, rows_bytes(rows, n - 1, 0));
        take_id(at->recipe, rows_bytes(rows, n - 1, 1));
        at->variant = rows_i64(rows, n - 1, 2);
    }
    return n;
}

static int captions_pass(struct report *r, const struct pass *pass, int64_t shard, struct err *e)
{
    struct place at = before_first();
    int n;
    do
        n = captions_page(r, pass, shard, &at, e);
    while (n > 0);
    return n;
}

int report_read_texts(struct report *r, int64_t shard, struct err *e)
{
    const struct pass pass = {STMT_REPORT_TEXTS, add_caption};
    return captions_pass(r, &pass, shard, e);
}

int report_read_near(struct report *r, int64_t shard, struct err *e)
{
    const struct pass pass = {STMT_REPORT_SIGNATURES, add_signature};
    return captions_pass(r, &pass, shard, e);
}

struct turn {
    struct str from, value;
};
struct conversation {
    struct list turns;
};

static const struct field turn_fields[] = {
    {FIELD_STRING, "from", .required = true, .offset = offsetof(struct turn, from), .max = 64},
    {FIELD_STRING, "value", .required = true, .offset = offsetof(struct turn, value),
     .max = CONVERSATIONS_BYTES},
    {.type = FIELD_END},
};
static const struct field conversation_fields[] = {
    {FIELD_OBJECTS, "turns", .required = true, .offset = offsetof(struct conversation, turns),
     .max = VALUES_MAX, .fields = turn_fields, .size = sizeof(struct turn)},
    {.type = FIELD_END},
};

/* What cannot be read is not measured: a row of the database is no reason to give a report up. */
static bool add_conversation(struct report *r, struct str json, int task, struct arena *a)
{
    struct conversation c;
    struct err e = {0};
    struct str values[VALUES_MAX];
    const char *whole = arena_printf(a, "{\"turns\":" STR_FMT "}", STR_ARG(json));
    if (!whole ||
        json_decode(str_of(whole), conversation_fields, NODES_MAX, a, &c, sizeof(c), &e) < 0)
        return false;
    const struct turn *turns = c.turns.items;
    for (size_t i = 0; i < c.turns.n; i++)
        values[i] = turns[i].value;
    dialogue_figures_add(&r->tasks[task].figures, values, c.turns.n);
    return true;
}

static void add_dialogue(struct report *r, const struct rows *rows, int i, struct arena *a)
{
    for (int task = 0; task < DIALOGUE_TASKS; task++)
        if (str_is(rows_text(rows, i, 2), dialogue_tasks[task]) &&
            add_conversation(r, rows_text(rows, i, 4), task, a)) {
            r->dialogues_measured++;
            r->dialogues_trial += rows_bool(rows, i, 5);
        }
    arena_reset(a);
}

static void take_place(const struct rows *rows, int i, struct place *at)
{
    struct str hash = rows_bytes(rows, i, 1), task = rows_text(rows, i, 2);
    take_id(at->seed, rows_bytes(rows, i, 0));
    take_id(at->recipe, rows_bytes(rows, i, 3));
    at->hash_bytes = hash.n < sizeof(at->hash) ? hash.n : sizeof(at->hash);
    memcpy(at->hash, hash.p, at->hash_bytes);
    (void)snprintf(at->task, sizeof(at->task), STR_FMT, STR_ARG(task));
}

static int dialogues_page(struct report *r, int64_t shard, struct place *at, struct arena *a,
                          struct err *e)
{
    _cleanup_(rows_freep) struct rows *rows = NULL;
    struct db_call c;
    call_init(&c, STMT_REPORT_CONVERSATIONS);
    call_i64(&c, shard);
    call_z(&c, at->seed);
    call_bytes(&c, at->hash, at->hash_bytes);
    call_z(&c, at->task);
    call_z(&c, at->recipe);
    call_text(&c, r->ask.run);
    call_text(&c, r->ask.recipe);
    call_bool(&c, r->ask.picked);
    call_z(&c, r->scope.view);
    call_z(&c, r->scope.dialogues);
    if (report_statement(r, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++)
        add_dialogue(r, rows, i, a);
    if (n > 0)
        take_place(rows, n - 1, at);
    return n;
}

int report_read_dialogues(struct report *r, int64_t shard, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
    struct place at = before_first();
    int n;
    if (!a)
        return no_memory(e);
    do
        n = dialogues_page(r, shard, &at, a, e);
    while (n > 0);
    return n;
}

/* The sample's texts, a line each, by deflate: how many times smaller they become. */
static bool compress_sample(const struct sample *s, double *ratio)
{
    struct buf lines;
    buf_init(&lines, (size_t)1 << 30);
    for (size_t i = 0; i < s->n; i++) {
        buf_adds(&lines, s->items[i].text);
        buf_addc(&lines, '\n');
    }
    uLongf packed = compressBound(lines.n);
    _cleanup_(freep) Bytef *out = malloc(packed);
    bool ok = !lines.failed && out &&
              compress2(out, &packed, (const Bytef *)lines.p, lines.n, Z_BEST_COMPRESSION) == Z_OK;
    if (ok)
        *ratio = (double)lines.n / (double)packed;
    buf_free(&lines);
    return ok;
}

int report_finish(struct report *r, struct err *e)
{
    struct str texts[REPORT_SAMPLE];
    r->self_bleu = r->compression = (double)NAN;
    sample_sort(&r->sample);
    for (size_t i = 0; i < r->sample.n; i++)
        texts[i] = r->sample.items[i].text;
    if (r->sample.n && (!compress_sample(&r->sample, &r->compression) ||
                        !self_bleu4(texts, r->sample.n, &r->self_bleu)))
        return no_memory(e);
    return near_init(&r->near, &r->sample) ? 0 : no_memory(e);
}
