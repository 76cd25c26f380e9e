/* The manifest task: when every group of an export is made, puts the files together that are one,
 * says in manifest.json and README.md what there is and how it was made, and makes all of it
 * visible in one transaction. Only then do the files get their own names on the disk, from whoever
 * made them visible. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handlers/report_view.h"
#include "handlers/transfers.h"
#include "server/base/cleanup.h"
#include "server/base/log.h"
#include "server/json/write.h"
#include "server/work/export.h"
#include "stages/export/card.h"

enum { MANIFEST_BYTES_MAX = 64 << 20, MADE_MAX = 4, MANIFEST_VERSION = 1 };
/* Beyond so many, figures of texts change in the third digit, and cost more than the files. */
enum { REPORT_CAPTIONS = 50000 };

/* Columns of export_files_list.sql. */
enum {
    FILE_NAME,
    FILE_PATH,
    FILE_FORMAT,
    FILE_PIECE,
    FILE_SERVED,
    FILE_ROWS,
    FILE_BYTES,
    FILE_DIGEST,
    FILE_DTYPE
};

/* Columns of export_manifest_rows.sql. */
enum {
    SAYS_DATASET,
    SAYS_TRIAL,
    SAYS_INCLUDE,
    SAYS_FORMATS,
    SAYS_REQUEST,
    SAYS_COUNTS,
    SAYS_RECIPES,
    SAYS_ENCODER,
    SAYS_TRANSFER,
    SAYS_RULE
};

struct manifest {
    struct worker *k;
    struct task *t;
    struct export_plan plan;
    int directory;
    struct rows *files;
    struct export_file made[MADE_MAX]; /* by this task */
    int n_made;
    struct buf json, card;
    bool held;
};

static void manifest_free(struct manifest *m)
{
    if (m->directory >= 0)
        (void)close(m->directory);
    rows_free(m->files);
    buf_free(&m->json);
    buf_free(&m->card);
    export_plan_free(&m->plan);
}

/* ---- files that are put together ---- */

static void copy_name(char *out, size_t n, struct str s)
{
    (void)snprintf(out, n, STR_FMT, STR_ARG(s));
}

static struct export_file *parts_of(const struct rows *r, const char *suffix, int *n)
{
    struct export_file *parts = calloc((size_t)rows_count(r) + 1, sizeof(*parts));
    *n = 0;
    for (int i = 0; parts && i < rows_count(r); i++) {
        struct str name = rows_text(r, i, FILE_NAME);
        if (rows_bool(r, i, FILE_SERVED) || !str_starts(name, str_of(suffix)))
            continue;
        struct export_file *f = &parts[(*n)++];
        f->format = EXPORT_LLAVA_ARRAY;
        copy_name(f->name, sizeof(f->name), name);
        copy_name(f->path, sizeof(f->path), rows_text(r, i, FILE_PATH));
        f->rows = rows_i64(r, i, FILE_ROWS);
        f->bytes = (uint64_t)rows_i64(r, i, FILE_BYTES);
    }
    return parts;
}

static int join(struct manifest *m, const char *stem, struct err *e)
{
    int n;
    struct export_file *parts _cleanup_(freep) = parts_of(m->files, stem, &n);
    if (!parts)
        return err_set(e, ERR_NO_MEMORY, "no memory for the files of the export");
    if (n == 0)
        return 0;
    if (export_join(m->directory, m->t->token, parts, n, &m->made[m->n_made], e) < 0)
        return -1;
    m->n_made++;
    return 0;
}

/* ---- the manifest ---- */

static void write_file(struct buf *b, const struct manifest *m, struct str name, struct str format,
                       int64_t rows, int64_t bytes, const uint8_t *sha256, bool vectors)
{
    char hex[2 * SHA256_BYTES + 1];
    hex_encode(sha256, SHA256_BYTES, hex);
    json_open(b, '{');
    json_key(b, "name");
    json_str(b, name);
    json_key(b, "format");
    json_str(b, format);
    json_key(b, "rows");
    json_int(b, rows);
    json_key(b, "bytes");
    json_int(b, bytes);
    json_key(b, "sha256");
    json_z(b, hex);
    if (vectors) {
        json_key(b, "dtype");
        json_z(b, export_dtypes[m->plan.settings.dtype]);
        json_key(b, "dimension");
        json_int(b, (int64_t)m->plan.settings.dimension);
    }
    json_close(b, '}');
}

