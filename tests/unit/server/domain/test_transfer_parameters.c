/* Parameters of transfers: what goes together, one text for the same thing, and what follows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/transfer_parameters.h"

enum { N = 1280 };

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct transfer_choice choice(enum transfer_method method, const char *json,
                                     const char *images)
{
    struct transfer_parameters *p = arena_alloc(arena, sizeof(*p));
    struct err e = {0};
    assert_int_equal(
        json_decode(str_of(json), transfer_parameter_fields, 64, arena, p, sizeof(*p), &e), 0);
    return (struct transfer_choice){method, p, str_of(images)};
}

static const char *kept(enum transfer_method method, const char *json)
{
    const struct transfer_choice c = choice(method, json, NULL);
    struct buf out;
    buf_init(&out, 4096);
    transfer_parameters_write(&c, &out);
    const char *text = arena_dup(arena, out.p, out.n);
    buf_free(&out);
    return text;
}

static void test_the_same_has_one_text(void **state)
{
    (void)state;
    static const struct {
        enum transfer_method method;
        const char *given, *kept;
    } rows[] = {
        {TRANSFER_NONE, "{}", "{}"},
        {TRANSFER_MEAN_SHIFT, "{}", "{}"},
        {TRANSFER_MEAN_SHIFT, "{\"norm\":true,\"image_mean\":false}", "{}"},
        {TRANSFER_MEAN_SHIFT, "{\"image_mean\":true,\"norm\":false}",
         "{\"norm\":false,\"image_mean\":true}"},
        {TRANSFER_REALIGN, "{}", "{}"},
        {TRANSFER_NOISE, "{}", "{\"cosine\":0.9}"},
        {TRANSFER_NOISE, "{\"form\":\"capdec\",\"seed\":0,\"cosine\":0.9}", "{\"cosine\":0.9}"},
        {TRANSFER_NOISE, "{\"form\":\"c3\",\"seed\":7,\"sigma\":0.04}",
         "{\"sigma\":0.04,\"seed\":7,\"form\":\"c3\"}"},
        {TRANSFER_NOISE, "{\"sigma\":0}", "{\"sigma\":0}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(kept(rows[i].method, rows[i].given), rows[i].kept);
    const struct transfer_choice without = {.method = TRANSFER_NOISE};
    struct buf out;
    buf_init(&out, 4096);
    transfer_parameters_write(&without, &out);
    assert_string_equal(buf_z(&out), "{\"cosine\":0.9}");
    buf_free(&out);
}

static void test_what_follows(void **state)
{
    (void)state;
    struct err e = {0};
    bool images = false;
    struct transfer t = {.method = TRANSFER_NOISE, .n = N};
    assert_int_equal(
        transfer_parameters_read(str_of(kept(TRANSFER_NOISE, "{\"cosine\":0.5,\"seed\":7}")), arena,
                                 &t, &images, &e),
        0);
    assert_true(fabs(t.sigma - sqrt(3.0 / N)) < 1e-15);
    assert_int_equal(t.seed, 7);
    assert_false(t.centred || images || t.raw);
    assert_int_equal(
        transfer_parameters_read(STR("{\"sigma\":0.25,\"form\":\"c3\"}"), arena, &t, &images, &e),
        0);
    assert_true(fabs(t.sigma - 0.25) < 1e-15 && t.centred && t.seed == 0);
    t = (struct transfer){.method = TRANSFER_MEAN_SHIFT, .n = N};
    assert_int_equal(transfer_parameters_read(STR("{\"norm\":false,\"image_mean\":true}"), arena,
                                              &t, &images, &e),
                     0);
    assert_true(t.raw && images && !(t.sigma > 0));
    t = (struct transfer){.method = TRANSFER_REALIGN, .n = N};
    assert_int_equal(transfer_parameters_read(STR("{}"), arena, &t, &images, &e), 0);
    assert_true(images && !t.raw);
    assert_int_equal(transfer_parameters_read(STR("{\"norm\":1}"), arena, &t, &images, &e), -1);
}

static void expect_field(const struct transfer_choice *c, const char *pointer)
{
    struct err e = {0};
    assert_int_equal(transfer_choice_check(c, "/x", &e), pointer ? -1 : 0);
    if (pointer)
        assert_string_equal(e.fields[0].pointer, pointer);
}

static void test_what_goes_together(void **state)
{
    (void)state;
    static const struct {
        enum transfer_method method;
        const char *given, *images, *pointer;
    } rows[] = {
        {TRANSFER_NONE, "{}", NULL, NULL},
        {TRANSFER_NONE, "{}", "a", "/x/image_moments"},
        {TRANSFER_NONE, "{\"norm\":false}", NULL, "/x/parameters/norm"},
        {TRANSFER_MEAN_SHIFT, "{\"norm\":false}", NULL, NULL},
        {TRANSFER_MEAN_SHIFT, "{\"image_mean\":true}", NULL, "/x/image_moments"},
        {TRANSFER_MEAN_SHIFT, "{\"image_mean\":true}", "a", NULL},
        {TRANSFER_MEAN_SHIFT, "{\"image_mean\":false}", "a", "/x/image_moments"},
        {TRANSFER_MEAN_SHIFT, "{\"seed\":1}", NULL, "/x/parameters/seed"},
        {TRANSFER_REALIGN, "{}", "a", NULL},
        {TRANSFER_REALIGN, "{}", NULL, "/x/image_moments"},
        {TRANSFER_REALIGN, "{\"image_mean\":true}", "a", "/x/parameters/image_mean"},
        {TRANSFER_NOISE, "{\"cosine\":0.5,\"seed\":1,\"form\":\"c3\"}", NULL, NULL},
        {TRANSFER_NOISE, "{\"cosine\":0.5,\"sigma\":0.1}", NULL, "/x/parameters/sigma"},
        {TRANSFER_NOISE, "{}", "a", "/x/image_moments"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct transfer_choice c = choice(rows[i].method, rows[i].given, rows[i].images);
        expect_field(&c, rows[i].pointer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_has_one_text),
        cmocka_unit_test(test_what_follows),
        cmocka_unit_test(test_what_goes_together),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
