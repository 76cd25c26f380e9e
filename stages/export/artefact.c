#include "stages/export/artefact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FLUSH_BYTES = 256 << 10, /* stays in a processor's cache between its digest and its write */
    SEND_BYTES = 8 << 20,    /* after which the disk may begin, so that little is left at the end */
    OUT_BYTES_MAX = 256 << 20,
    FILE_MODE = 0640,
};

int artefact_fail(const char *verb, const char *name, struct err *e)
{
    char text[128];
    int error = errno;
    return err_set(e, ERR_UNAVAILABLE, "cannot %s %s: %s", verb, name,
                   strerror_r(error, text, sizeof(text)));
}

void artefact_path(char path[EXPORT_PATH_MAX], const char *name, int64_t token)
{
    (void)snprintf(path, EXPORT_PATH_MAX, "%s.%lld", name, (long long)token);
}

static int create(struct artefact *a, const char *suffix, struct err *e)
{
    enum { FLAGS = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
    char hidden[EXPORT_PATH_MAX];
    int n = snprintf(hidden, sizeof(hidden), ".%s%s", a->file.path, suffix);
    if (n < 0 || (size_t)n >= sizeof(hidden))
        return err_set(e, ERR_INTERNAL, "the name %s is too long for a file", a->file.path);
    if (unlinkat(a->directory, hidden, 0) != 0 && errno != ENOENT)
        return artefact_fail("replace", a->file.name, e);
    a->fd = openat(a->directory, hidden, FLAGS, FILE_MODE);
    if (a->fd < 0)
        return artefact_fail("create", a->file.name, e);
    memcpy(a->temporary, hidden, sizeof(hidden));
    buf_init(&a->out, OUT_BYTES_MAX);
    return 0;
}

int artefact_open(struct artefact *a, int directory, struct err *e)
{
    a->directory = directory;
    if (create(a, ".tmp", e) < 0)
        return -1;
    if (!a->in_place)
        sha256_begin(&a->digest);
    return 0;
}

int artefact_open_spool(struct artefact *a, const struct artefact *of, struct err *e)
{
    a->directory = of->directory;
    a->file = of->file;
    a->in_place = true;
    return create(a, ".more", e);
}

static int write_whole(struct artefact *a, struct str bytes, uint64_t at, struct err *e)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(a->fd, bytes.p, bytes.n, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return artefact_fail("write", a->file.name, e);
        bytes = str_from(bytes, (size_t)n);
        at += (uint64_t)n;
    }
    return 0;
}

int artefact_flush(struct artefact *a, struct err *e)
{
    struct str bytes = buf_str(&a->out);
    if (a->out.failed)
        return err_set(e, ERR_NO_MEMORY, "no memory for a sample of %s", a->file.name);
    if (bytes.n == 0)
        return 0;
    if (!a->in_place)
        sha256_add(&a->digest, bytes);
    if (write_whole(a, bytes, a->flushed, e) < 0)
        return -1;
    a->flushed += bytes.n;
    buf_reset(&a->out);
    if (a->flushed - a->sent >= SEND_BYTES) {
        /* A hint: what it cannot do is left to fsync. */
        (void)sync_file_range(a->fd, (off_t)a->sent, (off_t)(a->flushed - a->sent),
                              SYNC_FILE_RANGE_WRITE);
        a->sent = a->flushed;
    }
    return 0;
}

int artefact_wrote(struct artefact *a, struct err *e)
{
    return a->out.failed || a->out.n >= FLUSH_BYTES ? artefact_flush(a, e) : 0;
}

int artefact_patch(struct artefact *a, struct str start, struct err *e)
{
    return artefact_flush(a, e) < 0 ? -1 : write_whole(a, start, 0, e);
}

/* The bytes from `at` on that are read next, into out; 0 at the end. */
static ssize_t read_some(int fd, uint64_t at, struct buf *out, const char *name, struct err *e)
{
    ssize_t n;
    if (!buf_room(out, FLUSH_BYTES))
        return err_set(e, ERR_NO_MEMORY, "no memory to read %s", name);
    do
        n = pread(fd, out->p + out->n, FLUSH_BYTES, (off_t)at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return artefact_fail("read", name, e);
    out->n += (size_t)n;
    return n;
}

int artefact_append_file(struct artefact *a, int fd, struct err *e)
{
    uint64_t at = 0;
    for (;;) {
        ssize_t n = read_some(fd, at, &a->out, a->file.name, e);
        if (n <= 0)
            return (int)n;
        at += (uint64_t)n;
        if (artefact_wrote(a, e) < 0)
            return -1;
    }
}

static int digest_again(struct artefact *a, struct err *e)
{
    uint64_t at = 0;
    sha256_begin(&a->digest);
    for (;;) {
        ssize_t n = read_some(a->fd, at, &a->out, a->file.name, e);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        sha256_add(&a->digest, buf_str(&a->out));
        buf_reset(&a->out);
        at += (uint64_t)n;
    }
    return at == a->flushed
               ? 0
               : err_set(e, ERR_UNAVAILABLE, "%s is not as long as what was written", a->file.name);
}

int artefact_finish(struct artefact *a, struct err *e)
{
    if (artefact_flush(a, e) < 0 || (a->in_place && digest_again(a, e) < 0))
        return -1;
    sha256_end(&a->digest, a->file.sha256);
    a->file.bytes = a->flushed;
    buf_free(&a->out);
    if (fsync(a->fd) != 0)
        return artefact_fail("bring to the disk", a->file.name, e);
    if (renameat(a->directory, a->temporary, a->directory, a->file.path) != 0)
        return artefact_fail("name", a->file.name, e);
    a->complete = true;
    return 0;
}

int artefact_sync_directory(int directory, struct err *e)
{
    return fsync(directory) == 0 ? 0 : artefact_fail("bring to the disk", "the directory", e);
}

void artefact_close(struct artefact *a, bool keep)
{
    sha256_drop(&a->digest);
    buf_free(&a->out);
    if (!a->temporary[0])
        return;
    (void)close(a->fd);
    if (!a->complete)
        (void)unlinkat(a->directory, a->temporary, 0);
    else if (!keep)
        (void)unlinkat(a->directory, a->file.path, 0);
    a->temporary[0] = '\0';
}