static void write_made(struct manifest *m, struct buf *b)
{
    for (int i = 0; i < m->n_made; i++) {
        const struct export_file *f = &m->made[i];
        write_file(b, m, str_of(f->name), str_of(export_formats[f->format]), f->rows,
                   (int64_t)f->bytes, f->sha256, false);
    }
}

static void write_files(struct manifest *m, struct buf *b)
{
    const struct rows *r = m->files;
    json_key(b, "files");
    json_open(b, '[');
    for (int i = 0; i < rows_count(r); i++)
        if (rows_bool(r, i, FILE_SERVED))
            write_file(b, m, rows_text(r, i, FILE_NAME), rows_text(r, i, FILE_FORMAT),
                       rows_i64(r, i, FILE_ROWS), rows_i64(r, i, FILE_BYTES),
                       (const uint8_t *)rows_bytes(r, i, FILE_DIGEST).p,
                       !rows_null(r, i, FILE_DTYPE));
    write_made(m, b);
    json_close(b, ']');
}

static void write_raw(struct buf *b, const char *key, const struct rows *r, int col)
{
    if (rows_null(r, 0, col))
        return;
    json_key(b, key);
    json_raw(b, rows_text(r, 0, col));
}

static bool stopping(void *arg)
{
    const struct manifest *m = arg;
    return atomic_load(&m->t->lost) || atomic_load(&m->k->work->draining);
}

static int write_report(struct manifest *m, struct err *e)
{
    const struct report_view view = {.dataset = m->plan.name.p,
                                     .number = m->plan.dataset,
                                     .shards = m->plan.shards,
                                     .recipes = m->plan.view.p,
                                     .dialogue_recipes = m->plan.dialogue_view.p,
                                     .enough = REPORT_CAPTIONS};
    json_key(&m->json, "report");
    return report_of_view(m->k->db, &view, stopping, m, &m->json, e);
}

static int write_manifest(struct manifest *m, struct err *e)
{
    struct rows *r _cleanup_(rows_freep) = NULL;
    struct buf *b = &m->json;
    struct db_call c;
    call_init(&c, STMT_EXPORT_MANIFEST_ROWS);
    call_bytes(&c, m->t->run, UUID_BYTES);
    if (db_run(m->k->db, &c, &r, e) < 0)
        return -1;
    if (rows_count(r) == 0)
        return err_set(e, ERR_INTERNAL, "the export is not there");
    json_open(b, '{');
    json_key(b, "version");
    json_int(b, MANIFEST_VERSION);
    json_key(b, "dataset");
    json_str(b, rows_text(r, 0, SAYS_DATASET));
    json_key(b, "trial");
    json_bool(b, rows_bool(r, 0, SAYS_TRIAL));
    write_raw(b, "include", r, SAYS_INCLUDE);
    write_raw(b, "formats", r, SAYS_FORMATS);
    write_files(m, b);
    write_raw(b, "counts", r, SAYS_COUNTS);
    write_raw(b, "request", r, SAYS_REQUEST);
    write_raw(b, "recipes", r, SAYS_RECIPES);
    write_raw(b, "encoder", r, SAYS_ENCODER);
    if (!rows_null(r, 0, SAYS_TRANSFER)) {
        write_raw(b, "transfer", r, SAYS_TRANSFER);
        transfer_write_rule(b, r, 0, SAYS_RULE);
    }
    if (write_report(m, e) < 0)
        return -1;
    json_close(b, '}');
    buf_addc(b, '\n');
    return b->failed ? err_set(e, ERR_NO_MEMORY, "the manifest is too long") : 0;
}

static int write_text(struct manifest *m, const char *name, const struct buf *text, struct err *e)
{
    if (export_write_text(m->directory, m->t->token, name, buf_str(text), &m->made[m->n_made], e) <
        0)
        return -1;
    m->n_made++;
    return 0;
}

