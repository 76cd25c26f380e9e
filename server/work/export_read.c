/* Reading a shard for an export: pages of seeds, whose captions, dialogues and embeddings come as
 * ranges of their primary keys in one round trip and are put together here. */
#include "server/base/cleanup.h"
#include "server/domain/vector.h"
#include "server/work/export.h"

enum { PAGE_CAPTIONS, PAGE_DIALOGUES, PAGE_EMBEDDINGS, PAGE_SEEDS, PAGE_NEXT, PAGE_PARTS };

/* Columns of export_captions.sql, export_dialogues.sql. */
enum {
    CAPTION_SEED,
    CAPTION_VARIANT,
    CAPTION_HASH,
    CAPTION_PLACE,
    CAPTION_RECIPE,
    CAPTION_TEXT,
    CAPTION_WANTED,
    CAPTION_PROVIDER,
    CAPTION_MODEL,
    CAPTION_PROMPT
};
enum {
    DIALOGUE_SEED,
    DIALOGUE_CAPTION,
    DIALOGUE_TASK,
    DIALOGUE_PLACE,
    DIALOGUE_HASH,
    DIALOGUE_TEXT,
    DIALOGUE_PROVIDER
};
enum { SEED_ID, SEED_TEXT, SEED_SOURCE, SEED_DOMAIN, SEED_WANTED };

struct page {
    struct export_reader *r;
    struct rows *rows[PAGE_PARTS]; /* NULL: not asked for */
    int at[PAGE_PARTS];            /* what lies before belongs to earlier seeds */
};

static void page_free(struct page *p)
{
    for (int i = 0; i < PAGE_PARTS; i++)
        rows_free(p->rows[i]);
}

static int compare(const struct rows *r, int row, int col, const uint8_t *id, size_t n)
{
    return memcmp(rows_bytes(r, row, col).p, id, n);
}

/* The first row of the seed or behind it. */
static int skip_to(struct page *p, int part, const uint8_t seed[UUID_BYTES])
{
    int n = rows_count(p->rows[part]);
    while (p->at[part] < n && compare(p->rows[part], p->at[part], 0, seed, UUID_BYTES) < 0)
        p->at[part]++;
    return p->at[part];
}

/* ---- one caption ---- */

struct found_dialogues {
    int n;
    struct export_dialogue items[DIALOGUE_TASKS];
    int places[DIALOGUE_TASKS];
    struct str providers[DIALOGUE_TASKS];
};

static int task_of(struct str name)
{
    int i = 0;
    while (i < DIALOGUE_TASKS && !str_is(name, dialogue_tasks[i]))
        i++;
    return i;
}

/* As the runs choose captions for a task. */
static bool in_mix(const struct export_plan *p, int task, const char *id)
{
    char purpose[64];
    if (!p->has_mix)
        return true;
    if (!p->chosen[task])
        return false;
    (void)snprintf(purpose, sizeof(purpose), "dialogue:%s", dialogue_tasks[task]);
    return p->bounds[task] == UINT64_MAX ||
           hash_choice(str_of(purpose), str_of(id)) < p->bounds[task];
}

/* The first recipe in the order of the view counts; `best` is by task, with place 0 for none. */
static void take_dialogue(const struct rows *r, int row, int task, struct found_dialogues *best)
{
    int place = (int)rows_i64(r, row, DIALOGUE_PLACE);
    if (best->places[task] && best->places[task] <= place)
        return;
    struct export_dialogue *d = &best->items[task];
    d->task = task;
    d->conversations = rows_text(r, row, DIALOGUE_TEXT);
    memcpy(d->hash, rows_bytes(r, row, DIALOGUE_HASH).p, DIALOGUE_HASH_BYTES);
    best->places[task] = place;
    best->providers[task] = rows_text(r, row, DIALOGUE_PROVIDER);
}

static void close_gaps(struct found_dialogues *f)
{
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        if (!f->places[i])
            continue;
        f->items[f->n] = f->items[i];
        f->places[f->n] = f->places[i];
        f->providers[f->n++] = f->providers[i];
    }
}

static void find_dialogues(struct page *p, struct export_sample *x, struct found_dialogues *f)
{
    const struct rows *r = p->rows[PAGE_DIALOGUES];
    char id[CAPTION_ID_TEXT + 1];
    *f = (struct found_dialogues){0};
    if (!r)
        return;
    caption_id(x->seed, x->hash, id);
    int n = rows_count(r);
    for (int i = skip_to(p, PAGE_DIALOGUES, x->seed);
         i < n && compare(r, i, DIALOGUE_SEED, x->seed, UUID_BYTES) == 0; i++) {
        int task = task_of(rows_text(r, i, DIALOGUE_TASK));
        if (compare(r, i, DIALOGUE_CAPTION, x->hash, CAPTION_HASH_BYTES) == 0 &&
            task < DIALOGUE_TASKS && in_mix(p->r->plan, task, id))
            take_dialogue(r, i, task, f);
    }
    close_gaps(f);
}

