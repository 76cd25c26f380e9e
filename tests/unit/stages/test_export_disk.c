/* What an export leaves on a disk that fails, and after a try that did not end. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/stages/export_samples.h"

static struct export_settings everything(void)
{
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    for (int i = 0; i < EXPORT_FORMATS; i++)
        s.formats[i] = true;
    return s;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void nothing_is_left_without_an_end(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = everything();
    struct export_sample x = sample_one();
    const struct export_file *files;
    struct export_writer *w = export_open(&s, &e);
    assert_non_null(w);
    assert_int_equal(export_add(w, &x, &e), 0);
    assert_int_equal(export_files(w, &files), 0);
    assert_true(sample_count_files(false) >= 9);
    export_free(w);
    assert_int_equal(sample_count_files(false), 0);
    export_free(NULL);
}

static void nothing_is_seen_before_the_end(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = everything();
    struct export_writer *w = export_open(&s, &e);
    assert_non_null(w);
    DIR *d = opendir(sample_folder);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d));)
        assert_int_equal(entry->d_name[0], '.');
    (void)closedir(d);
    export_free(w);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    struct export_sample x = sample_one();
    struct export_writer *w = export_open(&s, &e);
    assert_non_null(w);
    limit_files(100 << 10);
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = export_add(w, &x, &e);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "cannot write instruct.jsonl: File too large");
    export_free(w);
    assert_int_equal(sample_count_files(false), 0);
}

/* Files that were named before another one failed go, too. */
static void a_disk_that_fills_at_the_end_is_told(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = everything();
    struct export_sample x = sample_one();
    struct export_writer *w = export_open(&s, &e);
    assert_non_null(w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(export_add(w, &x, &e), 0);
    limit_files(3000);
    assert_int_equal(export_finish(w, &e), -1);
    limit_files(RLIM_INFINITY);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "File too large"));
    export_free(w);
    assert_int_equal(sample_count_files(false), 0);
}

static void a_directory_that_went_is_told(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = everything();
    struct export_file f;
    char gone[] = "/tmp/monoceros-gone-XXXXXX";
    assert_non_null(mkdtemp(gone));
    s.directory = open(gone, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s.directory >= 0);
    assert_int_equal(rmdir(gone), 0);
    assert_null(export_open(&s, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "cannot create pretrain.jsonl: No such file or directory");
    err_clear(&e);
    assert_int_equal(export_write_text(s.directory, 1, "README.md", STR("x"), &f, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    (void)close(s.directory);
}

/* A worker that died leaves its hidden file; a link in its place is not followed. */
static void what_an_earlier_try_left_is_replaced(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_CAPTIONS);
    assert_int_equal(symlinkat("/dev/full", sample_directory, ".captions.jsonl.77.tmp"), 0);
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    struct buf b;
    buf_init(&b, 1 << 20);
    (void)sample_bytes(&f[0], &b);
    buf_free(&b);
    export_free(w);
    assert_int_equal(sample_count_files(true), 1);
}

static void a_sample_must_have_its_vector(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_settings s = everything();
    struct export_sample x = sample_one();
    struct export_writer *w = export_open(&s, &e);
    x.vector = NULL;
    assert_non_null(w);
    assert_int_equal(export_add(w, &x, &e), -1);
    assert_int_equal(e.code, ERR_INTERNAL);
    export_free(w);
    assert_int_equal(sample_count_files(false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_without_an_end),
        cmocka_unit_test(nothing_is_seen_before_the_end),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(a_disk_that_fills_at_the_end_is_told),
        cmocka_unit_test(a_directory_that_went_is_told),
        cmocka_unit_test(what_an_earlier_try_left_is_replaced),
        cmocka_unit_test(a_sample_must_have_its_vector),
    };
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return 1;
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