/* ---- making it visible ---- */

static int register_all(struct manifest *m, struct err *e)
{
    struct db_call c[2];
    struct rows *rows[2] = {0};
    struct export_arrays a;
    const char *text = buf_z(&m->json);
    export_call_files(&c[0], m->t, &a, &m->plan.settings, 0, m->made, m->n_made);
    call_task(&c[1], STMT_MANIFEST_FINISH, m->t);
    call_z(&c[1], text);
    int rc = !text || export_arrays_failed(&a)
                 ? err_set(e, ERR_NO_MEMORY, "no memory for the files of the export")
                 : db_batch(m->k->db, c, 2, rows, e);
    m->held = rc == 0 && rows_count(rows[1]) > 0;
    rows_free(rows[0]);
    rows_free(rows[1]);
    export_arrays_free(&a);
    return rc;
}

static int read_files(struct manifest *m, struct err *e)
{
    struct db_call c;
    rows_free(m->files);
    m->files = NULL;
    call_init(&c, STMT_EXPORT_FILES_LIST);
    call_bytes(&c, m->t->run, UUID_BYTES);
    return db_run(m->k->db, &c, &m->files, e);
}

/* Files are served by either name, so that this may end anywhere. */
static int publish(struct manifest *m, struct err *e)
{
    struct db_call c;
    if (read_files(m, e) < 0)
        return -1;
    int n = rows_count(m->files), kept = 0;
    struct str *names _cleanup_(freep) = calloc((size_t)n + 1, sizeof(*names));
    if (!names)
        return err_set(e, ERR_NO_MEMORY, "no memory for the files of the export");
    for (int i = 0; i < n; i++) {
        struct str name = rows_text(m->files, i, FILE_NAME);
        if (!rows_bool(m->files, i, FILE_SERVED))
            continue;
        if (renameat(m->directory, rows_text(m->files, i, FILE_PATH).p, m->directory, name.p) < 0)
            return err_set(e, ERR_UNAVAILABLE, "a file of an export cannot be renamed: %s",
                           strerrordesc_np(errno));
        names[kept++] = name;
    }
    (void)fsync(m->directory);
    call_init(&c, STMT_EXPORT_PUBLISHED);
    call_bytes(&c, m->t->run, UUID_BYTES);
    if (db_run(m->k->db, &c, NULL, e) < 0)
        return -1;
    artefacts_tidy(m->directory, names, kept);
    return 0;
}

static int make(struct manifest *m, struct err *e)
{
    m->directory = artefacts_open(m->k, m->t->run, e);
    if (m->directory < 0 || read_files(m, e) < 0 || join(m, "pretrain", e) < 0 ||
        join(m, "instruct", e) < 0 || write_manifest(m, e) < 0 ||
        export_card(buf_str(&m->json), &m->card, e) < 0 ||
        write_text(m, "manifest.json", &m->json, e) < 0 ||
        write_text(m, "README.md", &m->card, e) < 0 || register_all(m, e) < 0)
        return -1;
    if (!m->held)
        return 0;
    log_event(LOG_INFO, "export_made", log_z("export", m->t->info->hex));
    /* It is there now: what goes wrong here does not undo it. */
    struct err late = {0};
    if (publish(m, &late) < 0)
        log_event(LOG_WARN, "export_names", log_z("export", m->t->info->hex),
                  log_z("detail", late.msg));
    return 0;
}

int manifest_run(struct worker *k, struct task *t, struct err *e)
{
    struct manifest m _cleanup_(manifest_free) = {.k = k, .t = t, .directory = -1};
    buf_init(&m.json, MANIFEST_BYTES_MAX);
    buf_init(&m.card, MANIFEST_BYTES_MAX);
    int found = export_plan_load(&m.plan, k->db, t->run, e);
    if (found <= 0)
        return found;
    int rc = make(&m, e);
    if (rc < 0 && stopping(&m))
        return atomic_load(&t->lost) ? 0 : task_release(k->db, t, true);
    return export_note(k, t, rc, e);
}
