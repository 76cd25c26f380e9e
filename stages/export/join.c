/* Files that are made when those of all groups are there. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "stages/export/artefact.h"

static int open_part(int directory, const struct export_file *part, struct err *e)
{
    int fd = openat(directory, part->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? artefact_fail("open", part->path, e) : fd;
}

static int append_part(struct artefact *a, const struct export_file *part, struct err *e)
{
    if (part->rows == 0)
        return 0;
    buf_addz(&a->out, a->file.rows > 0 ? ",\n" : "\n");
    a->file.rows += part->rows;
    uint64_t before = a->flushed + a->out.n;
    int fd = open_part(a->directory, part, e);
    if (fd < 0)
        return -1;
    int rc = artefact_append_file(a, fd, e);
    (void)close(fd);
    if (rc == 0 && a->flushed + a->out.n - before != part->bytes)
        rc = err_set(e, ERR_UNAVAILABLE, "%s is not as long as it was", part->path);
    return rc;
}

static int append_parts(struct artefact *a, const struct export_file *parts, int n, struct err *e)
{
    buf_addc(&a->out, '[');
    for (int i = 0; i < n; i++)
        if (append_part(a, &parts[i], e) < 0)
            return -1;
    buf_addz(&a->out, a->file.rows > 0 ? "\n]\n" : "]\n");
    return artefact_wrote(a, e);
}

static int finish(struct artefact *a, struct export_file *out, struct err *e)
{
    if (artefact_finish(a, e) < 0 || artefact_sync_directory(a->directory, e) < 0)
        return -1;
    *out = a->file;
    return 0;
}

/* "pretrain.json" of "pretrain-00003-of-00016.json". */
static void name_whole(const char *part, char out[EXPORT_NAME_MAX])
{
    const char *number = strchr(part, '-'), *extension = strrchr(part, '.');
    size_t stem = number && extension ? (size_t)(number - part) : 0;
    memcpy(out, part, stem);
    memcpy(out + stem, extension ? extension : part, strlen(extension ? extension : part) + 1);
}

int export_join(int directory, int64_t token, const struct export_file *parts, int n,
                struct export_file *out, struct err *e)
{
    struct artefact a = {.file = {.format = EXPORT_LLAVA_ARRAY, .served = true}};
    if (n < 1)
        return err_set(e, ERR_INTERNAL, "an array of an export has no parts");
    name_whole(parts[0].name, a.file.name);
    artefact_path(a.file.path, a.file.name, token);
    int rc = artefact_open(&a, directory, e);
    if (rc == 0)
        rc = append_parts(&a, parts, n, e);
    if (rc == 0)
        rc = finish(&a, out, e);
    artefact_close(&a, rc == 0);
    return rc;
}

int export_write_text(int directory, int64_t token, const char *name, struct str text,
                      struct export_file *out, struct err *e)
{
    struct artefact a = {.file = {.format = EXPORT_FORMATS, .served = true}};
    if (strlen(name) >= sizeof(a.file.name))
        return err_set(e, ERR_INTERNAL, "the name %s is too long for a file", name);
    memcpy(a.file.name, name, strlen(name) + 1);
    artefact_path(a.file.path, name, token);
    int rc = artefact_open(&a, directory, e);
    if (rc == 0) {
        buf_adds(&a.out, text);
        rc = finish(&a, out, e);
    }
    artefact_close(&a, rc == 0);
    return rc;
}
