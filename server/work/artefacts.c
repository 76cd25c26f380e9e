/* The directory of the files of exports, which all processes on a database share:
 *   .monoceros        the id of the database that it belongs to
 *   .replica-<hash>   a process that is alive, so that the others can tell that it sees the same
 *   <export id>/      one export
 * Nothing else is ever looked at or removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/work/export.h"

enum { MARKER_BYTES = 33, NAME_BYTES = 64, KNOWN_MAX = 4096, PATH_BYTES = 4096 };
enum { ORPHAN_S = 3600, GONE_S = 86400 };
enum { DIRECTORY_MODE = 0750, FILE_MODE = 0640 };
#define MARKER ".monoceros"

static int failed(const struct worker *k, const char *what, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "the directory of artefacts, %s, %s: %s",
                   k->work->s.artefacts, what, strerrordesc_np(errno));
}

/* With what lies above it. */
static int make_directory(const char *path)
{
    char part[PATH_BYTES];
    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/' || i >= sizeof(part))
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, DIRECTORY_MODE) < 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST ? -1 : 0;
}

static int open_root(const struct worker *k, struct err *e)
{
    const char *path = k->work->s.artefacts;
    if (make_directory(path) < 0)
        return failed(k, "cannot be made", e);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? failed(k, "cannot be opened", e) : fd;
}

/* ---- whose it is ---- */

