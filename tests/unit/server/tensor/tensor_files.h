/* Files of tensors in memory and in a folder of the test's own. */
#ifndef MONOCEROS_TESTS_TENSOR_FILES_H
#define MONOCEROS_TESTS_TENSOR_FILES_H

#include <endian.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/err.h"

/* A header, the length that it gives for itself (0: the true one), and bytes of elements. */
static inline void file_safetensors(struct buf *b, const char *header, uint64_t length,
                                    const void *data, size_t n)
{
    uint64_t prefix = htole64(length ? length : strlen(header));
    buf_reset(b);
    buf_add(b, &prefix, sizeof(prefix));
    buf_addz(b, header);
    buf_add(b, data, n);
    assert_false(b->failed);
}

/* Of version 1; the newline that ends the dictionary is added. */
static inline void file_npy(struct buf *b, const char *dictionary, const void *data, size_t n)
{
    uint16_t length = htole16((uint16_t)(strlen(dictionary) + 1));
    buf_reset(b);
    buf_add(b, "\x93NUMPY\x01", 8);
    buf_add(b, &length, sizeof(length));
    buf_addz(b, dictionary);
    buf_addc(b, '\n');
    buf_add(b, data, n);
    assert_false(b->failed);
}

static char files_folder[] = "/tmp/monoceros-tensor-XXXXXX";

static inline const char *files_path(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", files_folder, name);
    return path;
}

static inline void files_write(const char *name, struct str bytes)
{
    int fd = open(files_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
    assert_int_equal(close(fd), 0);
}

static inline int files_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline int files_begin(void **state)
{
    (void)state;
    (void)snprintf(files_folder, sizeof(files_folder), "/tmp/monoceros-tensor-XXXXXX");
    return mkdtemp(files_folder) ? 0 : -1;
}

static inline int files_end(void **state)
{
    (void)state;
    return nftw(files_folder, files_remove, 4, FTW_DEPTH | FTW_PHYS);
}

static inline void assert_says(const struct err *e, const char *part)
{
    if (!strstr(e->msg, part))
        fail_msg("\"%s\" does not say \"%s\"", e->msg, part);
}

#endif
