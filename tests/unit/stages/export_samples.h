/* Samples of an export, and the directory that its files are written to. */
#ifndef MONOCEROS_TESTS_EXPORT_SAMPLES_H
#define MONOCEROS_TESTS_EXPORT_SAMPLES_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "stages/export/export.h"

enum { SAMPLE_TOKEN = 77, SAMPLE_DIMENSION = 4 };

#define SAMPLE_ID "abababababababababababababababab-0102030405060708"

static char sample_folder[64];
static int sample_directory = -1;

static inline int sample_setup(void **state)
{
    (void)state;
    (void)snprintf(sample_folder, sizeof(sample_folder), "/tmp/monoceros-export-XXXXXX");
    if (!mkdtemp(sample_folder))
        return -1;
    sample_directory = open(sample_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return sample_directory < 0 ? -1 : 0;
}

/* How many files there are; they are removed where `clean` is set. */
static inline int sample_count_files(bool clean)
{
    int n = 0;
    DIR *d = opendir(sample_folder);
    for (const struct dirent *entry; d && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        if (clean)
            (void)unlinkat(sample_directory, entry->d_name, 0);
    }
    if (d)
        (void)closedir(d);
    return n;
}

static inline int sample_teardown(void **state)
{
    (void)state;
    (void)sample_count_files(true);
    (void)close(sample_directory);
    return rmdir(sample_folder);
}

static inline struct export_settings sample_settings(enum export_format format)
{
    struct export_settings s = {
        .with = {true, true, true},
        .dtype = EXPORT_F16,
        .dimension = SAMPLE_DIMENSION,
        .groups = 1,
        .directory = sample_directory,
        .token = SAMPLE_TOKEN,
    };
    s.formats[format] = true;
    return s;
}

static const float sample_vector[SAMPLE_DIMENSION] = {1, -0.5F, 0.25F, 0.1F};

#define SAMPLE_TURNS                                                                               \
    "[{\"from\":\"human\",\"value\":\"<image>\\nWhat runs?\"},{\"from\":\"gpt\",\"value\":\"A "    \
    "dog.\"}]"

static const struct export_dialogue sample_dialogues[] = {
    {{0xde, 0xad, 0xbe, 0xef}, 0, {SAMPLE_TURNS, sizeof(SAMPLE_TURNS) - 1}},
    {{0, 1, 2, 3}, 1, {SAMPLE_TURNS, sizeof(SAMPLE_TURNS) - 1}},
};

/* Seed abab…, hash 0102…08; the caption has a quote and a newline. */
static inline struct export_sample sample_one(void)
{
    struct export_sample x = {
        .hash = {1, 2, 3, 4, 5, 6, 7, 8},
        .variant = 2,
        .text = STR("A \"dog\"\nruns."),
        .seed_text = STR("a dog"),
        .domain = STR("animals"),
        .model = STR("m"),
        .provider = STR("p"),
        .prompt = STR("dense-v1"),
        .vector = sample_vector,
        .n_dialogues = 2,
        .dialogues = sample_dialogues,
    };
    memset(x.seed, 0xab, sizeof(x.seed));
    memset(x.recipe, 0xcd, sizeof(x.recipe));
    return x;
}

static inline void sample_read(const char *path, struct buf *out)
{
    int fd = openat(sample_directory, path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    assert_true(fd >= 0);
    buf_reset(out);
    do {
        assert_true(buf_room(out, 1 << 16));
        n = read(fd, out->p + out->n, 1 << 16);
        assert_true(n >= 0);
        out->n += (size_t)n;
    } while (n > 0);
    (void)close(fd);
}

/* The file's bytes, which are those that it says it has. */
static inline struct str sample_bytes(const struct export_file *f, struct buf *out)
{
    uint8_t digest[SHA256_BYTES];
    sample_read(f->path, out);
    assert_int_equal(f->bytes, out->n);
    sha256(buf_str(out), digest);
    assert_memory_equal(digest, f->sha256, sizeof(digest));
    return buf_str(out);
}

/* Writes n times the sample; the files stay in *w until it is freed. */
static inline const struct export_file *sample_write(const struct export_settings *s, int n,
                                                     struct export_writer **w, int *n_files)
{
    struct err e = {0};
    const struct export_file *files = NULL;
    struct export_sample x = sample_one();
    *w = export_open(s, &e);
    assert_non_null(*w);
    for (int i = 0; i < n; i++)
        assert_int_equal(export_add(*w, &x, &e), 0);
    assert_int_equal(export_finish(*w, &e), 0);
    *n_files = export_files(*w, &files);
    return files;
}

static inline void sample_assert_text(const struct export_file *f, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    struct str bytes = sample_bytes(f, &b);
    assert_int_equal(bytes.n, strlen(expected));
    assert_memory_equal(bytes.p, expected, bytes.n);
    buf_free(&b);
}

#endif
