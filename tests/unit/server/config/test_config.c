#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "providers/offline/composer.h"
#include "server/config.h"
#include "server/json/decode.h"
#include "tests/unit/server/config/config_fixture.h"

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(load(NULL), 0);
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_string_equal(config.auth, "auto");
    assert_int_equal(config.http_workers, 2);
    assert_int_equal(config.http_connections, 240);
    assert_int_equal(config.database_threads, 1);
    assert_int_equal(config.request_threads, 4);
    assert_in_range(config.stage_threads, 1, 64);
    assert_int_equal(config.range_size, 64);
    assert_int_equal(config.lease_s, 15);
    assert_int_equal(config.renew_s, 5);
    assert_int_equal(config.flush_ms, 200);
    assert_int_equal(config.quality_window, 1000);
    assert_int_equal(config.drain_timeout_s, 30);
    assert_int_equal(config.http_idle_timeout_s, 60);
    assert_string_equal(config.log_level, "info");
    assert_string_equal(config.log_format, "json");
    assert_null(config_warning(&config, 0));
}

static void test_offline_is_always_first(void **state)
{
    (void)state;
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.n_providers, 1);
    assert_int_equal(config.n_encoders, 1);
    assert_string_equal(config.providers[0].name, "offline");
    assert_string_equal(config.providers[0].kind, "offline");
    assert_string_equal(config.providers[0].model, COMPOSER_MODEL);
    assert_true(config.providers[0].max_in_flight > 0);
    assert_string_equal(config.encoders[0].kind, "offline");
    assert_string_equal(config.encoders[0].model, OFFLINE_ENCODER_MODEL);
    assert_int_equal(config.encoders[0].dimension, OFFLINE_ENCODER_DIMENSION);
}

static void test_precedence(void **state)
{
    (void)state;
    write_file(ini, "# comment\nlisten = 127.0.0.1:1\nrange_size = 10\n  lease = 20\nrenew = 6\n");
    set("MONOCEROS_CONFIG", ini);
    set("MONOCEROS_LISTEN", "127.0.0.1:2");
    set("MONOCEROS_RANGE_SIZE", "11");
    set("MONOCEROS_LEASE", "");
    assert_int_equal(load("--listen=127.0.0.1:3", "--http-workers", "3", NULL), 0);
    assert_string_equal(config.listen, "127.0.0.1:3");
    assert_int_equal(config.range_size, 11);
    assert_int_equal(config.lease_s, 20);
    assert_int_equal(config.http_workers, 3);
    assert_int_equal(config.http_connections, 360);
    const char *text = printed();
    assert_non_null(strstr(text, "flag --listen\n"));
    assert_non_null(strstr(text, "environment MONOCEROS_RANGE_SIZE\n"));
    assert_non_null(strstr(text, "monoceros.ini:4\n"));
    assert_non_null(strstr(text, "default\n"));
}

static void test_flag_forms(void **state)
{
    (void)state;
    assert_int_equal(
        load("--llm-url=http://h/v1", "--llm-model=m", "--llm-stream", "--log-level=debug", NULL),
        0);
    assert_true(config.providers[1].stream);
    assert_string_equal(config.log_level, "debug");
    assert_int_equal(load("--llm-url=http://h/v1", "--llm-model=m", "--llm-stream=no", NULL), 0);
    assert_false(config.providers[1].stream);
    expect_refused(load("--nonsense", "1", NULL), "--nonsense: unknown flag");
    expect_refused(load("--http_workers=1", NULL), "--http_workers: unknown flag");
    expect_refused(load("--range-size", NULL), "--range-size: a value is missing");
    expect_refused(load("serve", NULL), "serve: unexpected argument");
    expect_refused(load("--llm-api-key=abc", NULL), "use --llm-api-key-file");
    assert_null(strstr(err.msg, "abc"));
}

