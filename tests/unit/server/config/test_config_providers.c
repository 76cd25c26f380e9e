/* Providers and encoders as they are declared: URLs, keys, limits, prices, extra members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/config/config_fixture.h"

static void test_llm_from_the_environment(void **state)
{
    (void)state;
    write_file(secret, "  key-from-file \nsecond line\n");
    set("MONOCEROS_LLM_URL", "http://models:8000/v1/");
    set("MONOCEROS_LLM_MODEL", "org/model");
    set("MONOCEROS_LLM_API_KEY_FILE", secret);
    set("MONOCEROS_LLM_MAX_TOKENS_FIELD", "max_completion_tokens");
    set("MONOCEROS_ENCODER_URL", "https://[::1]:9/a/b/v1");
    set("MONOCEROS_ENCODER_MODEL", "e");
    set("MONOCEROS_ENCODER_API_KEY", "encoder-key");
    set("MONOCEROS_ENCODER_DIMENSION", "384");
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.n_providers, 2);
    const struct llm_settings *p = &config.providers[1];
    assert_string_equal(p->name, "llm");
    assert_string_equal(p->kind, "openai");
    assert_string_equal(p->url, "http://models:8000/v1");
    assert_string_equal(p->model, "org/model");
    assert_string_equal(p->api_key, "key-from-file");
    assert_string_equal(p->max_tokens_field, "max_completion_tokens");
    assert_int_equal(p->max_in_flight, 256);
    assert_int_equal(p->timeout_s, 600);
    assert_int_equal(p->connect_timeout_s, 10);
    assert_int_equal(p->attempts, 4);
    assert_int_equal(p->stop_after, 64);
    assert_int_equal(config.n_encoders, 2);
    const struct encoder_settings *n = &config.encoders[1];
    assert_string_equal(n->name, "embeddings");
    assert_string_equal(n->url, "https://[::1]:9/a/b/v1");
    assert_string_equal(n->api_key, "encoder-key");
    assert_int_equal(n->dimension, 384);
    assert_int_equal(n->batch, 32);
    assert_int_equal(n->max_in_flight, 16);
    const char *text = printed();
    assert_null(strstr(text, "key-from-file"));
    assert_null(strstr(text, "encoder-key"));
    assert_non_null(strstr(text, "********"));
}

static void expect_url_refused(const char *url, const char *part)
{
    set("MONOCEROS_LLM_URL", url);
    set("MONOCEROS_LLM_MODEL", "m");
    expect_refused(load(NULL), part);
    assert_non_null(strstr(err.msg, "llm_url (environment MONOCEROS_LLM_URL)"));
}

static void test_urls(void **state)
{
    (void)state;
    expect_url_refused("http://host:8000", "path ends in /v1");
    expect_url_refused("http://host:8000/v1/chat/completions", "path ends in /v1");
    expect_url_refused("http://host/xv1", "path ends in /v1");
    expect_url_refused("ftp://host/v1", "starts with http:// or https://");
    expect_url_refused("host:8000/v1", "starts with http:// or https://");
    expect_url_refused("http:///v1", "with a host");
    expect_url_refused("http://host:0/v1", "port from 1 to 65535");
    expect_url_refused("http://host:x/v1", "port from 1 to 65535");
    expect_url_refused("http://ho\"st/v1", "without spaces");
    expect_url_refused("http://a/v1 http://b/v2", "path ends in /v1");
    expect_url_refused("http://a/v1,ftp://b/v1", "starts with http:// or https://");
    expect_url_refused(" , ", "a URL, or several");
    expect_url_refused("http://host/v1?key=1", "without user name");
    expect_url_refused("http://user:hunter2@host/v1", "without user name");
    assert_null(strstr(err.msg, "hunter2"));
}

static void test_several_urls(void **state)
{
    (void)state;
    write_file(secret, "http://a/v1/\nhttp://b:8000/v1,\n");
    set("MONOCEROS_LLM_URL_FILE", secret);
    set("MONOCEROS_LLM_MODEL", "m");
    set("MONOCEROS_ENCODER_URL", " http://c/v1//, http://d/v1 ");
    set("MONOCEROS_ENCODER_MODEL", "m");
    assert_int_equal(load(NULL), 0);
    assert_string_equal(config.providers[1].url, "http://a/v1 http://b:8000/v1");
    assert_string_equal(config.encoders[1].url, "http://c/v1 http://d/v1");
}

static void test_money_and_rates(void **state)
{
    (void)state;
    assert_int_equal(load_file("[provider a]\nurl = http://a/v1\nmodel = A\n"
                               "price_prompt = 0.15\nprice_completion = 0\nrpm = 500\n"
                               "tpm = 200000\nqueue_timeout = 30\nstream = yes\n"),
                     0);
    const struct llm_settings *p = &config.providers[1];
    assert_true(p->price_prompt > 0.149 && p->price_prompt < 0.151);
    assert_true(p->price_completion >= 0 && p->price_completion < 1e-9);
    assert_true(p->price_cached < 0 && p->price_reasoning < 0);
    assert_int_equal(p->rpm, 500);
    assert_int_equal(p->tpm, 200000);
    assert_int_equal(p->queue_timeout_s, 30);
    assert_true(p->stream);
    assert_true(config.providers[0].price_prompt < 0 && !config.providers[0].stream);
    assert_non_null(strstr(printed(), "0.15"));
    expect_refused(load_file("[provider a]\nurl = http://a/v1\nmodel = A\nprice_prompt = -1\n"),
                   "llm_price_prompt (");
    assert_non_null(strstr(err.msg, "must be a number from 0 to 1000000, is \"-1\""));
    expect_refused(load_file("[provider a]\nurl = http://a/v1\nmodel = A\nprice_cached = nan\n"),
                   "must be a number from 0");
    expect_refused(load_file("[provider a]\nurl = http://a/v1\nmodel = A\nprice_cached = 1 $\n"),
                   "must be a number from 0");
}

static void test_extra_body(void **state)
{
    char text[400];

    (void)state;
    assert_int_equal(load_file("[provider a]\nurl = http://a/v1\nmodel = A\n"
                               "extra_body = {\"top_k\": 20}\n"),
                     0);
    assert_string_equal(config.providers[1].extra_body, "{\"top_k\": 20}");
    assert_null(config.providers[0].extra_body);
    expect_refused(load_file("[provider a]\nurl = http://a/v1\nmodel = A\n"
                             "extra_body = {\"messages\": []}\n"),
                   "without messages");
    expect_refused(load_file("[provider a]\nurl = http://a/v1\nmodel = A\nextra_body = [1]\n"),
                   "llm_extra_body (");
    /* What is longer than a line of the file stands in a file of its own. */
    (void)snprintf(text, sizeof(text), "extra_body = {\"x\": \"%0300d\"}\n", 0);
    expect_refused(load_file(text), "ini:1: the line is longer than");
    (void)snprintf(text, sizeof(text), "{\n  \"x\": \"%0300d\"\n}\n", 0);
    write_file(secret, text);
    (void)snprintf(text, sizeof(text),
                   "[provider a]\nurl = http://a/v1\nmodel = A\n"
                   "extra_body_file = %s\n",
                   secret);
    assert_int_equal(load_file(text), 0);
    assert_int_equal(strlen(config.providers[1].extra_body), 300 + 13);
    assert_non_null(strstr(printed(), "{   \"x\": \"000"));
    write_file(secret, "");
    expect_refused(load_file(text), "must have 1 to 65536 bytes of text");
    char *large = calloc(1, 70000);
    assert_non_null(large);
    memset(large, ' ', 69999);
    write_file(secret, large);
    free(large);
    expect_refused(load_file(text), "must have 1 to 65536 bytes of text");
}

