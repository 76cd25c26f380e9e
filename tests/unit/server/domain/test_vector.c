#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/half.h"
#include "server/domain/vector.h"

enum { HALVES = 65536, BATCH = 1003 };

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* By the definition of the format, in double arithmetic. */
static double half_value(unsigned half)
{
    int exponent = (int)(half >> 10 & 31);
    double fraction = (double)(half & 1023) / 1024;
    double size = exponent ? ldexp(1 + fraction, exponent - 15) : ldexp(fraction, -14);
    return half & 0x8000 ? -size : size;
}

static bool half_is_number(unsigned half)
{
    return (half & 0x7c00) != 0x7c00;
}

/* Nearest half to v by comparing with both neighbours, ties to the even one. */
static unsigned nearest_half(float v)
{
    double size = fabs((double)v);
    unsigned sign = signbit(v) ? 0x8000 : 0;
    unsigned low = 0, high = 0x7bff;
    if (size >= 65520)
        return sign | 0x7c00;
    while (low < high) {
        unsigned middle = (low + high + 1) / 2;
        if (half_value(middle) <= size)
            low = middle;
        else
            high = middle - 1;
    }
    double below = size - half_value(low);
    double above = (low == 0x7bff ? 65536 : half_value(low + 1)) - size;
    bool up = above < below || (!(above > below) && (low & 1));
    return sign | (low + up);
}

static unsigned encode_one(float v)
{
    uint8_t bytes[2];
    vector_to_f16(&v, 1, bytes);
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8;
}

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static void test_every_half(void **state)
{
    (void)state;
    static uint8_t in[2 * HALVES], out[2 * HALVES];
    static float values[HALVES];
    for (unsigned i = 0; i < HALVES; i++) {
        in[2 * i] = (uint8_t)i;
        in[2 * i + 1] = (uint8_t)(i >> 8);
    }
    vector_from_f16(in, HALVES, values);
    for (unsigned i = 0; i < HALVES; i++) {
        if (half_is_number(i))
            assert_int_equal(bits_of(values[i]), bits_of((float)half_value(i)));
        else if (i & 0x3ff)
            assert_true(isnan(values[i]));
        else
            assert_true(isinf(values[i]) && !signbit(values[i]) == !(i & 0x8000));
    }
    vector_to_f16(values, HALVES, out);
    for (unsigned i = 0; i < HALVES; i++) {
        unsigned half = (unsigned)out[2 * i] | (unsigned)out[2 * i + 1] << 8;
        bool signalling = !half_is_number(i) && (i & 0x3ff) && !(i & 0x200);
        assert_int_equal(half, signalling ? i | 0x200 : i);
    }
}

static void test_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(encode_one(1.0F), 0x3c00);
    assert_int_equal(encode_one(-2.0F), 0xc000);
    assert_int_equal(encode_one(65504.0F), 0x7bff);
    assert_int_equal(encode_one(65519.99F), 0x7bff);
    assert_int_equal(encode_one(65520.0F), 0x7c00);
    assert_int_equal(encode_one(-1e30F), 0xfc00);
    assert_int_equal(encode_one(INFINITY), 0x7c00);
    assert_int_equal(encode_one(-0.0F), 0x8000);
    assert_int_equal(encode_one(0x1p-24F), 1);
    assert_int_equal(encode_one(0x1p-25F), 0);
    assert_int_equal(encode_one(0x1.000002p-25F), 1);
    assert_int_equal(encode_one(0x1.8p-24F), 2);
    assert_int_equal(encode_one(0x1.ff8p-15F), 0x3ff);
    assert_int_equal(encode_one(0x1.ffcp-15F), 0x400);
    assert_int_equal(encode_one(1 + 0x1p-11F), 0x3c00);
    assert_int_equal(encode_one(1 + 0x3p-11F), 0x3c02);
    assert_int_equal(encode_one(1e-40F), 0);
    for (int i = 0; i < 300000; i++) {
        float v = float_of(next_random() % 0x12000000 + 0x32000000);
        assert_int_equal(encode_one(v), nearest_half(v));
    }
}

static void test_both_ways_agree(void **state)
{
    (void)state;
    if (!half_has_instructions())
        skip();
    static float v[BATCH], back[2][BATCH];
    static uint8_t bytes[2][2 * BATCH];
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < BATCH; i++)
            v[i] = float_of(next_random());
        half_encode_portable(v, BATCH, bytes[0]);
        half_encode_fast(v, BATCH, bytes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizeof(bytes[0]));
        for (int i = 0; i < 2 * BATCH; i++)
            bytes[0][i] = (uint8_t)next_random();
        half_decode_portable(bytes[0], BATCH, back[0]);
        half_decode_fast(bytes[0], BATCH, back[1]);
        assert_memory_equal(back[0], back[1], sizeof(back[0]));
    }
}

static unsigned brain_of(uint32_t bits)
{
    const float v = float_of(bits);
    uint8_t bytes[2];
    vector_to_bf16(&v, 1, bytes);
    return (unsigned)bytes[0] | (unsigned)bytes[1] << 8;
}

