#include "providers/clip/tokenizer_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/json/decode.h"

enum { PATH_BYTES = 4096, READ_BYTES = 1 << 16 };

static void closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int fail(const char *name, int error, struct err *e)
{
    char text[100] = "";

    return err_set(e, ERR_VALIDATION, "cannot read %s: %s", name,
                   strerror_r(error, text, sizeof(text)));
}

/* The size that the file has now says how much is read, not how much there is. */
static int read_all(int fd, const char *name, size_t max, struct buf *ret, struct err *e)
{
    for (;;) {
        if (!buf_room(ret, READ_BYTES))
            return err_set(e, ERR_NO_MEMORY, "out of memory while reading %s", name);
        ssize_t n = read(fd, ret->p + ret->n, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(name, errno, e);
        if (n == 0)
            return 0;
        ret->n += (size_t)n;
        if (ret->n > max)
            return err_set(e, ERR_VALIDATION, "%s has more than %zu bytes", name, max);
    }
}

int clip_file_read(const char *directory, const char *name, size_t max, struct buf *ret,
                   bool *found, struct err *e)
{
    char path[PATH_BYTES];
    struct stat s;

    *found = false;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(e, ERR_VALIDATION, "the path of %s is too long", name);
    /* A pipe without a writer must not hold up the start. */
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(name, errno, e);
    if (fstat(fd, &s) < 0)
        return fail(name, errno, e);
    if (!S_ISREG(s.st_mode))
        return err_set(e, ERR_VALIDATION, "%s is not a regular file", name);
    *found = true;
    buf_init(ret, max + 2 * (size_t)READ_BYTES);
    return read_all(fd, name, max, ret, e);
}

int clip_file_json(const char *directory, const char *name, const struct clip_json_limits *most,
                   json_t **ret, struct err *e)
{
    _cleanup_(buf_free) struct buf text = {0};
    size_t flags = JSON_REJECT_DUPLICATES | (most->huge_numbers ? JSON_DECODE_INT_AS_REAL : 0);
    struct err why = {0};
    json_error_t at;
    bool found;

    *ret = NULL;
    if (clip_file_read(directory, name, most->bytes, &text, &found, e) < 0)
        return -1;
    if (!found)
        return 0;
    if (json_scan(buf_str(&text), most->values, &why) < 0)
        return err_set(e, ERR_VALIDATION, "%s: %s", name, why.msg);
    *ret = json_loadb(text.p, text.n, flags, &at);
    if (!*ret)
        return err_set(e, ERR_VALIDATION, "%s: line %d, column %d: %s", name, at.line, at.column,
                       at.text);
    if (json_is_object(*ret))
        return 0;
    json_decref(*ret);
    *ret = NULL;
    return err_set(e, ERR_VALIDATION, "%s is not a JSON object", name);
}