static void test_wrong_values_name_setting_and_source(void **state)
{
    (void)state;
    set("MONOCEROS_HTTP_WORKERS", "two");
    expect_refused(load(NULL), "http_workers (environment MONOCEROS_HTTP_WORKERS): must be an "
                               "integer from 1 to 64, is \"two\"");
    set("MONOCEROS_HTTP_WORKERS", "65");
    expect_refused(load(NULL), "from 1 to 64, is \"65\"");
    (void)clearenv();
    expect_refused(load("--log-level=loud", NULL),
                   "log_level (flag --log-level): must be one of debug info warn error");
    expect_refused(load("--llm-url=http://h/v1", "--llm-model=m", "--llm-stream=maybe", NULL),
                   "must be true or false");
    expect_refused(load_file("\nflush_ms = 1\n"), "monoceros.ini:2): must be an integer from 10");
    expect_refused(load("--renew=8", NULL), "renew: must be at most half of lease");
    expect_refused(load("--http-connections=241", NULL), "http_connections: must be at most 240");
    expect_refused(load("--listen=8080", NULL), "listen (flag --listen): must be host:port");
    expect_refused(load("--listen=host:70000", NULL), "must be host:port");
    expect_refused(load("--listen=::1:80", NULL), "must be host:port");
    expect_refused(load("--listen=:80", NULL), "must be host:port");
}

static void test_files_with_faults(void **state)
{
    (void)state;
    expect_refused(load_file("lissten = x\n"), "monoceros.ini:1: lissten: unknown setting");
    expect_refused(load_file("config = x\n"), "config: unknown setting");
    expect_refused(load_file("url = x\n"), "url: unknown setting");
    expect_refused(load_file("[provider a]\nlisten = x\n"), "ini:2: listen: unknown setting");
    expect_refused(load_file("[provider a]\ndimension = 3\n"), "dimension: unknown setting");
    expect_refused(load_file("\n[server]\n"), "ini:2: [server]: unknown section");
    expect_refused(load_file("[provider Big]\n"), "[provider Big]: a name is 1 to 32");
    expect_refused(load_file("[provider -a]\n"), "a name is 1 to 32");
    expect_refused(load_file("[provider aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"), "1 to 32");
    expect_refused(load_file("[provider offline]\n"), "this name is taken");
    expect_refused(load_file("[provider llm]\n"), "this name is taken");
    expect_refused(load_file("[encoder embeddings]\n"), "this name is taken");
    expect_refused(load_file("[provider a]\n[encoder a]\n[provider a]\n"), "declared twice");
    expect_refused(load_file("lease = 20\nlease = 21\n"), "ini:2: lease: set twice");
    expect_refused(load_file("what is this\n"), "ini:1: neither a [section] nor name = value");
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "database_url=", 13);
    text[sizeof(text) - 1] = '\0';
    expect_refused(load_file(text), "ini:1: the line is longer than");
    expect_refused(load("--config", "/nonexistent/x.ini", NULL), "cannot open /nonexistent/x.ini");
    expect_refused(load("--config", folder, NULL), "cannot read");
}

static void test_secret_files(void **state)
{
    (void)state;
    set("MONOCEROS_LLM_URL", "http://host/v1");
    set("MONOCEROS_LLM_MODEL", "m");
    set("MONOCEROS_LLM_API_KEY_FILE", "/nonexistent/key");
    expect_refused(load(NULL), "llm_api_key_file (environment MONOCEROS_LLM_API_KEY_FILE): cannot "
                               "open /nonexistent/key");
    write_file(secret, "\nvalue\n");
    set("MONOCEROS_LLM_API_KEY_FILE", secret);
    expect_refused(load(NULL), "must have 1 to 4096 bytes");
    write_file(secret, "value\r\n");
    assert_int_equal(load(NULL), 0);
    assert_string_equal(config.providers[1].api_key, "value");
    set("MONOCEROS_LLM_API_KEY", "other");
    expect_refused(load(NULL), "give the value or its file, not both");
    assert_null(strstr(err.msg, "other"));
    assert_int_equal(unsetenv("MONOCEROS_LLM_API_KEY"), 0);
    write_file(secret, "postgresql://u:p@h/d");
    assert_int_equal(load("--database-url-file", secret, NULL), 0);
    assert_string_equal(config.database_url, "postgresql://u:p@h/d");
    set("MONOCEROS_LLM_API_KEY_FILE", "");
    set("MONOCEROS_LLM_API_KEY", "a\x01z");
    expect_refused(load(NULL), "must have no control characters");
    assert_null(strstr(err.msg, "a\x01z"));
}

static void expect_masked(const char *url, const char *shown)
{
    set("MONOCEROS_DATABASE_URL", url);
    assert_int_equal(load(NULL), 0);
    assert_string_equal(config.database_url, url);
    if (!strstr(printed(), shown))
        fail_msg("%s is not shown as %s", url, shown);
    assert_null(strstr(output, "hunter2"));
}

