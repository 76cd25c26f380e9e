/* The pass over the duplicates of a run, after its captions: reads the captions of the view shard
 * by shard, lets server/domain decide, and marks those of this run. Interrupted at any moment and
 * begun again it decides the same, because it counts what it has marked as not marked. */
#include "server/domain/duplicates.h"
#include "server/base/cleanup.h"
#include "server/base/log.h"
#include "server/work/internal.h"
#include "server/work/tally.h"

enum { ARRAY_BYTES_MAX = 16 << 20, MARKS_MAX = 2000, TALLY_BYTES_MAX = 4096 };

struct pass {
    struct worker *k;
    struct task *t;
    struct duplicates *found;
    int shards;
    struct tally tally;
};

static bool stopping(const struct pass *p)
{
    return atomic_load(&p->t->lost) || atomic_load(&p->t->info->stopping) ||
           atomic_load(&p->k->work->draining);
}

struct key {
    uint8_t seed[UUID_BYTES], recipe[UUID_BYTES];
    int variant;
};

static int add_row(struct pass *p, const struct rows *rows, int i, int shard, struct err *e)
{
    struct duplicate_caption c = {
        .mine = rows_bool(rows, i, 4),
        .marked = rows_bool(rows, i, 5),
        .shard = (uint16_t)shard,
        .recipe = (uint16_t)rows_i64(rows, i, 6),
        .variant = (int16_t)rows_i64(rows, i, 2),
        .label = (uint64_t)rows_i64(rows, i, 7),
        .text_hash = (uint64_t)rows_i64(rows, i, 8),
    };
    struct str signature = rows_bytes(rows, i, 9);
    uint8_t made[MINHASH_BYTES];
    memcpy(c.id, rows_bytes(rows, i, 0).p, SEED_ID_BYTES);
    memcpy(c.id + SEED_ID_BYTES, rows_bytes(rows, i, 3).p, CAPTION_HASH_BYTES);
    const uint8_t *s = signature.n == MINHASH_BYTES                 ? (const uint8_t *)signature.p
                       : minhash_text(rows_text(rows, i, 10), made) ? made
                                                                    : NULL;
    return duplicates_add(p->found, &c, s) < 0 ? err_set(e, ERR_NO_MEMORY, "out of memory") : 0;
}

/* Reads the page behind *after, which moves to its last row; *more is false at the shard's end. */
static int read_page(struct pass *p, int shard, struct key *after, bool *more, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_init(&c, STMT_DUPLICATES_PAGE);
    call_i64(&c, p->t->dataset * SHARDS_MAX + shard);
    call_bytes(&c, p->t->run, UUID_BYTES);
    call_bytes(&c, after->seed, UUID_BYTES);
    call_bytes(&c, after->recipe, UUID_BYTES);
    call_i64(&c, after->variant);
    if (db_run(p->k->db, &c, &rows, e) < 0)
        return -1;
    int n = rows_count(rows);
    for (int i = 0; i < n; i++)
        if (add_row(p, rows, i, shard, e) < 0)
            return -1;
    *more = n > 0;
    if (n > 0) {
        memcpy(after->seed, rows_bytes(rows, n - 1, 0).p, UUID_BYTES);
        memcpy(after->recipe, rows_bytes(rows, n - 1, 1).p, UUID_BYTES);
        after->variant = (int)rows_i64(rows, n - 1, 2);
    }
    return 0;
}

static int read_shards(struct pass *p, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_init(&c, STMT_DUPLICATES_SHARDS);
    call_i64(&c, p->t->dataset);
    if (db_run(p->k->db, &c, &rows, e) < 0)
        return -1;
    p->shards = rows_count(rows) > 0 ? (int)rows_i64(rows, 0, 0) : 0;
    return 0;
}

static int read_all(struct pass *p, struct err *e)
{
    if (read_shards(p, e) < 0)
        return -1;
    for (int shard = 0; shard < p->shards; shard++) {
        struct key after = {.variant = -1};
        for (bool more = true; more && !stopping(p);)
            if (read_page(p, shard, &after, &more, e) < 0)
                return -1;
    }
    return 0;
}

struct keys {
    struct array shards, seeds, recipes, variants;
};