/* 1 with the representation in x, 0 when there is none, -1 when what is stored is not one. */
static int find_vector(struct page *p, struct export_sample *x, struct err *e)
{
    const struct rows *r = p->rows[PAGE_EMBEDDINGS];
    const struct prepared *prepared = &p->r->plan->prepared;
    size_t n = p->r->plan->settings.dimension;
    float *u = p->r->scratch;
    uint8_t key[TRANSFER_KEY_BYTES];
    int rows = rows_count(r);
    int i = skip_to(p, PAGE_EMBEDDINGS, x->seed);
    while (i < rows && compare(r, i, 0, x->seed, UUID_BYTES) == 0 &&
           compare(r, i, 1, x->hash, CAPTION_HASH_BYTES) != 0)
        i++;
    if (i == rows || compare(r, i, 0, x->seed, UUID_BYTES) != 0)
        return 0;
    struct str bytes = rows_bytes(r, i, 2);
    if (!vector_decode_unit((const uint8_t *)bytes.p, bytes.n, u, n))
        return err_set(e, ERR_INTERNAL, "a stored vector does not have the encoder's form");
    memcpy(key, x->seed, SEED_ID_BYTES);
    memcpy(key + SEED_ID_BYTES, x->hash, CAPTION_HASH_BYTES);
    if (!transfer_apply(&prepared->transfer, key, u, u + n))
        return 0;
    x->vector = u + n;
    return 1;
}

/* False when the seed is not one that the export selects. */
static bool find_seed(struct page *p, struct export_sample *x)
{
    const struct rows *r = p->rows[PAGE_SEEDS];
    if (!r)
        return true;
    int i = skip_to(p, PAGE_SEEDS, x->seed);
    if (i == rows_count(r) || compare(r, i, SEED_ID, x->seed, UUID_BYTES) != 0)
        return false;
    x->seed_text = rows_text(r, i, SEED_TEXT);
    x->source = rows_text(r, i, SEED_SOURCE);
    x->domain = rows_text(r, i, SEED_DOMAIN);
    return rows_bool(r, i, SEED_WANTED);
}

static int take_caption(struct page *p, int row, struct err *e)
{
    const struct rows *r = p->rows[PAGE_CAPTIONS];
    struct export_reader *reader = p->r;
    struct found_dialogues dialogues;
    struct export_sample x = {.variant = (int)rows_i64(r, row, CAPTION_VARIANT),
                              .text = rows_text(r, row, CAPTION_TEXT),
                              .provider = rows_text(r, row, CAPTION_PROVIDER),
                              .model = rows_text(r, row, CAPTION_MODEL),
                              .prompt = rows_text(r, row, CAPTION_PROMPT)};
    memcpy(x.seed, rows_bytes(r, row, CAPTION_SEED).p, SEED_ID_BYTES);
    memcpy(x.hash, rows_bytes(r, row, CAPTION_HASH).p, CAPTION_HASH_BYTES);
    memcpy(x.recipe, rows_bytes(r, row, CAPTION_RECIPE).p, RECIPE_ID_BYTES);
    if (!rows_bool(r, row, CAPTION_WANTED) || !find_seed(p, &x) || reader->quota == 0)
        return 0;
    int there = p->rows[PAGE_EMBEDDINGS] ? find_vector(p, &x, e) : 1;
    if (there < 0)
        return -1;
    find_dialogues(p, &x, &dialogues);
    x.n_dialogues = dialogues.n;
    x.dialogues = dialogues.items;
    bool fits = export_fits(&reader->plan->settings, &x);
    reader->tally->no_representation += !there;
    reader->tally->unfit += there && !fits;
    if (!there || !fits)
        return 0;
    reader->quota -= reader->quota > 0;
    if (export_tally_add(reader->tally, reader->plan, &x, (int)rows_i64(r, row, CAPTION_PLACE),
                         dialogues.places, dialogues.providers, e) < 0)
        return -1;
    return reader->add(reader->arg, &x, e);
}

/* ---- the view's choice among the captions of one seed ---- */

/* Of the rows from..to of one seed: the next variant above `above`, as the view picks it; -1 at the
 * end. */
static int pick(const struct rows *r, int from, int to, int64_t above)
{
    int best = -1;
    for (int i = from; i < to; i++) {
        int64_t variant = rows_i64(r, i, CAPTION_VARIANT);
        if (variant <= above)
            continue;
        int64_t least = best < 0 ? INT64_MAX : rows_i64(r, best, CAPTION_VARIANT);
        if (variant < least ||
            (variant == least && rows_i64(r, i, CAPTION_PLACE) < rows_i64(r, best, CAPTION_PLACE)))
            best = i;
    }
    return best;
}