static void test_passwords_are_masked(void **state)
{
    (void)state;
    expect_masked("postgresql://me:hunter2@db:5432/x", "postgresql://me:********@db:5432/x ");
    expect_masked("postgres://me:hun@hunter2@db/x", "postgres://me:********@db/x ");
    expect_masked("postgresql://me:hunter2/@db/x", "postgresql://me:********@db/x ");
    expect_masked("postgresql://db:5432/x", "postgresql://db:5432/x ");
    expect_masked("postgresql://me@db/x", "postgresql://me@db/x ");
    expect_masked("postgresql:///x?password=hunter2&user=y",
                  "postgresql:///x?password=********&user=y ");
    expect_masked("host=db password=hunter2 user=y", "host=db password=******** user=y ");
    expect_masked("password = 'it\\'s hunter2' user=y", "password = ******** user=y ");
    expect_masked("sslPassword=hunter2", "sslPassword=******** ");
    expect_masked("password='hunter2", "password=******** ");
    expect_masked("user=a@b host=x://y:z", "user=a@b host=x://y:z ");
    expect_masked("x://@:", "x://@: ");
    expect_masked("password=hunter2@://:", "password=******** ");
    expect_masked("host=db user=password", "host=db user=password ");
}

static void test_unknown_variables_are_warned_of(void **state)
{
    (void)state;
    set("MONOCEROS_LISTENN", "x");
    set("MONOCEROS_", "x");
    set("OTHER_LISTENN", "x");
    set("MONOCEROS_listen", "127.0.0.1:9");
    assert_int_equal(load(NULL), 0);
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_non_null(config_warning(&config, 2));
    assert_null(config_warning(&config, 3));
    assert_non_null(strstr(printed(), "warning: MONOCEROS_LISTENN is not a known setting\n"));
}

static bool needs_keys(const char *listen, const char *auth)
{
    assert_int_equal(load("--listen", listen, auth, NULL), 0);
    return config_needs_keys(&config);
}

static void test_keys_unless_only_this_machine_asks(void **state)
{
    (void)state;
    assert_false(needs_keys("127.0.0.1:80", NULL));
    assert_false(needs_keys("127.9.8.7:80", NULL));
    assert_false(needs_keys("[::1]:80", NULL));
    assert_false(needs_keys("localhost:0", NULL));
    assert_true(needs_keys("0.0.0.0:80", NULL));
    assert_true(needs_keys("[::]:80", NULL));
    assert_true(needs_keys("128.0.0.1:80", NULL));
    assert_true(needs_keys("localhost.example:80", NULL));
    assert_true(needs_keys("127.1:80", NULL));
    assert_true(needs_keys("127.0.0.1:80", "--auth=keys"));
    assert_false(needs_keys("0.0.0.0:80", "--auth=none"));
    char host[CONFIG_HOST_MAX];
    int port = -1;
    assert_false(needs_keys("[::1]:8081", NULL));
    assert_int_equal(config_listen_address(config.listen, host, &port, &err), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 8081);
}

static void test_help_and_description(void **state)
{
    (void)state;
    FILE *f = fmemopen(output, sizeof(output), "w");
    assert_non_null(f);
    config_help(f);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(output, "--http-workers"));
    assert_non_null(strstr(output, "--llm-api-key-file"));
    assert_non_null(strstr(output, "MONOCEROS_LLM_API_KEY"));
    assert_non_null(strstr(output, "debug, info, warn, error (default info)"));
    memset(output, 0, sizeof(output));
    f = fmemopen(output, sizeof(output), "w");
    assert_non_null(f);
    config_describe(f);
    assert_int_equal(fclose(f), 0);
    struct err e = {0};
    assert_int_equal(json_scan(str_of(output), 5000, &e), 0);
    assert_non_null(strstr(output, "\"environment\":\"MONOCEROS_HTTP_WORKERS\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_defaults, clear),
        cmocka_unit_test_teardown(test_offline_is_always_first, clear),
        cmocka_unit_test_teardown(test_precedence, clear),
        cmocka_unit_test_teardown(test_flag_forms, clear),
        cmocka_unit_test_teardown(test_wrong_values_name_setting_and_source, clear),
        cmocka_unit_test_teardown(test_files_with_faults, clear),
        cmocka_unit_test_teardown(test_secret_files, clear),
        cmocka_unit_test_teardown(test_passwords_are_masked, clear),
        cmocka_unit_test_teardown(test_unknown_variables_are_warned_of, clear),
        cmocka_unit_test_teardown(test_keys_unless_only_this_machine_asks, clear),
        cmocka_unit_test_teardown(test_help_and_description, clear),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