static void keys_init(struct keys *k)
{
    array_init(&k->shards, ARRAY_INT8, ARRAY_BYTES_MAX);
    array_init(&k->seeds, ARRAY_UUID, ARRAY_BYTES_MAX);
    array_init(&k->recipes, ARRAY_INT4, ARRAY_BYTES_MAX);
    array_init(&k->variants, ARRAY_INT4, ARRAY_BYTES_MAX);
}

static void keys_free(struct keys *k)
{
    array_free(&k->shards);
    array_free(&k->seeds);
    array_free(&k->recipes);
    array_free(&k->variants);
}

static void keys_add(struct keys *k, const struct pass *p, const struct duplicate_caption *c)
{
    array_add_i64(&k->shards, p->t->dataset * SHARDS_MAX + c->shard);
    array_add(&k->seeds, (struct str){(const char *)c->id, SEED_ID_BYTES});
    array_add_i32(&k->recipes, c->recipe);
    array_add_i32(&k->variants, c->variant);
}

static void take_text(const struct rows *rows, int i, struct duplicate_text *out)
{
    struct str signature = rows_bytes(rows, i, 1), digest = rows_bytes(rows, i, 3);
    if (signature.n == MINHASH_BYTES)
        memcpy(out->signature, signature.p, MINHASH_BYTES);
    else
        (void)minhash_text(rows_text(rows, i, 2), out->signature);
    memcpy(out->digest, digest.p, DUPLICATE_DIGEST_BYTES);
    out->known = true;
}

