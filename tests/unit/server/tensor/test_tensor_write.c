#include "tests/unit/server/tensor/tensor_files.h"

#include "server/base/cleanup.h"
#include "server/tensor/map.h"
#include "server/tensor/stream.h"
#include "server/tensor/write.h"

static const float six[] = {1, -2, 0.5F, 4, 5, 6};

static void test_npy_bytes(void **state)
{
    (void)state;
    static const char expected[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1280), }";
    const struct tensor_shape shape = {2, {2, 1280}};
    struct buf b;
    buf_init(&b, 4096);
    buf_addz(&b, "before");
    npy_write_header(&b, TENSOR_F16, &shape);
    assert_int_equal(b.n, 6 + 128);
    assert_memory_equal(b.p + 6, expected, sizeof(expected) - 1);
    for (size_t i = 6 + sizeof(expected) - 1; i < b.n - 1; i++)
        assert_int_equal(b.p[i], ' ');
    assert_int_equal(b.p[b.n - 1], '\n');
    buf_free(&b);
}

static void test_npy_of_any_rank(void **state)
{
    (void)state;
    static const struct {
        struct tensor_shape shape;
        enum tensor_dtype dtype;
        const char *says;
    } rows[] = {
        {{0, {0}}, TENSOR_F64, "'<f8', 'fortran_order': False, 'shape': (), }"},
        {{1, {7}}, TENSOR_U8, "'|u1', 'fortran_order': False, 'shape': (7,), }"},
        {{3, {1, 2, 3}}, TENSOR_I64, "'<i8', 'fortran_order': False, 'shape': (1, 2, 3), }"},
    };
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        npy_write_header(&b, rows[i].dtype, &rows[i].shape);
        assert_int_equal(b.n % 64, 0);
        assert_true(str_find(buf_str(&b), str_of(rows[i].says)) > 0);
    }
    buf_free(&b);
}

static void test_safetensors_bytes(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"__metadata__\":{\"made\\nby\":\"\\\"x\\\"\"},"
        "\"vectors\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"ids\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[24,32]}}";
    const struct safetensors_entry entries[] = {
        {"vectors", TENSOR_F32, {2, {2, 3}}},
        {"ids", TENSOR_U8, {2, {2, 4}}},
    };
    const struct safetensors_note note = {"made\nby", STR("\"x\"")};
    struct buf b;
    struct err e = {.code = ERR_NONE};
    buf_init(&b, 4096);
    safetensors_write_header(&b, entries, 2, &note, 1);
    assert_int_equal(b.n % 8, 0);
    uint64_t length;
    memcpy(&length, b.p, sizeof(length));
    assert_int_equal(le64toh(length), b.n - 8);
    assert_memory_equal(b.p + 8, expected, sizeof(expected) - 1);
    buf_add(&b, six, sizeof(six));
    buf_addz(&b, "abcdefgh");
    files_write("w.safetensors", buf_str(&b));
    struct tensor_map *m = tensor_map_open(files_path("w.safetensors"), &e);
    assert_non_null(m);
    assert_memory_equal(tensor_map_get(m, STR("vectors"))->data, six, sizeof(six));
    assert_memory_equal(tensor_map_get(m, STR("ids"))->data, "abcdefgh", 8);
    tensor_map_free(m);
    buf_free(&b);
}

static void test_safetensors_without_anything(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    safetensors_write_header(&b, NULL, 0, NULL, 0);
    assert_int_equal(b.n, 16);
    assert_memory_equal(b.p, "\x08\0\0\0\0\0\0\0{}      ", 16);
    buf_free(&b);
}

