/* The files of vectors of an export, and archives of samples. */
#include <endian.h>

#include "server/base/arena.h"
#include "server/tensor/stream.h"
#include "tests/unit/stages/export_samples.h"

enum { NPY_HEADER = 128, BLOCK = 512 };

/* 1, -0.5, 0.25 and 0.1, as numpy 1.24 has them. */
static const uint8_t halves[] = {0x00, 0x3c, 0x00, 0xb8, 0x00, 0x34, 0x66, 0x2e};
static const uint8_t brains[] = {0x80, 0x3f, 0x00, 0xbf, 0x80, 0x3e, 0xcd, 0x3d};
static const uint8_t brains_wide[] = {0, 0, 0x80, 0x3f, 0, 0, 0x00, 0xbf,
                                      0, 0, 0x80, 0x3e, 0, 0, 0xcd, 0x3d};
static const uint8_t key_numbers[] = {0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
                                      0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
                                      8,    7,    6,    5,    4,    3,    2,    1};

static void assert_npy_header(const char *p, const char *dictionary)
{
    char expected[NPY_HEADER + 1];
    (void)snprintf(expected, sizeof(expected), "%-117s\n", dictionary);
    assert_memory_equal(p, "\x93NUMPY\x01\0v\0", 10);
    assert_memory_equal(p + 10, expected, NPY_HEADER - 10);
}

static void a_matrix_has_its_rows_in_the_header(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_NPY);
    const struct export_file *f = sample_write(&s, 3, &w, &n);
    assert_string_equal(f[0].name, "representations.npy");
    assert_int_equal(f[0].rows, 3);
    assert_true(f[0].vectors);
    struct str bytes = sample_bytes(&f[0], &b);
    assert_int_equal(bytes.n, NPY_HEADER + 3 * sizeof(halves));
    assert_npy_header(bytes.p, "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }");
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(bytes.p + NPY_HEADER + i * sizeof(halves), halves, sizeof(halves));
    export_free(w);
    s.dtype = EXPORT_F32;
    f = sample_write(&s, 1, &w, &n);
    bytes = sample_bytes(&f[0], &b);
    assert_int_equal(bytes.n, NPY_HEADER + sizeof(sample_vector));
    assert_npy_header(bytes.p, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }");
    assert_memory_equal(bytes.p + NPY_HEADER, sample_vector, sizeof(sample_vector));
    export_free(w);
    buf_free(&b);
    (void)sample_count_files(true);
}

/* What the strict reader of such files finds. */
struct seen {
    struct tensor_header header;
    int64_t rows, ids;
    float last[SAMPLE_DIMENSION];
};

static int see_header(void *ctx, const struct tensor_header *h, struct err *e)
{
    struct seen *seen = ctx;
    (void)e;
    seen->header = *h;
    return 0;
}

static int see_row(void *ctx, int64_t row, const float *v, bool finite, struct err *e)
{
    struct seen *seen = ctx;
    (void)e;
    assert_true(finite && row == seen->rows++);
    memcpy(seen->last, v, seen->header.columns * sizeof(*v));
    return 0;
}

static int see_id(void *ctx, int64_t row, struct str id, struct err *e)
{
    struct seen *seen = ctx;
    (void)e;
    assert_true(row == seen->ids++);
    assert_int_equal(id.n, sizeof(key_numbers));
    assert_memory_equal(id.p, key_numbers, id.n);
    return 0;
}

static struct seen read_tensors(struct str bytes)
{
    struct seen seen = {.rows = 0};
    struct err e = {0};
    const struct tensor_stream_calls calls = {.ctx = &seen,
                                              .matrix = "vectors",
                                              .ids = "ids",
                                              .ids_required = true,
                                              .header = see_header,
                                              .row = see_row,
                                              .id = see_id};
    struct tensor_stream *t = tensor_stream_new(&calls);
    assert_non_null(t);
    assert_int_equal(tensor_stream_push(t, bytes, &e), 0);
    assert_int_equal(tensor_stream_end(t, &e), 0);
    tensor_stream_free(t);
    return seen;
}

