/* Files of finished exports, as they lie in the artefact directory: <export id>/<path>, where the
 * path is what the database has for the name, or the name itself: whoever finishes an export gives
 * the files their names before it says so. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/bind.h"
#include "handlers/operations.h"

enum { COL_PATH, COL_BYTES, COL_TAG, COL_DIGEST, COL_FINISHED };

static int not_there(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such export, or none that is finished");
}

static int file_bind(struct req *q, struct db_call *c, struct err *e)
{
    uint8_t id[SEED_ID_BYTES];
    call_init(c, STMT_EXPORT_FILE);
    if (!seed_id_parse(q->params[0], id))
        return not_there(e);
    bind_caller(q, c);
    return bind_copy(q, c, q->params[0], e) < 0 ? -1 : bind_copy(q, c, q->params[1], e);
}

/* -1 with errno. What is no regular file, a link for one, is not opened: it is not what was made.
 */
static int open_file(struct req *q, const char *path, const char *name, struct err *e)
{
    enum { FLAGS = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };
    const struct app *app = q->app;
    const char *folder =
        arena_printf(q->arena, "%s/" STR_FMT, app->config->artefacts, STR_ARG(q->params[0]));
    if (!folder)
        return err_set(e, ERR_NO_MEMORY, "no memory for a path");
    int dir = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -1;
    int fd = openat(dir, path, FLAGS);
    if (fd < 0 && errno == ENOENT)
        fd = openat(dir, name, FLAGS);
    int saved = errno;
    (void)close(dir);
    errno = saved;
    return fd;
}

static int is_not_here(struct req *q, const char *path, const char *why, struct err *e)
{
    const char *detail =
        arena_printf(q->arena, STR_FMT "/%s: %s", STR_ARG(q->params[0]), path, why);
    observe_fault("artefact_missing", detail ? detail : path);
    return err_set(e, ERR_UNAVAILABLE,
                   "the artefact directory of this replica does not have the file as it was made; "
                   "with several replicas it must be one directory that they share");
}

static int describe(struct req *q, const struct rows *r, struct err *e)
{
    struct str name = q->params[1];
    const char *disposition =
                   arena_printf(q->arena, "attachment; filename=\"" STR_FMT "\"", STR_ARG(name)),
               *digest = arena_printf(q->arena, "sha-256=:" STR_FMT ":",
                                      STR_ARG(rows_text(r, 0, COL_DIGEST)));
    if (!disposition || !digest)
        return err_set(e, ERR_NO_MEMORY, "no memory for the answer");
    /* Whatever is in it: proxies code what looks like text, and then ranges and tags are lost. */
    q->res.content_type = "application/octet-stream";
    res_header(q, "Content-Disposition", disposition);
    res_header(q, "Repr-Digest", digest);
    return 0;
}

static int file_render(struct req *q, const struct rows *r, struct err *e)
{
    struct stat st;
    if (rows_count(r) == 0)
        return not_there(e);
    if (rows_null(r, 0, COL_PATH))
        return err_set(e, ERR_NOT_FOUND, "the export has no such file; its manifest names them");
    struct str path = rows_text(r, 0, COL_PATH);
    struct str name = arena_str(q->arena, q->params[1]); /* one of the export's, as it has a row */
    struct res_file file = {.size = (uint64_t)rows_i64(r, 0, COL_BYTES),
                            .tag = arena_str(q->arena, rows_text(r, 0, COL_TAG)).p,
                            .modified = rows_i64(r, 0, COL_FINISHED)};
    if (!file.tag || !name.p || describe(q, r, e) < 0)
        return err_set(e, ERR_NO_MEMORY, "no memory for the answer");
    file.fd = open_file(q, path.p, name.p, e);
    if (file.fd < 0)
        return e->code != ERR_NONE ? -1 : is_not_here(q, path.p, strerrordesc_np(errno), e);
    bool whole = fstat(file.fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
                 (uint64_t)st.st_size == file.size;
    if (whole)
        return res_file(q, &file, e);
    (void)close(file.fd);
    return is_not_here(q, path.p, "it is no file of the length that was written", e);
}

const struct operation op_get_export_file = {.bind = file_bind, .render = file_render};