static void test_safetensors_of_a_known_length(void **state)
{
    (void)state;
    const struct safetensors_entry entry = {"x", TENSOR_F32, {2, {2, 3}}};
    struct buf b;
    struct err e = {.code = ERR_NONE};
    buf_init(&b, 4096);
    safetensors_write_header(&b, &entry, 1, NULL, 0);
    size_t least = b.n;
    safetensors_pad_header(&b, 512);
    assert_int_equal(b.n, 512);
    buf_add(&b, six, sizeof(six));
    files_write("p.safetensors", buf_str(&b));
    struct tensor_map *m = tensor_map_open(files_path("p.safetensors"), &e);
    assert_non_null(m);
    assert_memory_equal(tensor_map_get(m, STR("x"))->data, six, sizeof(six));
    tensor_map_free(m);
    buf_reset(&b);
    safetensors_write_header(&b, &entry, 1, NULL, 0);
    safetensors_pad_header(&b, least - 8);
    assert_true(b.failed);
    buf_free(&b);
}

static int on_row(void *ctx, int64_t row, const float *v, bool finite, struct err *e)
{
    (void)e;
    assert_true(finite);
    assert_memory_equal(v, six + 3 * row, 3 * sizeof(*v));
    ++*(int *)ctx;
    return 0;
}

static void test_what_is_written_streams_back(void **state)
{
    (void)state;
    int rows = 0;
    const struct tensor_shape shape = {2, {2, 3}};
    const struct safetensors_entry entry = {"v", TENSOR_F32, shape};
    const struct tensor_stream_calls calls = {.ctx = &rows, .row = on_row};
    struct err e = {.code = ERR_NONE};
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < 2; i++) {
        buf_reset(&b);
        if (i == 0)
            npy_write_header(&b, TENSOR_F32, &shape);
        else
            safetensors_write_header(&b, &entry, 1, NULL, 0);
        buf_add(&b, six, sizeof(six));
        _cleanup_(tensor_stream_freep) struct tensor_stream *s = tensor_stream_new(&calls);
        assert_int_equal(tensor_stream_push(s, buf_str(&b), &e), 0);
        assert_int_equal(tensor_stream_end(s, &e), 0);
    }
    assert_int_equal(rows, 4);
    buf_free(&b);
}

static void test_bytes_of_shapes(void **state)
{
    (void)state;
    uint64_t count, bytes;
    const struct tensor_shape scalar = {0, {0}}, none = {2, {0, 1280}}, some = {2, {3, 5}};
    const struct tensor_shape huge = {2, {INT64_MAX / 4, 2}}, hidden = {3, {0, INT64_MAX, 3}};
    assert_int_equal(tensor_shape_bytes(TENSOR_F64, &scalar), 8);
    assert_int_equal(tensor_shape_bytes(TENSOR_F32, &none), 0);
    assert_int_equal(tensor_shape_bytes(TENSOR_BF16, &some), 30);
    assert_false(tensor_shape_measure(TENSOR_F32, &huge, &count, &bytes));
    assert_false(tensor_shape_measure(TENSOR_U8, &hidden, &count, &bytes));
    assert_true(tensor_shape_measure(TENSOR_F32, &some, &count, &bytes));
    assert_int_equal(count, 15);
    assert_int_equal(bytes, 60);
}

static void test_a_full_buffer_fails(void **state)
{
    (void)state;
    const struct tensor_shape shape = {2, {2, 3}};
    const struct safetensors_entry entry = {"v", TENSOR_F32, shape};
    struct buf b;
    buf_init(&b, 40);
    npy_write_header(&b, TENSOR_F32, &shape);
    assert_true(b.failed);
    buf_reset(&b);
    safetensors_write_header(&b, &entry, 1, NULL, 0);
    assert_true(b.failed);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_bytes),
        cmocka_unit_test(test_npy_of_any_rank),
        cmocka_unit_test(test_safetensors_bytes),
        cmocka_unit_test(test_safetensors_of_a_known_length),
        cmocka_unit_test(test_safetensors_without_anything),
        cmocka_unit_test(test_what_is_written_streams_back),
        cmocka_unit_test(test_bytes_of_shapes),
        cmocka_unit_test(test_a_full_buffer_fails),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