static uint64_t data_start(struct str bytes)
{
    uint64_t length;
    memcpy(&length, bytes.p, sizeof(length));
    return le64toh(length) + sizeof(length);
}

static void tensors_have_vectors_and_ids(void **state)
{
    (void)state;
    static const size_t sizes[] = {[EXPORT_F32] = 4, [EXPORT_F16] = 2, [EXPORT_BF16] = 2};
    for (int dtype = 0; dtype < EXPORT_DTYPES; dtype++)
        for (int rows = 0; rows < 3; rows++) {
            int n;
            struct export_writer *w;
            struct buf b;
            buf_init(&b, 1 << 20);
            struct export_settings s = sample_settings(EXPORT_SAFETENSORS);
            s.dtype = (enum export_dtype)dtype;
            s.n_notes = 1;
            s.notes[0] = (struct export_note){"encoder", STR("one \"of\" them")};
            const struct export_file *f = sample_write(&s, rows, &w, &n);
            assert_int_equal(n, 1);
            assert_string_equal(f[0].name, "representations.safetensors");
            struct str bytes = sample_bytes(&f[0], &b);
            size_t row = sizes[dtype] * SAMPLE_DIMENSION + sizeof(key_numbers);
            assert_int_equal(data_start(bytes) % 256, 0);
            assert_int_equal(bytes.n, data_start(bytes) + (size_t)rows * row);
            struct seen seen = read_tensors(bytes);
            assert_int_equal(seen.rows, rows);
            assert_int_equal(seen.ids, rows);
            assert_int_equal(seen.header.columns, SAMPLE_DIMENSION);
            assert_false(seen.header.ids_first);
            assert_true(str_find(bytes, STR("{\"__metadata__\":{\"encoder\":\"one \\\"of\\\" "
                                            "them\"},\"vectors\":{\"dtype\":")) == 8);
            export_free(w);
            buf_free(&b);
            assert_int_equal(sample_count_files(true), 1);
        }
}

static void brains_are_rounded(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_SAFETENSORS);
    s.dtype = EXPORT_BF16;
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    struct str bytes = sample_bytes(&f[0], &b);
    assert_memory_equal(bytes.p + data_start(bytes), brains, sizeof(brains));
    assert_memory_equal(bytes.p + data_start(bytes) + sizeof(brains), key_numbers,
                        sizeof(key_numbers));
    export_free(w);
    buf_free(&b);
    (void)sample_count_files(true);
}

/* Rows of six bytes would leave numbers of eight out of line. */
static void numbers_stay_aligned(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_SAFETENSORS);
    s.dimension = 3;
    const struct export_file *f = sample_write(&s, 3, &w, &n);
    struct seen seen = read_tensors(sample_bytes(&f[0], &b));
    assert_true(seen.header.ids_first);
    assert_int_equal(seen.rows, 3);
    assert_int_equal(seen.ids, 3);
    assert_memory_equal(seen.last, sample_vector, 3 * sizeof(float));
    export_free(w);
    buf_free(&b);
    assert_int_equal(sample_count_files(true), 1);
}

/* The member at *at, checked; *at goes on behind it. */
static struct str member(struct str tar, size_t *at, const char *name)
{
    const char *h = tar.p + *at;
    unsigned sum = 0;
    assert_true(*at + BLOCK <= tar.n);
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)h[i];
    assert_int_equal(strtoul(h + 148, NULL, 8), sum);
    assert_string_equal(h, name);
    assert_string_equal(h + 100, "0000644");
    assert_string_equal(h + 136, "00000000000");
    assert_memory_equal(h + 257, "ustar\00000", 8);
    assert_int_equal(h[156], '0');
    struct str body = {h + BLOCK, strtoul(h + 124, NULL, 8)};
    *at += BLOCK + (body.n + BLOCK - 1) / BLOCK * BLOCK;
    assert_true(*at <= tar.n);
    for (const char *p = body.p + body.n; p < tar.p + *at; p++)
        assert_int_equal(*p, 0);
    return body;
}

