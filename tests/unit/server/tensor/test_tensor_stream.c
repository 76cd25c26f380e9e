#include "tests/unit/server/tensor/tensor_files.h"

#include <math.h>

#include "server/tensor/stream.h"

#define VECTORS "\"vectors\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define GOOD    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

static const float six[] = {1, -2, 0.5F, 4, 5, 6};

struct seen {
    struct tensor_header header;
    int n_headers;
    int64_t rows, ids, stop_at;
    float v[64];
    bool finite[16];
    char id[256];
};

static int on_header(void *ctx, const struct tensor_header *h, struct err *e)
{
    struct seen *s = ctx;
    (void)e;
    s->header = *h;
    s->n_headers++;
    return 0;
}

static int on_row(void *ctx, int64_t row, const float *v, bool finite, struct err *e)
{
    struct seen *s = ctx;
    assert_int_equal(row, s->rows);
    assert_true(row < 16 && (size_t)(row + 1) * s->header.columns <= 64);
    memcpy(s->v + (size_t)row * s->header.columns, v, s->header.columns * sizeof(*v));
    s->finite[row] = finite;
    s->rows++;
    return s->rows == s->stop_at ? err_set(e, ERR_CONFLICT, "enough") : 0;
}

static int on_id(void *ctx, int64_t row, struct str id, struct err *e)
{
    struct seen *s = ctx;
    (void)e;
    assert_int_equal(row, s->ids++);
    memcpy(s->id + (size_t)row * id.n, id.p, id.n);
    return 0;
}

static const struct tensor_stream_calls plain = {.header = on_header, .row = on_row, .id = on_id};

/* The file in pieces of `piece` bytes. */
static int run(struct tensor_stream_calls calls, struct str file, size_t piece, struct seen *seen,
               struct err *e)
{
    int result = 0;
    *e = (struct err){.code = ERR_NONE};
    *seen = (struct seen){.stop_at = seen->stop_at};
    calls.ctx = seen;
    struct tensor_stream *s = tensor_stream_new(&calls);
    assert_non_null(s);
    for (size_t at = 0; at < file.n && result == 0; at += piece) {
        size_t n = file.n - at < piece ? file.n - at : piece;
        result = tensor_stream_push(s, (struct str){file.p + at, n}, e);
    }
    if (result == 0)
        result = tensor_stream_end(s, e);
    tensor_stream_free(s);
    return result;
}

static void test_npy_in_any_pieces(void **state)
{
    (void)state;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    file_npy(&b, GOOD "   ", six, sizeof(six));
    for (size_t piece = 1; piece <= b.n; piece++) {
        assert_int_equal(run(plain, buf_str(&b), piece, &seen, &e), 0);
        assert_int_equal(seen.n_headers, 1);
        assert_int_equal(seen.header.format, TENSOR_NPY);
        assert_int_equal(seen.header.rows, 2);
        assert_int_equal(seen.header.columns, 3);
        assert_int_equal(seen.rows, 2);
        assert_true(seen.finite[0] && seen.finite[1]);
        assert_memory_equal(seen.v, six, sizeof(six));
    }
    buf_free(&b);
}

static void test_npy_of_other_versions(void **state)
{
    (void)state;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    uint32_t length = htole32(sizeof(GOOD));
    buf_init(&b, 4096);
    for (char version = 2; version <= 3; version++) {
        buf_reset(&b);
        buf_add(&b, "\x93NUMPY", 6);
        buf_addc(&b, version);
        buf_addc(&b, '\0');
        buf_add(&b, &length, sizeof(length));
        buf_addz(&b, GOOD "\n");
        buf_add(&b, six, sizeof(six));
        assert_int_equal(run(plain, buf_str(&b), 5, &seen, &e), 0);
        assert_memory_equal(seen.v, six, sizeof(six));
    }
    memset(b.p + 8, 0xff, 4);
    assert_int_equal(run(plain, buf_str(&b), 7, &seen, &e), -1);
    assert_says(&e, "would be 4294967295 bytes long");
    b.p[6] = 4;
    assert_int_equal(run(plain, buf_str(&b), 7, &seen, &e), -1);
    assert_says(&e, "no version 4.0");
    buf_free(&b);
}

