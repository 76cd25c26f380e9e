/* The export task: makes the files of a group of shards, registers them and ends, all of it or
 * nothing. Each shard is read in one snapshot. */
#include <stdlib.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/work/export.h"

enum { PROGRESS_US = 1000000, TALLY_BYTES_MAX = 1 << 20 };

struct making {
    struct worker *k;
    struct task *t;
    struct export_plan plan;
    struct export_tally tally;
    int64_t *counts; /* of the tally */
    int64_t *quotas; /* by shard; NULL without a limit */
    float *scratch;
    int directory;
    struct export_writer *writer;
    struct db *telling; /* for progress: the worker's own connection is in the snapshot */
    int64_t seeds, told_us;
    bool held;
};

static void making_free(struct making *m)
{
    export_free(m->writer);
    if (m->directory >= 0)
        (void)close(m->directory);
    free(m->scratch);
    free(m->counts);
    free(m->quotas);
    db_free(m->telling);
    export_plan_free(&m->plan);
}

static int add_sample(void *arg, const struct export_sample *x, struct err *e)
{
    struct making *m = arg;
    return export_add(m->writer, x, e);
}

static bool stopping(const struct making *m)
{
    return !m->held || atomic_load(&m->t->lost) || atomic_load(&m->k->work->draining);
}

static int tell(struct making *m, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_task(&c, STMT_EXPORT_PROGRESS, m->t);
    call_i64(&c, m->seeds);
    if (db_run(m->telling, &c, &rows, e) < 0)
        return -1;
    m->held = rows_count(rows) > 0;
    m->told_us = clock_us();
    return 0;
}

/* ---- reading ---- */

static int read_pages(struct making *m, struct export_reader *r, struct err *e)
{
    int64_t seeds = 1;
    while (seeds > 0 && !stopping(m)) {
        if (export_read_page(r, &seeds, e) < 0)
            return -1;
        m->seeds += seeds;
        if (clock_us() - m->told_us >= PROGRESS_US && tell(m, e) < 0)
            return -1;
    }
    return 0;
}

static int read_shard(struct making *m, int shard, struct err *e)
{
    struct export_reader r = {.db = m->k->db,
                              .plan = &m->plan,
                              .tally = &m->tally,
                              .shard_id = shard_id(m->plan.dataset, shard),
                              .quota = m->quotas ? m->quotas[shard] : -1,
                              .scratch = m->scratch,
                              .add = add_sample,
                              .arg = m};
    if (db_snapshot_begin(m->k->db, e) < 0)
        return -1;
    int rc = read_pages(m, &r, e);
    db_snapshot_end(m->k->db);
    return rc;
}

static int read_group(struct making *m, struct err *e)
{
    int last = export_first_shard(&m->plan, m->plan.settings.group + 1);
    for (int s = export_first_shard(&m->plan, m->plan.settings.group); s < last && !stopping(m);
         s++)
        if (read_shard(m, s, e) < 0)
            return -1;
    return 0;
}

/* ---- the beginning ---- */

/* A limit takes the first caption of every shard, then the second, and so on. */
static void fill_evenly(int64_t *quotas, const int64_t *there, int shards, int64_t limit)
{
    int64_t left = limit;
    for (bool any = true; left > 0 && any;) {
        int64_t open = 0, least = INT64_MAX;
        for (int s = 0; s < shards; s++) {
            int64_t more = there[s] - quotas[s];
            open += more > 0;
            if (more > 0 && more < least)
                least = more;
        }
        any = open > 0;
        int64_t each = any && left / open < least ? left / open : least;
        for (int s = 0; any && s < shards && left > 0; s++) {
            int64_t more = there[s] > quotas[s] ? (each > 0 ? each : 1) : 0;
            quotas[s] += more;
            left -= more;
        }
    }
}