#define DIALOGUE(hash, task)                                                                       \
    "{\"dialogue_id\":\"" SAMPLE_ID "-" hash "\",\"task\":\"" task                                 \
    "\",\"conversations\":" SAMPLE_TURNS "}"

static void archives_keep_a_sample_together(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_WEBDATASET);
    const struct export_file *f = sample_write(&s, 2, &w, &n);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].name, "samples-000000.tar");
    assert_int_equal(f[0].rows, 2);
    assert_true(f[0].vectors);
    struct str tar = sample_bytes(&f[0], &b);
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        assert_true(str_is(
            member(tar, &at, SAMPLE_ID ".json"),
            "{\"id\":\"" SAMPLE_ID
            "\",\"caption\":\"A \\\"dog\\\"\\nruns.\",\"dialogues\":[" DIALOGUE(
                "deadbeef", "multiple_choice") "," DIALOGUE("00010203", "question_answering") "]"
                                                                                              "}"));
        assert_true(str_is(member(tar, &at, SAMPLE_ID ".txt"), "A \"dog\"\nruns."));
        struct str npy = member(tar, &at, SAMPLE_ID ".npy");
        assert_int_equal(npy.n, NPY_HEADER + sizeof(halves));
        assert_npy_header(npy.p, "{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }");
        assert_memory_equal(npy.p + NPY_HEADER, halves, sizeof(halves));
    }
    assert_int_equal(tar.n, at + 2 * BLOCK);
    export_free(w);
    buf_free(&b);
    (void)sample_count_files(true);
}

static void archives_have_brains_as_wide_numbers(void **state)
{
    (void)state;
    int n;
    size_t at = 0;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_WEBDATASET);
    s.dtype = EXPORT_BF16;
    s.with[EXPORT_WITH_CAPTIONS] = s.with[EXPORT_WITH_DIALOGUES] = false;
    struct str tar = sample_bytes(&sample_write(&s, 1, &w, &n)[0], &b);
    assert_true(str_is(member(tar, &at, SAMPLE_ID ".json"),
                       "{\"id\":\"" SAMPLE_ID
                       "\",\"caption\":\"A \\\"dog\\\"\\nruns.\",\"dialogues\":[]}"));
    struct str npy = member(tar, &at, SAMPLE_ID ".npy");
    assert_npy_header(npy.p, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }");
    assert_int_equal(npy.n, NPY_HEADER + sizeof(brains_wide));
    assert_memory_equal(npy.p + NPY_HEADER, brains_wide, sizeof(brains_wide));
    export_free(w);
    buf_free(&b);
    (void)sample_count_files(true);
}

static void an_empty_group_has_whole_files(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct buf b;
    buf_init(&b, 1 << 20);
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    for (int i = 0; i < EXPORT_FORMATS; i++)
        s.formats[i] = true;
    const struct export_file *f = sample_write(&s, 0, &w, &n);
    assert_int_equal(n, 9);
    for (int i = 0; i < n; i++) {
        struct str bytes = sample_bytes(&f[i], &b);
        assert_int_equal(f[i].rows, 0);
        if (f[i].format == EXPORT_NPY && f[i].vectors)
            assert_npy_header(bytes.p,
                              "{'descr': '<f2', 'fortran_order': False, 'shape': (0, 4), }");
        else if (f[i].format == EXPORT_SAFETENSORS)
            assert_int_equal(read_tensors(bytes).rows, 0);
        else if (f[i].format == EXPORT_WEBDATASET)
            assert_int_equal(bytes.n, 2 * BLOCK);
        else
            assert_int_equal(bytes.n, 0);
    }
    export_free(w);
    buf_free(&b);
    assert_int_equal(sample_count_files(true), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_has_its_rows_in_the_header),
        cmocka_unit_test(tensors_have_vectors_and_ids),
        cmocka_unit_test(brains_are_rounded),
        cmocka_unit_test(numbers_stay_aligned),
        cmocka_unit_test(archives_keep_a_sample_together),
        cmocka_unit_test(archives_have_brains_as_wide_numbers),
        cmocka_unit_test(an_empty_group_has_whole_files),
    };
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