static int write_small(int root, const char *name, const char *text)
{
    char temporary[NAME_BYTES];
    (void)snprintf(temporary, sizeof(temporary), "%s.%d", name, (int)getpid());
    int fd =
        openat(root, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return -1;
    ssize_t n = (ssize_t)strlen(text);
    bool ok = write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    ok &= close(fd) == 0;
    return ok ? renameat(root, temporary, root, name) : -1;
}

/* 0 with the marker's text, 1 when there is none. */
static int read_marker(int root, char text[MARKER_BYTES])
{
    int fd = openat(root, MARKER, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 1 : -1;
    ssize_t n = read(fd, text, MARKER_BYTES - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? -1 : 0;
}

static int check_owner(struct worker *k, int root, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    uint8_t fresh[UUID_BYTES];
    char text[MARKER_BYTES] = "";
    random_bytes(fresh, sizeof(fresh));
    call_init(&c, STMT_ARTEFACT_STORE);
    call_bytes(&c, fresh, sizeof(fresh));
    if (db_run(k->db, &c, &rows, e) < 0)
        return -1;
    struct str id = rows_text(rows, 0, 0);
    int found = read_marker(root, text);
    if (found > 0)
        found = write_small(root, MARKER, id.p);
    else if (found == 0 && !str_is(id, text))
        return err_set(e, ERR_UNAVAILABLE,
                       "the directory of artefacts, %s, belongs to another database: give this one "
                       "a directory of its own (setting artefacts)",
                       k->work->s.artefacts);
    return found < 0 ? failed(k, "cannot be marked as this database's", e) : 0;
}

/* ---- whether it is shared ---- */

static void presence_name(struct str process, char out[NAME_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * CAPTION_HASH_BYTES + 1];
    sha256(process, digest);
    hex_encode(digest, CAPTION_HASH_BYTES, hex);
    (void)snprintf(out, NAME_BYTES, ".replica-%s", hex);
}

static int check_shared(struct worker *k, int root, struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    char name[NAME_BYTES];
    call_init(&c, STMT_REPLICAS_ALIVE);
    call_z(&c, k->work->name);
    if (db_run(k->db, &c, &rows, e) < 0)
        return -1;
    for (int i = 0; i < rows_count(rows); i++) {
        presence_name(rows_text(rows, i, 0), name);
        if (faccessat(root, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            return err_set(e, ERR_UNAVAILABLE,
                           "the replica " STR_FMT
                           " does not share the directory of artefacts, %s: mount the same one in "
                           "all replicas",
                           STR_ARG(rows_text(rows, i, 0)), k->work->s.artefacts);
    }
    return 0;
}

void artefacts_appear(struct work *w)
{
    char name[NAME_BYTES];
    struct err e = {0};
    const struct worker k = {.work = w};
    presence_name(str_of(w->name), name);
    int root = open_root(&k, &e);
    if (root >= 0 && write_small(root, name, w->name) < 0)
        (void)failed(&k, "cannot be written to", &e);
    if (root >= 0)
        (void)close(root);
    if (e.code != ERR_NONE)
        log_event(LOG_ERROR, "artefacts_unusable", log_z("detail", e.msg));
}

void artefacts_vanish(struct work *w)
{
    char path[PATH_BYTES], name[NAME_BYTES];
    presence_name(str_of(w->name), name);
    if (snprintf(path, sizeof(path), "%s/%s", w->s.artefacts, name) < (int)sizeof(path))
        (void)unlink(path);
}

/* The root, after all checks. */
static int checked_root(struct worker *k, struct err *e)
{
    int root = open_root(k, e);
    if (root >= 0 && (check_owner(k, root, e) < 0 || check_shared(k, root, e) < 0)) {
        (void)close(root);
        return -1;
    }
    return root;
}

int artefacts_open(struct worker *k, const uint8_t export[UUID_BYTES], struct err *e)
{
    char hex[2 * UUID_BYTES + 1];
    int fd = -1, root = checked_root(k, e);
    if (root < 0)
        return -1;
    hex_encode(export, UUID_BYTES, hex);
    if (mkdirat(root, hex, DIRECTORY_MODE) == 0)
        (void)fsync(root);
    fd = openat(root, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        (void)failed(k, "takes no new directory", e);
    (void)close(root);
    return fd;
}

/* ---- removing ---- */

static DIR *list(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        (void)close(fd);
    return d;
}

static bool is_listed(const char *name, const struct str *names, int n)
{
    for (int i = 0; i < n; i++)
        if (str_is(names[i], name))
            return true;
    return false;
}

void artefacts_tidy(int directory, const struct str *names, int n)
{
    DIR *d = list(directory);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_listed(entry->d_name, names, n))
            (void)unlinkat(directory, entry->d_name, 0);
    if (d)
        (void)closedir(d);
}

static int remove_export(const struct worker *k, int root, const char *hex, struct err *e)
{
    int fd = openat(root, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd >= 0) {
        artefacts_tidy(fd, NULL, 0);
        (void)close(fd);
    }
    return unlinkat(root, hex, AT_REMOVEDIR) < 0 && errno != ENOENT
               ? failed(k, "does not let an export go", e)
               : 0;
}

int discard_run(struct worker *k, struct task *t, struct err *e)
{
    struct db_call c[2];
    struct rows *rows[2] = {0};
    int root = checked_root(k, e);
    if (root < 0)
        return -1;
    int rc = remove_export(k, root, t->info->hex, e);
    (void)close(root);
    if (rc < 0)
        return -1;
    call_task(&c[0], STMT_EXPORT_FORGET, t);
    call_task(&c[1], STMT_FINISH_WHOLE, t);
    rc = db_batch(k->db, c, 2, rows, e);
    rows_free(rows[0]);
    rows_free(rows[1]);
    if (rc == 0)
        log_event(LOG_INFO, "export_discarded", log_z("export", t->info->hex));
    return rc;
}

/* ---- what nobody knows of ---- */

/* Old enough not to be one that another process is just beginning. */
static bool may_be_orphan(int root, const char *name, uint8_t id[UUID_BYTES], int64_t now_s)
{
    struct stat s;
    return hex_decode(str_of(name), id, UUID_BYTES) &&
           fstatat(root, name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(s.st_mode) &&
           s.st_mtime < now_s - ORPHAN_S;
}

static bool is_known(const struct rows *rows, const uint8_t *id)
{
    for (int i = 0; i < rows_count(rows); i++)
        if (memcmp(rows_bytes(rows, i, 0).p, id, UUID_BYTES) == 0)
            return true;
    return false;
}

static int remove_unknown(struct worker *k, int root, const uint8_t (*ids)[UUID_BYTES], int n,
                          struct err *e)
{
    struct rows *rows _cleanup_(rows_freep) = NULL;
    struct db_call c;
    struct array a;
    array_init(&a, ARRAY_UUID, (size_t)KNOWN_MAX * 32);
    for (int i = 0; i < n; i++)
        array_add(&a, (struct str){(const char *)ids[i], UUID_BYTES});
    call_init(&c, STMT_EXPORTS_KNOWN);
    call_array(&c, &a);
    int rc = a.b.failed ? err_set(e, ERR_NO_MEMORY, "out of memory") : db_run(k->db, &c, &rows, e);
    array_free(&a);
    for (int i = 0; rc == 0 && i < n; i++) {
        char hex[2 * UUID_BYTES + 1];
        if (is_known(rows, ids[i]))
            continue;
        hex_encode(ids[i], UUID_BYTES, hex);
        rc = remove_export(k, root, hex, e);
        log_event(LOG_WARN, "orphan_removed", log_z("export", hex));
    }
    return rc;
}

/* Of processes that were killed: those that are alive renew theirs with every sweep. */
static void remove_gone(int root, const char *name, int64_t now_s)
{
    struct stat s;
    if (strncmp(name, ".replica-", strlen(".replica-")) == 0 &&
        fstatat(root, name, &s, AT_SYMLINK_NOFOLLOW) == 0 && s.st_mtime < now_s - GONE_S)
        (void)unlinkat(root, name, 0);
}

int artefacts_sweep(struct worker *k, struct err *e)
{
    uint8_t(*ids)[UUID_BYTES] _cleanup_(freep) = calloc(KNOWN_MAX, sizeof(*ids));
    int n = 0, root = checked_root(k, e);
    DIR *d = root < 0 || !ids ? NULL : list(root);
    int64_t now_s = clock_unix_us() / 1000000;
    for (struct dirent *entry; d && n < KNOWN_MAX && (entry = readdir(d));) {
        remove_gone(root, entry->d_name, now_s);
        n += may_be_orphan(root, entry->d_name, ids[n], now_s);
    }
    if (d)
        (void)closedir(d);
    int rc = n > 0 ? remove_unknown(k, root, (const uint8_t(*)[UUID_BYTES])ids, n, e) : 0;
    if (root >= 0)
        (void)close(root);
    return root < 0 ? -1 : rc;
}
