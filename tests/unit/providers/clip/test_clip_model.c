/* The models of tests/fixtures/clip against the vectors that transformers computed of them. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "providers/clip/model.h"
#include "providers/clip/threads.h"

enum { CASES_MAX = 64, PATH_BYTES = 512 };

#define QUICK_HASH "c0529863a5b3c417d9240722dc1e4f7dc0c1ed62e959ca72b84622dafd0aa01e"

static const double most = 1e-5; /* of the length of the vector */

struct fixture {
    struct clip_model *model;
    json_t *cases;
    size_t n, dimension;
    int32_t *ids; /* of case i from i * positions on */
};

static void open_fixture(struct fixture *f, const char *name)
{
    char path[PATH_BYTES];
    struct err e = {0};

    (void)snprintf(path, sizeof(path), "%s/clip/%s", FIXTURES_DIR, name);
    f->model = clip_model_load(path, &e);
    assert_non_null(f->model);
    (void)snprintf(path, sizeof(path), "%s/clip/%s/cases.json", FIXTURES_DIR, name);
    f->cases = json_load_file(path, JSON_ALLOW_NUL, NULL);
    f->n = json_array_size(f->cases);
    assert_in_range(f->n, 10, CASES_MAX);
    f->dimension = clip_model_dimension(f->model);
    f->ids = calloc(f->n * f->model->config.positions, sizeof(*f->ids));
}

static void close_fixture(struct fixture *f)
{
    clip_model_free(f->model);
    json_decref(f->cases);
    free(f->ids);
}

static const json_t *member(const struct fixture *f, size_t i, const char *name)
{
    return json_object_get(json_array_get(f->cases, i), name);
}

static struct clip_sequence sequence_of(const struct fixture *f, size_t i)
{
    const struct clip_config *c = &f->model->config;
    const json_t *given = member(f, i, "ids");
    int32_t *ids = f->ids + i * c->positions;
    size_t n = json_array_size(given);

    assert_in_range(n, 2, c->positions);
    for (size_t k = 0; k < n; k++)
        ids[k] = (int32_t)json_integer_value(json_array_get(given, k));
    return (struct clip_sequence){.ids = ids, .n = clip_config_end(c, ids, n) + 1, .item = i};
}

static void check_vector(const struct fixture *f, size_t i, const float *got)
{
    const json_t *expected = member(f, i, "vector");
    double difference = 0, length = 0;

    assert_int_equal(json_array_size(expected), f->dimension);
    for (size_t k = 0; k < f->dimension; k++) {
        double v = json_real_value(json_array_get(expected, k));
        length += v * v;
        difference += ((double)got[k] - v) * ((double)got[k] - v);
    }
    if (!(sqrt(difference) <= most * sqrt(length)))
        fail_msg("case %zu is off by %.3g", i, sqrt(difference / length));
}

/* All texts at once, cut into parts of different sizes. */
static void check_together(const struct fixture *f, size_t rows)
{
    const struct clip_pack_limits l = {.rows_min = 1, .rows_max = rows, .parts = 1};
    struct clip_sequence s[CASES_MAX];
    struct clip_workspace w = {0};
    struct clip_pack p;
    struct err e = {0};
    float *out = calloc(f->n, f->dimension * sizeof(*out));

    for (size_t i = 0; i < f->n; i++)
        s[i] = sequence_of(f, i);
    assert_int_equal(clip_pack_make(s, f->n, &l, &p, &e), 0);
    for (size_t i = 0; i < p.n_parts; i++)
        assert_int_equal(clip_model_run(f->model, &p.parts[i], &w, out, &e), 0);
    for (size_t i = 0; i < f->n; i++)
        check_vector(f, i, out + i * f->dimension);
    clip_pack_free(&p);
    clip_workspace_free(&w);
    free(out);
}

static void check_model(const char *name)
{
    struct fixture f;

    open_fixture(&f, name);
    for (int set = 0; (f.model->kernels = kernels_get(set)); set++) {
        check_together(&f, 1);
        check_together(&f, 50);
        check_together(&f, 100000);
    }
    close_fixture(&f);
}

static void test_quick_gelu_float32(void **state)
{
    (void)state;
    check_model("quick");
}

static void test_gelu_float16_248_positions(void **state)
{
    (void)state;
    check_model("long");
}

static void test_gelu_bfloat16_in_several_files(void **state)
{
    (void)state;
    check_model("shards");
}

/* Of one file it is what sha256sum prints; of another model, or of several files, another. */
static void test_hash_of_weights(void **state)
{
    char hash[3][65];
    const char *const names[] = {"quick", "long", "shards"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        open_fixture(&f, names[i]);
        clip_weights_hash(&f.model->weights, hash[i]);
        close_fixture(&f);
    }
    assert_int_equal(strlen(hash[0]), 64);
    assert_string_not_equal(hash[0], hash[1]);
    assert_string_not_equal(hash[1], hash[2]);
    assert_string_equal(hash[0], QUICK_HASH);
}

static void write_config(const char *folder, const char *text)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_bad_configurations(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"hidden_size\": 0}",
        "{\"hidden_size\": 1e3}",
        "{\"hidden_size\": 30, \"num_attention_heads\": 4}",
        "{\"hidden_act\": \"relu\"}",
        "{\"hidden_act\": 1}",
        "{\"eos_token_id\": [1, 2]}",
        "{\"layer_norm_eps\": 0}",
        "{\"max_position_embeddings\": 1}",
        "{\"num_hidden_layers\": 100000}",
    };
    char folder[] = "/tmp/clip_config_XXXXXX", path[PATH_BYTES];
    struct clip_config c;

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = {0};
        write_config(folder, texts[i]);
        assert_int_equal(clip_config_read(folder, &c, &e), -1);
        assert_int_equal(e.code, ERR_VALIDATION);
    }
    struct err e = {0};
    write_config(folder, "{}");
    assert_int_equal(clip_config_read(folder, &c, &e), 0);
    assert_int_equal(c.width, 512);
    assert_int_equal(c.end_token, 49407);
    assert_true(c.quick_gelu);
    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* The weights of one model do not fit the configuration of another. */
static void test_weights_of_another_shape(void **state)
{
    struct fixture quick;
    struct clip_weights w;
    struct err e = {0};

    (void)state;
    open_fixture(&quick, "quick");
    struct clip_config c = quick.model->config;
    c.layers++;
    assert_int_equal(clip_weights_load(FIXTURES_DIR "/clip/quick", &c, &w, &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    clip_weights_free(&w);
    c = quick.model->config;
    c.inner++;
    err_clear(&e);
    assert_int_equal(clip_weights_load(FIXTURES_DIR "/clip/quick", &c, &w, &e), -1);
    assert_non_null(strstr(e.msg, "mlp.fc1"));
    clip_weights_free(&w);
    close_fixture(&quick);
}

/* As whoever computes: while they are held, a product is the calling thread's alone. */
static int hold_threads(void **state)
{
    struct err e = {0};

    (void)state;
    return clip_threads_hold(&e);
}

static int release_threads(void **state)
{
    (void)state;
    clip_threads_release();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_gelu_float32),
        cmocka_unit_test(test_gelu_float16_248_positions),
        cmocka_unit_test(test_gelu_bfloat16_in_several_files),
        cmocka_unit_test(test_hash_of_weights),
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_weights_of_another_shape),
    };
    return cmocka_run_group_tests(tests, hold_threads, release_threads);
}
