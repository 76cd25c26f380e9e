/* For tests of the configuration: files, variables and flags, and what is said about wrong ones. */
#ifndef MONOCEROS_TESTS_CONFIG_FIXTURE_H
#define MONOCEROS_TESTS_CONFIG_FIXTURE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"

enum { FLAGS_MAX = 8, OUTPUT_MAX = 1 << 16 };

static char folder[] = "/tmp/monoceros-config-XXXXXX";
static char ini[64], secret[64];
static struct config config;
static struct err err;
static char output[OUTPUT_MAX];

static inline int make_folder(void **state)
{
    (void)state;
    (void)clearenv();
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(ini, sizeof(ini), "%s/monoceros.ini", folder);
    (void)snprintf(secret, sizeof(secret), "%s/secret", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    (void)unlink(ini);
    (void)unlink(secret);
    return rmdir(folder);
}

static inline int clear(void **state)
{
    (void)state;
    config_free(&config);
    return clearenv();
}

static inline void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Flags up to a NULL. */
static inline int load(const char *first, ...)
{
    char *argv[FLAGS_MAX];
    int argc = 0;
    va_list ap;
    va_start(ap, first);
    for (const char *flag = first; flag && argc < FLAGS_MAX; flag = va_arg(ap, const char *))
        argv[argc++] = strdup(flag);
    va_end(ap);
    config_free(&config);
    err = (struct err){0};
    int rc = config_load(&config, argc, argv, &err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return rc;
}

static inline int load_file(const char *text)
{
    write_file(ini, text);
    return load("--config", ini, NULL);
}

static inline void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static inline const char *printed(void)
{
    FILE *f = fmemopen(output, sizeof(output), "w");
    assert_non_null(f);
    config_print(&config, f);
    assert_int_equal(fclose(f), 0);
    return output;
}

static inline void expect_refused(int rc, const char *part)
{
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, ERR_VALIDATION);
    if (!strstr(err.msg, part))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
}

#endif