static void test_brains_round_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(brain_of(0x3f800000), 0x3f80);
    assert_int_equal(brain_of(0x3f808000), 0x3f80); /* half way: to the even one */
    assert_int_equal(brain_of(0x3f818000), 0x3f82);
    assert_int_equal(brain_of(0x3f808001), 0x3f81);
    assert_int_equal(brain_of(0xbf807fff), 0xbf80);
    assert_int_equal(brain_of(0x80000000), 0x8000);
    assert_int_equal(brain_of(0x00000001), 0);
    assert_int_equal(brain_of(0x7f7fffff), 0x7f80); /* the largest float: infinite */
    assert_int_equal(brain_of(0xff800000), 0xff80);
    assert_int_equal(brain_of(0x7f800001), 0x7fc0); /* NaN stays one */
    assert_int_equal(brain_of(0xffffffff), 0xffff);
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = next_random() % 0x7f000000, near = brain_of(bits) << 16;
        uint32_t away = bits > near ? bits - near : near - bits;
        assert_true(away < 0x8000 || (away == 0x8000 && (near & 0x10000) == 0));
    }
}

static void test_finite(void **state)
{
    (void)state;
    float v[9] = {0, 1, -2, 3.4e38F, 1e-45F, -0.0F, 5, 6, 7};
    assert_true(vector_finite(v, 9));
    v[8] = NAN;
    assert_false(vector_finite(v, 9));
    assert_true(vector_finite(v, 8));
    v[0] = -INFINITY;
    assert_false(vector_finite(v, 8));
    assert_true(vector_finite(v, 0));
}

static void test_normalise(void **state)
{
    (void)state;
    float v[] = {3, 0, -4};
    assert_true(vector_normalise(v, 3));
    assert_int_equal(bits_of(v[0]), bits_of(0.6F));
    assert_int_equal(bits_of(v[2]), bits_of(-0.8F));
    float tiny[] = {1e-45F, 0};
    assert_true(vector_normalise(tiny, 2));
    assert_int_equal(bits_of(tiny[0]), bits_of(1.0F));
    float huge[] = {3.4e38F, 3.4e38F};
    assert_true(vector_normalise(huge, 2));
    assert_int_equal(bits_of(huge[1]), bits_of((float)sqrt(0.5)));
    float zero[] = {0, -0.0F};
    assert_false(vector_normalise(zero, 2));
    float broken[] = {1, NAN};
    assert_false(vector_normalise(broken, 2));
    assert_int_equal(bits_of(broken[0]), bits_of(1.0F));
}

static double norm_of(const float *v, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (double)v[i] * (double)v[i];
    return sqrt(squares);
}

static void test_decode_unit(void **state)
{
    (void)state;
    enum { N = 1280 };
    static float v[N], out[N];
    static uint8_t half[2 * N], single[4 * N];
    for (int i = 0; i < N; i++)
        v[i] = (float)(int32_t)next_random();
    assert_true(vector_normalise(v, N));
    vector_to_f16(v, N, half);
    memcpy(single, v, sizeof(single));
    assert_true(vector_decode_unit(half, sizeof(half), out, N));
    assert_true(fabs(norm_of(out, N) - 1) < 1e-7);
    for (int i = 0; i < N; i++)
        assert_true(fabsf(out[i] - v[i]) < 1e-4F);
    assert_true(vector_decode_unit(single, sizeof(single), out, N));
    assert_true(fabs(norm_of(out, N) - 1) < 1e-7);
    assert_false(vector_decode_unit(half, sizeof(half) - 2, out, N));
    assert_false(vector_decode_unit(half, 0, out, 0));
    memset(half, 0, sizeof(half));
    assert_false(vector_decode_unit(half, sizeof(half), out, N));
}

static void test_types(void **state)
{
    (void)state;
    const float v[3] = {1, -0.5F, 0x1p-20F};
    static const uint8_t half[] = {0x00, 0x3c, 0x00, 0xb8, 0x10, 0x00};
    static const uint8_t single[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf, 0, 0, 0x80, 0x35};
    uint8_t out[12];
    float back[3];
    assert_int_equal(vector_type_of(STR("float16")), VECTOR_F16);
    assert_int_equal(vector_type_of(STR("float32")), VECTOR_F32);
    assert_int_equal(vector_bytes(VECTOR_F16, 3), sizeof(half));
    assert_int_equal(vector_bytes(VECTOR_F32, 3), sizeof(single));
    vector_encode(VECTOR_F16, v, 3, out);
    assert_memory_equal(out, half, sizeof(half));
    vector_encode(VECTOR_F32, v, 3, out);
    assert_memory_equal(out, single, sizeof(single));
    vector_from_f32(out, 3, back);
    assert_memory_equal(back, v, sizeof(v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),      cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_both_ways_agree), cmocka_unit_test(test_brains_round_to_nearest_even),
        cmocka_unit_test(test_finite),          cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_decode_unit),     cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