static int read_quotas(struct making *m, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    int64_t *there _cleanup_(freep) = calloc((size_t)m->plan.shards, sizeof(*there));
    m->quotas = calloc((size_t)m->plan.shards, sizeof(*m->quotas));
    if (!there || !m->quotas)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    call_init(&c, STMT_EXPORT_QUOTA);
    call_i64(&c, shard_id(m->plan.dataset, 0));
    call_i64(&c, shard_id(m->plan.dataset, m->plan.shards - 1));
    call_text(&c, m->plan.view);
    if (db_run(m->k->db, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++)
        there[rows_i64(rows, i, 0) - shard_id(m->plan.dataset, 0)] = rows_i64(rows, i, 1);
    fill_evenly(m->quotas, there, m->plan.shards, m->plan.limit);
    return 0;
}

/* The group whose first shard the task names. */
static int take_group(struct making *m, struct err *e)
{
    int64_t shard = m->t->shard - shard_id(m->plan.dataset, 0);
    struct export_settings *s = &m->plan.settings;
    while (s->group < s->groups && export_first_shard(&m->plan, s->group) != shard)
        s->group++;
    return s->group < s->groups ? 0
                                : err_set(e, ERR_INTERNAL, "no group of the export begins here");
}

static int begin(struct making *m, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    call_task(&c, STMT_EXPORT_BEGIN, m->t);
    call_i64(&c, shard_id(m->plan.dataset,
                          export_first_shard(&m->plan, m->plan.settings.group + 1) - 1));
    if (db_run(m->k->db, &c, &rows, e) < 0)
        return -1;
    m->held = rows_count(rows) > 0;
    m->told_us = clock_us();
    return 0;
}

static int prepare(struct making *m, struct err *e)
{
    struct export_settings *s = &m->plan.settings;
    size_t n = (size_t)m->plan.n_view + (size_t)m->plan.n_dialogue_view;
    m->counts = calloc(n + 1, sizeof(*m->counts));
    m->scratch = calloc(2 * s->dimension + 1, sizeof(*m->scratch));
    if (!m->counts || !m->scratch)
        return err_set(e, ERR_NO_MEMORY, "no memory for the export");
    m->telling = db_new(m->k->work->s.conninfo, "export", e);
    if (!m->telling)
        return -1;
    export_tally_init(&m->tally, m->counts, m->counts + m->plan.n_view);
    if (take_group(m, e) < 0 || begin(m, e) < 0)
        return -1;
    if (m->plan.limit >= 0 && read_quotas(m, e) < 0)
        return -1;
    m->directory = artefacts_open(m->k, m->t->run, e);
    if (m->directory < 0)
        return -1;
    s->directory = m->directory;
    s->token = m->t->token;
    m->writer = export_open(s, e);
    return m->writer ? 0 : -1;
}

/* ---- the end ---- */

static int finish(struct making *m, struct err *e)
{
    struct db_call c[2];
    struct rows *rows[2] = {0};
    struct export_arrays a;
    struct buf tally;
    const struct export_file *files;
    int n = export_files(m->writer, &files);
    buf_init(&tally, TALLY_BYTES_MAX);
    export_tally_write(&m->tally, &m->plan, &tally);
    const char *text = buf_z(&tally);
    export_call_files(&c[0], m->t, &a, &m->plan.settings,
                      export_first_shard(&m->plan, m->plan.settings.group), files, n);
    call_task(&c[1], STMT_EXPORT_FINISH, m->t);
    call_z(&c[1], text);
    int rc = !text || export_arrays_failed(&a)
                 ? err_set(e, ERR_NO_MEMORY, "no memory for the export")
                 : db_batch(m->k->db, c, 2, rows, e);
    if (rc == 0)
        m->held = rows_count(rows[1]) > 0;
    rows_free(rows[0]);
    rows_free(rows[1]);
    export_arrays_free(&a);
    buf_free(&tally);
    return rc;
}

static int make(struct making *m, struct err *e)
{
    if (prepare(m, e) < 0)
        return -1;
    if (!m->held)
        return 0;
    if (read_group(m, e) < 0)
        return -1;
    if (stopping(m))
        return m->held && !atomic_load(&m->t->lost) ? task_release(m->k->db, m->t, true) : 0;
    if (export_finish(m->writer, e) < 0 || finish(m, e) < 0)
        return -1;
    if (m->held)
        log_event(LOG_INFO, "export_group_made", log_z("export", m->t->info->hex),
                  log_i("group", m->plan.settings.group), log_i("captions", m->tally.captions));
    return 0;
}

int export_run(struct worker *k, struct task *t, struct err *e)
{
    struct making m _cleanup_(making_free) = {.k = k, .t = t, .directory = -1};
    int found = export_plan_load(&m.plan, k->db, t->run, e);
    if (found <= 0)
        return found;
    int rc = make(&m, e);
    return export_note(k, t, rc, e);
}
