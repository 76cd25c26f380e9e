/* What a task of an export has to know, from its row. */
#include "server/base/cleanup.h"
#include "server/work/export.h"

enum { PLAN_BYTES_MAX = 4 << 20 };

/* Columns of export_load.sql. */
enum {
    COL_DATASET,
    COL_NAME,
    COL_SHARDS,
    COL_FILES,
    COL_INCLUDE,
    COL_FORMATS,
    COL_DTYPE,
    COL_VIEW,
    COL_N_VIEW,
    COL_DIALOGUE_VIEW,
    COL_N_DIALOGUE_VIEW,
    COL_TRANSFER,
    COL_ENCODER,
    COL_SOURCE,
    COL_DOMAIN,
    COL_MIN_LENGTH,
    COL_MAX_LENGTH,
    COL_VERDICT,
    COL_LIMIT,
    COL_HAS_MIX,
    COL_BOUNDS
};

static struct str keep(struct export_plan *p, const struct rows *r, int col)
{
    struct str s = rows_text(r, 0, col);
    return s.p ? arena_str(p->arena, s) : s;
}

/* Sets flags[i] for every names[i] that the list, separated by commas, has. */
static void take_names(struct str list, const char *const *names, bool *flags)
{
    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        struct str one = {list.p, comma ? (size_t)(comma - list.p) : list.n};
        for (int i = 0; names[i]; i++)
            flags[i] |= str_is(one, names[i]);
        list = str_from(list, one.n + (comma ? 1 : 0));
    }
}

static void take_mix(struct export_plan *p, const struct rows *r)
{
    p->has_mix = rows_bool(r, 0, COL_HAS_MIX);
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        uint8_t bound[8];
        struct str hex = rows_text(r, 0, COL_BOUNDS + i);
        p->chosen[i] = hex.p && hex.n >= 2 * sizeof(bound);
        p->bounds[i] = UINT64_MAX;
        /* A longer one takes all. */
        if (hex.n == 2 * sizeof(bound) && hex_decode(hex, bound, sizeof(bound)))
            p->bounds[i] = load_be64(bound);
    }
}

static int take_note(struct export_plan *p, const char *key, struct str value)
{
    struct export_settings *s = &p->settings;
    if (s->n_notes < EXPORT_NOTES_MAX)
        s->notes[s->n_notes++] = (struct export_note){key, value};
    return value.p ? 0 : -1;
}

static int load_transfer(struct export_plan *p, struct db *db, struct str transfer, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_init(&c, STMT_EXPORT_TRANSFER);
    call_text(&c, transfer);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return err_set(e, ERR_INTERNAL, "the transfer of the export is not there");
    if (prepared_take(rows, p->arena, &p->prepared, e) < 0)
        return -1;
    p->settings.dimension = (size_t)p->prepared.dimension;
    if (take_note(p, "dataset", p->name) < 0 || take_note(p, "encoder", p->prepared.encoder) < 0 ||
        take_note(p, "encoder_id", str_of(p->prepared.encoder_id)) < 0 ||
        take_note(p, "model", p->prepared.model) < 0 ||
        take_note(p, "method", str_of(transfer_methods[p->prepared.transfer.method])) < 0 ||
        take_note(p, "transfer", str_of(p->prepared.id)) < 0)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    return 0;
}

static int take_row(struct export_plan *p, struct db *db, const struct rows *r, struct err *e)
{
    bool dtypes[EXPORT_DTYPES] = {false};
    struct str transfer = keep(p, r, COL_TRANSFER);
    p->name = keep(p, r, COL_NAME);
    p->dataset = rows_i64(r, 0, COL_DATASET);
    p->shards = (int)rows_i64(r, 0, COL_SHARDS);
    p->settings.groups = (int)rows_i64(r, 0, COL_FILES);
    take_names(rows_text(r, 0, COL_INCLUDE), export_parts, p->settings.with);
    take_names(rows_text(r, 0, COL_FORMATS), export_formats, p->settings.formats);
    take_names(rows_text(r, 0, COL_DTYPE), export_dtypes, dtypes);
    while (!dtypes[p->settings.dtype] && p->settings.dtype + 1 < EXPORT_DTYPES)
        p->settings.dtype++;
    p->view = keep(p, r, COL_VIEW);
    p->n_view = (int)rows_i64(r, 0, COL_N_VIEW);
    p->dialogue_view = keep(p, r, COL_DIALOGUE_VIEW);
    p->n_dialogue_view = (int)rows_i64(r, 0, COL_N_DIALOGUE_VIEW);
    p->source = keep(p, r, COL_SOURCE);
    p->domain = keep(p, r, COL_DOMAIN);
    p->min_length = keep(p, r, COL_MIN_LENGTH);
    p->max_length = keep(p, r, COL_MAX_LENGTH);
    p->verdict = keep(p, r, COL_VERDICT);
    p->limit = rows_null(r, 0, COL_LIMIT) ? -1 : rows_i64(r, 0, COL_LIMIT);
    take_mix(p, r);
    if (!p->view.p || !p->dialogue_view.p || !p->name.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    return p->settings.with[EXPORT_WITH_VECTORS] ? load_transfer(p, db, transfer, e) : 0;
}

int export_plan_load(struct export_plan *p, struct db *db, const uint8_t id[UUID_BYTES],
                     struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    *p = (struct export_plan){.arena = arena_new(PLAN_BYTES_MAX)};
    if (!p->arena)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    call_init(&c, STMT_EXPORT_LOAD);
    call_bytes(&c, id, UUID_BYTES);
    if (db_run(db, &c, &rows, e) < 0)
        return -1;
    if (rows_count(rows) == 0)
        return 0;
    return take_row(p, db, rows, e) < 0 ? -1 : 1;
}

void export_plan_free(struct export_plan *p)
{
    arena_free(p->arena);
    p->arena = NULL;
}

int export_first_shard(const struct export_plan *p, int group)
{
    return (int)((int64_t)group * p->shards / p->settings.groups);
}