static void test_every_type(void **state)
{
    (void)state;
    static const double doubles[] = {1, -2, 0.5, 4, 5, 6};
    static const uint8_t halves[] = {0, 0x3c, 0, 0xc0, 0, 0x38, 0, 0x44, 0, 0x45, 0, 0x46};
    static const uint8_t bfloats[] = {0x80, 0x3f, 0,    0xc0, 0,    0x3f,
                                      0x80, 0x40, 0xa0, 0x40, 0xc0, 0x40};
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    file_npy(&b, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", doubles, 48);
    assert_int_equal(run(plain, buf_str(&b), 11, &seen, &e), 0);
    assert_memory_equal(seen.v, six, sizeof(six));
    file_npy(&b, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f2\"}", halves, 12);
    assert_int_equal(run(plain, buf_str(&b), 5, &seen, &e), 0);
    assert_memory_equal(seen.v, six, sizeof(six));
    file_safetensors(&b, "{\"x\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}", 0,
                     bfloats, 12);
    assert_int_equal(run(plain, buf_str(&b), 5, &seen, &e), 0);
    assert_int_equal(seen.header.dtype, TENSOR_BF16);
    assert_memory_equal(seen.v, six, sizeof(six));
    buf_free(&b);
}

static void test_rows_that_are_not_finite(void **state)
{
    (void)state;
    static const float bad[] = {1, 2, 3, 4, NAN, 6};
    static const double beyond[] = {1, 2, 3, 4, 5, 1e300};
    struct tensor_stream_calls strict = plain;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    strict.finite_only = true;
    buf_init(&b, 4096);
    file_npy(&b, GOOD, bad, sizeof(bad));
    assert_int_equal(run(plain, buf_str(&b), 9, &seen, &e), 0);
    assert_true(seen.finite[0] && !seen.finite[1]);
    assert_int_equal(run(strict, buf_str(&b), 9, &seen, &e), -1);
    assert_int_equal(e.code, ERR_VALIDATION);
    assert_string_equal(e.msg, "row 1, column 1 (from 0): not a finite number");
    assert_int_equal(seen.rows, 1);
    file_npy(&b, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", beyond, 48);
    assert_int_equal(run(strict, buf_str(&b), 9, &seen, &e), -1);
    assert_says(&e, "row 1, column 2");
    buf_free(&b);
}

static void test_safetensors_with_ids(void **state)
{
    (void)state;
    static const char after[] =
        "{" VECTORS ",\"ids\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[24,32]},"
        "\"other\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[32,40]}}";
    static const char before[] =
        "{\"other\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
        "\"ids\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[0,8]},"
        "\"vectors\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[16,40]}}";
    struct tensor_stream_calls calls = plain;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    calls.ids = "ids";
    calls.matrix = "vectors";
    calls.columns = 3;
    calls.ids_required = true;
    buf_init(&b, 4096);
    for (size_t piece = 1; piece < 300; piece++) {
        file_safetensors(&b, after, 0, six, sizeof(six));
        buf_addz(&b, "abcdefghIJKLMNOP");
        assert_int_equal(run(calls, buf_str(&b), piece, &seen, &e), 0);
        assert_false(seen.header.ids_first);
        assert_memory_equal(seen.v, six, sizeof(six));
        assert_memory_equal(seen.id, "abcdefgh", 8);
        file_safetensors(&b, before, 0, "abcdefghIJKLMNOP", 16);
        buf_add(&b, six, sizeof(six));
        assert_int_equal(run(calls, buf_str(&b), piece, &seen, &e), 0);
        assert_true(seen.header.ids_first);
        assert_int_equal(seen.header.id_bytes, 4);
        assert_memory_equal(seen.v, six, sizeof(six));
        assert_memory_equal(seen.id, "abcdefgh", 8);
    }
    calls.ids = NULL;
    calls.ids_required = false;
    assert_int_equal(run(calls, buf_str(&b), 1000, &seen, &e), 0);
    assert_int_equal(seen.ids, 0);
    assert_int_equal(seen.header.id_bytes, 0);
    buf_free(&b);
}

static void test_ids_of_integers(void **state)
{
    (void)state;
    static const char header[] =
        "{\"ids\":{\"dtype\":\"I64\",\"shape\":[2,3],\"data_offsets\":[0,48]},"
        "\"vectors\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[48,72]}}";
    static const char ids[] = "0123456789abcdef01234567ABCDEFGHabcdefghABCDEFGH";
    struct tensor_stream_calls calls = plain;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    calls.ids = "ids";
    buf_init(&b, 4096);
    file_safetensors(&b, header, 0, ids, 48);
    buf_add(&b, six, sizeof(six));
    assert_int_equal(run(calls, buf_str(&b), 13, &seen, &e), 0);
    assert_int_equal(seen.header.id_dtype, TENSOR_I64);
    assert_int_equal(seen.header.id_bytes, 24);
    assert_memory_equal(seen.id, ids, 48);
    assert_memory_equal(seen.v, six, sizeof(six));
    buf_free(&b);
}

static void test_no_rows(void **state)
{
    (void)state;
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    file_npy(&b, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", NULL, 0);
    assert_int_equal(run(plain, buf_str(&b), 1, &seen, &e), 0);
    assert_int_equal(seen.n_headers, 1);
    assert_int_equal(seen.rows, 0);
    file_npy(&b, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "x", 1);
    assert_int_equal(run(plain, buf_str(&b), 1, &seen, &e), -1);
    assert_says(&e, "longer than its header says");
    buf_free(&b);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    struct seen seen = {.rows = 0};
    struct buf npy, tensors;
    struct err e;
    buf_init(&npy, 4096);
    buf_init(&tensors, 4096);
    file_npy(&npy, GOOD, six, sizeof(six));
    file_safetensors(&tensors, "{" VECTORS "}", 0, six, sizeof(six));
    for (size_t n = 0; n < npy.n; n++) {
        assert_int_equal(run(plain, (struct str){npy.p, n}, 16, &seen, &e), -1);
        assert_says(&e, n < npy.n - sizeof(six) ? "ends within its header" : "is cut off: ");
    }
    assert_string_equal(e.msg, "the file is cut off: 1 of 2 rows are whole");
    for (size_t n = 0; n < tensors.n; n++) {
        assert_int_equal(run(plain, (struct str){tensors.p, n}, 16, &seen, &e), -1);
        assert_says(&e, n < tensors.n - sizeof(six) ? "ends within its header" : "is cut off: ");
    }
    buf_addc(&tensors, 'x');
    assert_int_equal(run(plain, buf_str(&tensors), 16, &seen, &e), -1);
    assert_string_equal(e.msg, "the file is longer than its header says");
    assert_int_equal(seen.rows, 2);
    buf_free(&npy);
    buf_free(&tensors);
}

static void test_bad_dictionaries(void **state)
{
    (void)state;
    static const struct {
        const char *dictionary, *says;
    } rows[] = {
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "in Fortran order"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "of type '>f4'"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", "of type '<i4'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", "of type '|O'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "a structured"},
        {"{'descr': '<' 'f4', 'fortran_order': False, 'shape': (2, 3), }", "a comma or the end"},
        {"{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (2, 3), }", "plain ASCII"},
        {"{'descr': b'<f4', 'fortran_order': False, 'shape': (2, 3), }", "a string is expected"},
        {"{'descr': '<f4\", 'fortran_order': False, 'shape': (2, 3), }", "a comma or the end"},
        {"{'descr': '<f4, 'fortran_order", "a comma or the end of the dictionary"},
        {"{'descr': '<f4", "plain ASCII"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", "True or False"},
        {"{'descr': '<f4', 'fortran_order': not True, 'shape': (2, 3), }", "True or False"},
        {"{'descr': '<f4', 'fortran_order': Falsey, 'shape': (2, 3), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3], }", "no tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6), }", "a number and no tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "[6]: rows and columns"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "[]: rows and columns"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", "rows and columns"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,, 3), }", "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (+2, 3), }", "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (02, 3), }", "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2_0, 3), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1+1, 3), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0x2, 3), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0, 3), }", "a comma or the end"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }",
         "a whole number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 3), }",
         "larger than any file"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", "has 0 columns"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 65537), }", "65537 columns"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
         "8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}", "twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", "a key other than"},
        {"{'descr': '<f4', 'fortran_order': False, }", "shape is missing"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3), }", "a comma or the end"},
        {"{'descr' '<f4', 'fortran_order': False, 'shape': (2, 3), }", "a colon"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ", "a string is expected"},
        {" {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "a dictionary"},
        {"dict(descr='<f4', fortran_order=False, shape=(2, 3))", "a dictionary"},
        {"{'descr': '<f4',\t'fortran_order': False, 'shape': (2, 3), }", "a string is expected"},
        {GOOD "#", "only spaces and a newline"},
        {GOOD "\n", "only spaces and a newline"},
        {"", "a dictionary is expected"},
    };
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        file_npy(&b, rows[i].dictionary, six, sizeof(six));
        assert_int_equal(run(plain, buf_str(&b), 1000, &seen, &e), -1);
        assert_int_equal(e.code, ERR_VALIDATION);
        assert_says(&e, rows[i].says);
        assert_int_equal(seen.n_headers, 0);
        assert_int_equal(seen.rows, 0);
    }
    buf_free(&b);
}