static void test_what_a_provider_needs(void **state)
{
    (void)state;
    set("MONOCEROS_LLM_URL", "http://host/v1");
    expect_refused(load(NULL), "provider llm: model must be set");
    (void)clearenv();
    expect_refused(load_file("[encoder small]\nmodel = m\n"), "encoder small: url must be set");
    set("MONOCEROS_LLM_MODEL", "m");
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.n_providers, 1);
    assert_string_equal(config_warning(&config, 0), "llm_model has no effect without llm_url");
    assert_null(config_warning(&config, 1));
}

static void test_sections(void **state)
{
    (void)state;
    write_file(secret, "sk-1");
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "range_size = 32\n[provider big-1]\nurl = http://a/v1\nmodel = A\n"
                   "api_key_file = %s\nmax_in_flight = 8\n\n[encoder small]\nurl=http://b/v1/\n"
                   "model : B\nbatch = 4\ndimension = 16\n[provider 2]\nurl = http://c/v1\n"
                   "model = C\nattempts = 1\napi_key = sk-2\n",
                   secret);
    assert_int_equal(load_file(text), 0);
    assert_int_equal(config.range_size, 32);
    assert_int_equal(config.n_providers, 3);
    assert_string_equal(config.providers[1].name, "big-1");
    assert_string_equal(config.providers[1].api_key, "sk-1");
    assert_int_equal(config.providers[1].max_in_flight, 8);
    assert_int_equal(config.providers[1].timeout_s, 600);
    assert_string_equal(config.providers[2].name, "2");
    assert_int_equal(config.providers[2].attempts, 1);
    assert_int_equal(config.n_encoders, 2);
    assert_string_equal(config.encoders[1].url, "http://b/v1");
    assert_int_equal(config.encoders[1].batch, 4);
    assert_int_equal(config.encoders[1].dimension, 16);
    const char *out = printed();
    assert_non_null(strstr(out, "[provider big-1]\n"));
    assert_non_null(strstr(out, "[encoder small]\n"));
    assert_null(strstr(out, "sk-"));
}

