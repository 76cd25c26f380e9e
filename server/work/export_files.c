/* What the database hears of an export: its files, and how its tasks fare. */
#include "server/base/log.h"
#include "server/work/export.h"

enum { ARRAY_BYTES_MAX = 1 << 20, TRIES_MAX = 3 };

void export_call_files(struct db_call *c, const struct task *t, struct export_arrays *a,
                       const struct export_settings *s, int piece, const struct export_file *files,
                       int n)
{
    array_init(&a->names, ARRAY_TEXT, ARRAY_BYTES_MAX);
    array_init(&a->paths, ARRAY_TEXT, ARRAY_BYTES_MAX);
    array_init(&a->formats, ARRAY_TEXT, ARRAY_BYTES_MAX);
    array_init(&a->served, ARRAY_INT4, ARRAY_BYTES_MAX);
    array_init(&a->rows, ARRAY_INT8, ARRAY_BYTES_MAX);
    array_init(&a->bytes, ARRAY_INT8, ARRAY_BYTES_MAX);
    array_init(&a->digests, ARRAY_BYTEA, ARRAY_BYTES_MAX);
    array_init(&a->dtypes, ARRAY_TEXT, ARRAY_BYTES_MAX);
    for (int i = 0; i < n; i++) {
        const struct export_file *f = &files[i];
        const char *dtype = f->vectors ? export_dtypes[s->dtype] : NULL;
        array_add(&a->names, str_of(f->name));
        array_add(&a->paths, str_of(f->path));
        array_add(&a->formats,
                  str_of(f->format < EXPORT_FORMATS ? export_formats[f->format] : "description"));
        array_add_i32(&a->served, f->served);
        array_add_i64(&a->rows, f->rows);
        array_add_i64(&a->bytes, (int64_t)f->bytes);
        array_add(&a->digests, (struct str){(const char *)f->sha256, sizeof(f->sha256)});
        array_add(&a->dtypes, dtype ? str_of(dtype) : (struct str){NULL, 0});
    }
    call_task(c, STMT_EXPORT_REGISTER, t);
    call_i64(c, piece);
    call_array(c, &a->names);
    call_array(c, &a->paths);
    call_array(c, &a->formats);
    call_array(c, &a->served);
    call_array(c, &a->rows);
    call_array(c, &a->bytes);
    call_array(c, &a->digests);
    call_array(c, &a->dtypes);
    call_i64(c, (int64_t)s->dimension);
}

bool export_arrays_failed(const struct export_arrays *a)
{
    return a->names.b.failed || a->paths.b.failed || a->formats.b.failed || a->served.b.failed ||
           a->rows.b.failed || a->bytes.b.failed || a->digests.b.failed || a->dtypes.b.failed;
}

void export_arrays_free(struct export_arrays *a)
{
    array_free(&a->names);
    array_free(&a->paths);
    array_free(&a->formats);
    array_free(&a->served);
    array_free(&a->rows);
    array_free(&a->bytes);
    array_free(&a->digests);
    array_free(&a->dtypes);
}

int export_note(struct worker *k, const struct task *t, int rc, struct err *e)
{
    struct db_call c;
    struct err ignored = {0};
    bool passes = rc == 0 || e->code == ERR_UNAVAILABLE || e->code == ERR_NO_MEMORY;
    bool give_up = !passes && t->attempts + 1 >= TRIES_MAX;
    call_init(&c, give_up ? STMT_EXPORT_FAIL : STMT_EXPORT_WAITING);
    call_bytes(&c, t->run, UUID_BYTES);
    call_z(&c, rc == 0 ? NULL : e->msg);
    (void)db_run(k->db, &c, NULL, &ignored);
    if (give_up)
        log_event(LOG_ERROR, "export_failed", log_z("export", t->info->hex),
                  log_z("detail", e->msg));
    return give_up ? 0 : rc;
}