static int take_captions(struct page *p, struct err *e)
{
    const struct rows *r = p->rows[PAGE_CAPTIONS];
    int n = rows_count(r);
    for (int from = 0, to; from < n; from = to) {
        const uint8_t *seed = (const uint8_t *)rows_bytes(r, from, CAPTION_SEED).p;
        int64_t variant = -1;
        for (to = from + 1; to < n && compare(r, to, CAPTION_SEED, seed, UUID_BYTES) == 0;)
            to++;
        for (int i; (i = pick(r, from, to, variant)) >= 0;) {
            variant = rows_i64(r, i, CAPTION_VARIANT);
            if (take_caption(p, i, e) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- pages ---- */

static void call_range(struct db_call *c, enum stmt_id stmt, const struct export_reader *r,
                       const uint8_t *to)
{
    call_init(c, stmt);
    call_i64(c, r->shard_id);
    call_bytes(c, r->after, UUID_BYTES);
    call_bytes(c, to, UUID_BYTES);
}

/* Vectors alone say nothing of the captions' texts, which are a quarter of what they are
 * themselves. */
static bool needs_texts(const struct export_settings *s)
{
    bool needed = s->with[EXPORT_WITH_CAPTIONS];
    for (int i = 0; i < EXPORT_FORMATS; i++)
        needed = needed || (s->formats[i] && i != EXPORT_NPY && i != EXPORT_SAFETENSORS);
    return needed;
}

static int call_page(const struct export_reader *r, const uint8_t *to, struct db_call *c,
                     int *parts)
{
    const struct export_plan *p = r->plan;
    const struct export_settings *s = &p->settings;
    int n = 0;
    call_range(&c[n], STMT_EXPORT_CAPTIONS, r, to);
    call_text(&c[n], p->view);
    call_text(&c[n], p->min_length);
    call_text(&c[n], p->max_length);
    call_text(&c[n], p->verdict);
    call_bool(&c[n], needs_texts(s));
    parts[n++] = PAGE_CAPTIONS;
    if (s->with[EXPORT_WITH_DIALOGUES]) {
        call_range(&c[n], STMT_EXPORT_DIALOGUES, r, to);
        call_text(&c[n], p->dialogue_view);
        parts[n++] = PAGE_DIALOGUES;
    }
    if (s->with[EXPORT_WITH_VECTORS]) {
        call_range(&c[n], STMT_EXPORT_EMBEDDINGS, r, to);
        call_z(&c[n], p->prepared.encoder_id);
        parts[n++] = PAGE_EMBEDDINGS;
    }
    if (s->formats[EXPORT_CAPTIONS] || p->source.p || p->domain.p) {
        call_range(&c[n], STMT_EXPORT_SEEDS, r, to);
        call_text(&c[n], p->source);
        call_text(&c[n], p->domain);
        parts[n++] = PAGE_SEEDS;
    }
    return n;
}

static void call_bound(struct db_call *c, const struct export_reader *r, const uint8_t *after)
{
    call_init(c, STMT_EXPORT_BOUND);
    call_i64(c, r->shard_id);
    call_bytes(c, after, UUID_BYTES);
}

static void take_bound(struct export_reader *r, const struct rows *rows)
{
    r->seeds = rows_i64(rows, 0, 1);
    if (r->seeds > 0)
        memcpy(r->to, rows_bytes(rows, 0, 0).p, UUID_BYTES);
}

/* The page's parts, and where the next one ends, in one round trip. */
static int read_range(struct export_reader *r, const uint8_t *to, struct err *e)
{
    struct db_call c[PAGE_PARTS];
    struct rows *rows[PAGE_PARTS] = {0};
    int parts[PAGE_PARTS];
    struct page p _cleanup_(page_free) = {.r = r};
    int n = call_page(r, to, c, parts);
    call_bound(&c[n], r, to);
    parts[n++] = PAGE_NEXT;
    if (db_batch(r->db, c, n, rows, e) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        p.rows[parts[i]] = rows[i];
    take_bound(r, p.rows[PAGE_NEXT]);
    return take_captions(&p, e);
}

static int read_first_bound(struct export_reader *r, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_bound(&c, r, r->after);
    if (db_run(r->db, &c, &rows, e) < 0)
        return -1;
    take_bound(r, rows);
    r->begun = true;
    return 0;
}

int export_read_page(struct export_reader *r, int64_t *seeds, struct err *e)
{
    uint8_t to[UUID_BYTES];
    if (!r->begun && read_first_bound(r, e) < 0)
        return -1;
    *seeds = r->seeds;
    if (*seeds == 0)
        return 0;
    memcpy(to, r->to, UUID_BYTES);
    if (read_range(r, to, e) < 0)
        return -1;
    memcpy(r->after, to, UUID_BYTES);
    return 0;
}