static void test_bad_safetensors(void **state)
{
    (void)state;
    static const struct {
        const char *header, *says;
        size_t columns;
        uint64_t length;
        const char *matrix, *ids;
        bool ids_required;
    } rows[] = {
        {.header = "{" VECTORS "}", .length = 1ULL << 32, .says = "would be 4294967296 bytes long"},
        {.header = "{" VECTORS "}", .length = 1048577, .says = "2 to 1048576 are possible"},
        {.header = "{}", .says = "no tensor of floats with two dimensions"},
        {.header = "{" VECTORS "}", .matrix = "x", .says = "has no tensor 'x'"},
        {.header = "{" VECTORS "}", .columns = 4, .says = "'vectors' has 3 columns, 4 are needed"},
        {.header = "{" VECTORS "}",
         .ids = "ids",
         .ids_required = true,
         .says = "has no tensor 'ids'"},
        {.header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[0,12]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[12,24]}}",
         .says = "both 'a' and 'b' are matrices"},
        {.header = "{\"a\":{\"dtype\":\"I32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
         .matrix = "a",
         .says = "'a' is of type I32: F16, BF16, F32 or F64 is needed"},
        {.header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
         .matrix = "a",
         .says = "'a' is of shape [6]: rows and columns are needed"},
        {.header =
             "{" VECTORS ",\"ids\":{\"dtype\":\"U8\",\"shape\":[3,4],\"data_offsets\":[24,36]}}",
         .ids = "ids",
         .says = "'ids' is U8 [3, 4]: U8 [2, 1 to 256] or I64 is needed"},
        {.header =
             "{" VECTORS ",\"ids\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[24,40]}}",
         .ids = "ids",
         .says = "'ids' is I64 [2]: U8 [2, 1 to 256] or I64 is needed"},
        {.header =
             "{" VECTORS ",\"ids\":{\"dtype\":\"I64\",\"shape\":[2,33],\"data_offsets\":[24,552]}}",
         .ids = "ids",
         .says = "'ids' is I64 [2, 33]: "},
        {.header =
             "{" VECTORS ",\"ids\":{\"dtype\":\"I32\",\"shape\":[2,1],\"data_offsets\":[24,32]}}",
         .ids = "ids",
         .says = "'ids' is I32 [2, 1]: "},
        {.header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[-24,0]}}",
         .says = "a whole number of 0 or more"},
        {.header = "{" VECTORS ",\"b\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[20,29]}}",
         .says = "tensors 'vectors' and 'b' overlap"},
    };
    struct seen seen = {.rows = 0};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tensor_stream_calls calls = plain;
        calls.columns = rows[i].columns;
        calls.matrix = rows[i].matrix;
        calls.ids = rows[i].ids;
        calls.ids_required = rows[i].ids_required;
        file_safetensors(&b, rows[i].header, rows[i].length, six, sizeof(six));
        assert_int_equal(run(calls, buf_str(&b), 1000, &seen, &e), -1);
        assert_int_equal(e.code, ERR_VALIDATION);
        assert_says(&e, rows[i].says);
        assert_int_equal(seen.n_headers, 0);
    }
    struct tensor_stream_calls calls = plain;
    calls.ids = "ids";
    calls.ids_required = true;
    file_npy(&b, GOOD, six, sizeof(six));
    assert_int_equal(run(calls, buf_str(&b), 1000, &seen, &e), -1);
    assert_says(&e, "an .npy file has no ids");
    buf_free(&b);
}

