/* Kept vectors of the probe texts against present ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/domain/probes.h"

enum { DIMENSION = 3 };

static float now[PROBES * DIMENSION];
static uint8_t bytes[4 * PROBES * DIMENSION];

static struct str kept(void)
{
    return (struct str){(const char *)bytes, sizeof(bytes)};
}

static void fill(void)
{
    for (size_t i = 0; i < PROBES * DIMENSION; i++)
        now[i] = (float)(i % 7) - 2.5F;
    probes_pack(now, DIMENSION, bytes);
}

static void test_texts_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROBES; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(probe_texts[i], probe_texts[k]);
}

static void test_packing_is_little_endian(void **state)
{
    (void)state;
    fill();
    now[0] = 1;
    probes_pack(now, DIMENSION, bytes);
    const uint8_t one[] = {0, 0, 0x80, 0x3f};
    assert_memory_equal(bytes, one, sizeof(one));
}

static void test_smallest_cosine(void **state)
{
    int compared;

    (void)state;
    fill();
    assert_true(fabs(probes_compare(kept(), now, DIMENSION, &compared) - 1) < 1e-12);
    assert_int_equal(compared, PROBES);
    /* Length does not matter, direction does. */
    for (int i = 0; i < DIMENSION; i++)
        now[i] *= 2;
    assert_true(fabs(probes_compare(kept(), now, DIMENSION, &compared) - 1) < 1e-12);
    now[5 * DIMENSION] += 0.2F;
    double smallest = probes_compare(kept(), now, DIMENSION, &compared);
    assert_true(smallest < 1 && smallest > 0.9);
    for (int i = 0; i < DIMENSION; i++)
        now[2 * DIMENSION + i] = -now[2 * DIMENSION + i];
    assert_true(fabs(probes_compare(kept(), now, DIMENSION, &compared) + 1) < 1e-12);
}

static void test_texts_without_a_vector_say_nothing(void **state)
{
    int compared;

    (void)state;
    fill();
    for (int i = 0; i < DIMENSION; i++)
        now[4 * DIMENSION + i] = 0;
    assert_true(probes_compare(kept(), now, DIMENSION, &compared) > 0.999999);
    assert_int_equal(compared, PROBES - 1);
}

static void test_another_dimension(void **state)
{
    int compared;

    (void)state;
    fill();
    assert_true(probes_compare(kept(), now, DIMENSION - 1, &compared) < 1e-9);
    assert_int_equal(compared, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_differ),
        cmocka_unit_test(test_packing_is_little_endian),
        cmocka_unit_test(test_smallest_cosine),
        cmocka_unit_test(test_texts_without_a_vector_say_nothing),
        cmocka_unit_test(test_another_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