static void test_clip_encoders(void **state)
{
    (void)state;
    set("MONOCEROS_ENCODER_PATH", "/models/clip");
    assert_int_equal(load(NULL), 0);
    assert_int_equal(config.n_encoders, 2);
    assert_string_equal(config.encoders[1].name, "clip");
    assert_string_equal(config.encoders[1].kind, "clip");
    assert_string_equal(config.encoders[1].path, "/models/clip");
    assert_null(config.encoders[1].model);
    assert_int_equal(config.compute_threads, 0);
    set("MONOCEROS_ENCODER_URL", "http://host/v1");
    set("MONOCEROS_ENCODER_MODEL", "m");
    expect_refused(load(NULL), "encoder clip: path is for the kind clip alone");
    (void)clearenv();
    expect_refused(load_file("[encoder x]\nkind = clip\n"),
                   "encoder x: of kind clip, it has a path");
    expect_refused(load_file("[encoder x]\nkind = clip\nurl = http://h/v1\npath = /m\n"),
                   "encoder x: of kind clip, it has a path");
    assert_int_equal(load_file("[encoder x]\npath = /m\nmodel = ViT-B/32\n"), 0);
    assert_string_equal(config.encoders[1].name, "x");
    assert_string_equal(config.encoders[1].kind, "clip");
    assert_string_equal(config.encoders[1].model, "ViT-B/32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_llm_from_the_environment, clear),
        cmocka_unit_test_teardown(test_urls, clear),
        cmocka_unit_test_teardown(test_several_urls, clear),
        cmocka_unit_test_teardown(test_money_and_rates, clear),
        cmocka_unit_test_teardown(test_extra_body, clear),
        cmocka_unit_test_teardown(test_what_a_provider_needs, clear),
        cmocka_unit_test_teardown(test_sections, clear),
        cmocka_unit_test_teardown(test_clip_encoders, clear),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