static void test_what_is_neither(void **state)
{
    (void)state;
    struct seen seen = {.rows = 0};
    struct err e;
    assert_int_equal(run(plain, STR("{\"vectors\":[[1,2],[3,4]]}"), 100, &seen, &e), -1);
    assert_says(&e, "this is not safetensors");
    assert_int_equal(run(plain, STR(""), 100, &seen, &e), -1);
    assert_says(&e, "ends within its header");
}

static void test_a_call_that_fails_ends_the_stream(void **state)
{
    (void)state;
    struct seen seen = {.stop_at = 1};
    struct tensor_stream_calls calls = plain;
    struct buf b;
    struct err e = {.code = ERR_NONE}, again = {.code = ERR_NONE};
    calls.ctx = &seen;
    buf_init(&b, 4096);
    file_npy(&b, GOOD, six, sizeof(six));
    struct tensor_stream *s = tensor_stream_new(&calls);
    assert_int_equal(tensor_stream_push(s, buf_str(&b), &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(seen.rows, 1);
    assert_int_equal(tensor_stream_push(s, STR("more"), &again), -1);
    assert_string_equal(again.msg, "enough");
    assert_int_equal(tensor_stream_end(s, NULL), -1);
    assert_int_equal(seen.rows, 1);
    tensor_stream_free(s);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_in_any_pieces),
        cmocka_unit_test(test_npy_of_other_versions),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_rows_that_are_not_finite),
        cmocka_unit_test(test_safetensors_with_ids),
        cmocka_unit_test(test_ids_of_integers),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_bad_dictionaries),
        cmocka_unit_test(test_bad_safetensors),
        cmocka_unit_test(test_what_is_neither),
        cmocka_unit_test(test_a_call_that_fails_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