static int fetch(void *arg, const uint32_t *wanted, size_t n, struct duplicate_text *out,
                 struct err *e)
{
    struct pass *p = arg;
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct keys keys _cleanup_(keys_free);
    struct db_call c;
    keys_init(&keys);
    if (stopping(p))
        return err_set(e, ERR_UNAVAILABLE, "the pass is interrupted");
    for (size_t i = 0; i < n; i++) {
        struct duplicate_caption caption;
        duplicates_get(p->found, wanted[i], &caption);
        keys_add(&keys, p, &caption);
    }
    call_init(&c, STMT_DUPLICATES_FETCH);
    call_bytes(&c, p->t->run, UUID_BYTES);
    call_array(&c, &keys.shards);
    call_array(&c, &keys.seeds);
    call_array(&c, &keys.recipes);
    call_array(&c, &keys.variants);
    if (db_run(p->k->db, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++) {
        int64_t at = rows_i64(rows, i, 0) - 1;
        if (at >= 0 && at < (int64_t)n)
            take_text(rows, i, &out[at]);
    }
    return 0;
}

/* Marks that wait to be written, of one shard. */
struct marks {
    int shard;
    struct keys keys;
    struct array dropped, keepers, flags;
};

static void marks_init(struct marks *m)
{
    m->shard = -1;
    keys_init(&m->keys);
    array_init(&m->dropped, ARRAY_TEXT, ARRAY_BYTES_MAX);
    array_init(&m->keepers, ARRAY_TEXT, ARRAY_BYTES_MAX);
    array_init(&m->flags, ARRAY_TEXT, ARRAY_BYTES_MAX);
}

static void marks_free(struct marks *m)
{
    keys_free(&m->keys);
    array_free(&m->dropped);
    array_free(&m->keepers);
    array_free(&m->flags);
}

static void marks_reset(struct marks *m)
{
    array_reset(&m->keys.shards);
    array_reset(&m->keys.seeds);
    array_reset(&m->keys.recipes);
    array_reset(&m->keys.variants);
    array_reset(&m->dropped);
    array_reset(&m->keepers);
    array_reset(&m->flags);
}

static int write_marks(struct pass *p, struct marks *m, struct err *e)
{
    struct db_call c;
    if (m->dropped.n == 0)
        return 0;
    call_init(&c, STMT_DUPLICATES_MARK);
    call_i64(&c, p->t->dataset * SHARDS_MAX + m->shard);
    call_bytes(&c, p->t->run, UUID_BYTES);
    call_i64(&c, p->t->shard);
    call_i64(&c, p->t->token);
    call_array(&c, &m->keys.seeds);
    call_array(&c, &m->keys.recipes);
    call_array(&c, &m->keys.variants);
    call_array(&c, &m->dropped);
    call_array(&c, &m->keepers);
    call_array(&c, &m->flags);
    int rc = db_run(p->k->db, &c, NULL, e);
    marks_reset(m);
    return rc;
}

static void add_mark(const struct pass *p, struct marks *m, const struct duplicate_caption *c,
                     const struct duplicate_verdict *v)
{
    char keeper[CAPTION_ID_TEXT + 1], flags[FILTER_NAMES_TEXT];
    struct duplicate_caption kept;
    bool dropped = v->dropped != FILTER_COUNT;
    duplicates_get(p->found, v->keeper, &kept);
    caption_id(kept.id, kept.id + SEED_ID_BYTES, keeper);
    filters_names(v->flags, flags);
    m->shard = c->shard;
    keys_add(&m->keys, p, c);
    array_add(&m->dropped, str_of(dropped ? filter_rows[v->dropped].name : NULL));
    array_add(&m->keepers, str_of(dropped ? keeper : NULL));
    array_add(&m->flags, str_of(flags));
}

static void count_hits(struct pass *p, const struct duplicate_verdict *v)
{
    if (v->dropped != FILTER_COUNT)
        p->tally.filters[v->dropped].dropped++;
    for (unsigned i = 0; i < FILTER_COUNT; i++)
        p->tally.filters[i].flagged += (v->flags >> i) & 1;
}

static int mark_all(struct pass *p, struct err *e)
{
    struct marks m _cleanup_(marks_free);
    marks_init(&m);
    for (size_t i = 0; i < duplicates_count(p->found) && !stopping(p); i++) {
        struct duplicate_caption c;
        struct duplicate_verdict v;
        duplicates_get(p->found, i, &c);
        if (!c.mine)
            continue;
        duplicates_judge(p->found, i, &v);
        count_hits(p, &v);
        if (v.dropped == FILTER_COUNT && !v.flags && !c.marked)
            continue;
        if ((m.shard != c.shard || m.dropped.n >= MARKS_MAX) && write_marks(p, &m, e) < 0)
            return -1;
        add_mark(p, &m, &c, &v);
    }
    return write_marks(p, &m, e);
}

static int finish(struct pass *p, struct err *e)
{
    struct buf tally;
    struct db_call c;
    buf_init(&tally, TALLY_BYTES_MAX);
    tally_write(&p->tally, NULL, NULL, &tally);
    call_init(&c, STMT_DUPLICATES_FINISH);
    call_i64(&c, p->t->shard);
    call_bytes(&c, p->t->run, UUID_BYTES);
    call_bytes(&c, p->t->lo, UUID_BYTES);
    call_i64(&c, p->t->token);
    call_i64(&c, p->tally.filters[FILTER_EXACT_DUPLICATE].dropped +
                     p->tally.filters[FILTER_NEAR_DUPLICATE].dropped);
    call_z(&c, buf_z(&tally));
    int rc = db_run(p->k->db, &c, NULL, e);
    buf_free(&tally);
    return rc;
}

/* Gives the task back when the run or the process stops; nothing is lost by that. */
static int interrupted(const struct pass *p, struct err *e)
{
    err_clear(e);
    return atomic_load(&p->t->lost) ? 0 : task_release(p->k->db, p->t, false);
}

static int64_t hits(const struct pass *p, enum filter_id id)
{
    return p->tally.filters[id].flagged + p->tally.filters[id].dropped;
}

int duplicates_run(struct worker *k, struct task *t, struct err *e)
{
    struct duplicates *found _cleanup_(duplicates_free) =
        duplicates_new(&t->info->settings.filters);
    struct pass p = {.k = k, .t = t, .found = found};
    if (!found)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    int rc = read_all(&p, e);
    if (rc == 0 && !stopping(&p))
        rc = duplicates_find(found, fetch, &p, e);
    if (rc == 0 && !stopping(&p))
        rc = mark_all(&p, e);
    if (stopping(&p))
        return interrupted(&p, e);
    if (rc == 0)
        log_event(LOG_INFO, "duplicates_found", log_z("run", t->info->hex),
                  log_i("captions", (int64_t)duplicates_count(found)),
                  log_i("exact", hits(&p, FILTER_EXACT_DUPLICATE)),
                  log_i("near", hits(&p, FILTER_NEAR_DUPLICATE)));
    return rc < 0 ? -1 : finish(&p, e);
}
