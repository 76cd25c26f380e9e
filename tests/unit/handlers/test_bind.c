/* Names and ids from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/seed_input.h"
#include "handlers/vectors.h"
#include "server/json/write.h"
#include "tests/unit/handlers/fake_request.h"

static void test_dataset_names(void **state)
{
    (void)state;
    const char *const good[] = {"a", "0", "streets", "a.b_c-d", "9-lives.x"};
    const char *const bad[] = {"", "A", ".a", "-a", "_a", "a b", "a/b", "ä", "aB", "a\n"};
    char longest[65];
    memset(longest, 'a', 64);
    longest[64] = '\0';
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(dataset_name_is_valid(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dataset_name_is_valid(str_of(bad[i])));
    assert_false(dataset_name_is_valid(str_of(longest)));
    assert_true(dataset_name_is_valid(str_of(longest + 1)));
}

static void test_paths_that_name_nothing(void **state)
{
    (void)state;
    struct fake f;
    struct db_call c;
    struct err e = {0};
    fake_begin(&f, "get_dataset", "No");
    assert_int_equal(bind_dataset(&f.q, &c, STMT_DATASET_GET, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    err_clear(&e);
    f.q.params[0] = STR("0123456789ABCDEF0123456789abcdef");
    assert_int_equal(bind_id(&f.q, &c, STMT_RUN_GET, "run", &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    fake_end(&f);
}

static void test_id_filters(void **state)
{
    (void)state;
    struct fake f;
    struct db_call c;
    struct err e = {0};
    fake_begin(&f, "list_captions", "streets");
    call_init(&c, STMT_CAPTIONS_LIST);
    assert_int_equal(bind_query_id(&f.q, &c, "run", &e), 0);
    assert_null(c.params[0].p);
    fake_query(&f, "run", "0123456789abcdef0123456789abcdef", 0);
    assert_int_equal(bind_query_id(&f.q, &c, "run", &e), 0);
    assert_string_equal(c.params[1].p, "0123456789abcdef0123456789abcdef");
    fake_query(&f, "run", "0123", 0);
    assert_int_equal(bind_query_id(&f.q, &c, "run", &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    assert_string_equal(e.fields[0].pointer, "?run");
    fake_end(&f);
}

static void test_seed_texts(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    char detail[160], longest[SEED_CHARS_MAX + 3];
    struct seed_input s = {.text = STR("  a\t dog \n")};
    assert_null(seed_input_normalise(&s, a, detail));
    assert_true(str_is(s.text, "a dog"));
    s.text = STR(" \xe3\x80\x80 ");
    assert_string_equal(seed_input_normalise(&s, a, detail), "empty");
    memset(longest, 'x', sizeof(longest));
    longest[0] = ' ';
    s.text = (struct str){longest, SEED_CHARS_MAX + 1};
    assert_null(seed_input_normalise(&s, a, detail));
    s.text = (struct str){longest, SEED_CHARS_MAX + 2};
    assert_string_equal(seed_input_normalise(&s, a, detail), "too_long");
    arena_free(a);
}

static void test_transfer_names(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(transfer_parse(STR("none"), "/transfer", &e), TRANSFER_NONE);
    assert_int_equal(transfer_parse(STR("mean_shift"), "/transfer", &e), TRANSFER_MEAN_SHIFT);
    assert_int_equal(transfer_parse(STR("0123456789abcdef0123456789abcdef"), "/transfer", &e), -1);
    assert_int_equal(e.code, ERR_NONE);
    assert_int_equal(transfer_parse(STR("shift"), "/transfer", &e), -2);
    assert_string_equal(e.fields[0].pointer, "/transfer");
}

static void test_vectors_in_answers(void **state)
{
    (void)state;
    const float v[] = {1.0F, -0.5F};
    struct buf b;
    buf_init(&b, 1000);
    vector_write(v, 2, false, &b);
    assert_string_equal(buf_z(&b), "[1,-0.5]");
    buf_reset(&b);
    vector_write(v, 2, true, &b);
    assert_string_equal(buf_z(&b), "\"AACAPwAAAL8=\"");
    buf_free(&b);
}

static void test_equal_to_the_mean(void **state)
{
    (void)state;
    const double mean[] = {0.6, 0.8};
    const uint8_t key[TRANSFER_KEY_BYTES] = {0};
    const float w[] = {1.0F, 0.0F};
    float out[2];
    struct prepared p = {
        .transfer = {.method = TRANSFER_MEAN_SHIFT, .n = 2, .mean = (const double[]){1, 0}},
        .dimension = 2};
    struct buf b;
    buf_init(&b, 1000);
    json_open(&b, '{');
    representation_write(&p, key, w, out, &b);
    assert_non_null(strstr(buf_z(&b), "\"reason\":\"zero_difference\""));
    buf_reset(&b);
    p.transfer.mean = mean;
    representation_write(&p, key, w, out, &b);
    assert_non_null(strstr(buf_z(&b), "\"vector\":["));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dataset_names),     cmocka_unit_test(test_paths_that_name_nothing),
        cmocka_unit_test(test_id_filters),        cmocka_unit_test(test_seed_texts),
        cmocka_unit_test(test_transfer_names),    cmocka_unit_test(test_vectors_in_answers),
        cmocka_unit_test(test_equal_to_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
