#include "tests/unit/server/tensor/tensor_files.h"

#include <math.h>

#include "server/tensor/map.h"

#define ENTRY(name, dtype, shape, begin, end)                                                      \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end \
    "]}"
#define MATRIX "{" ENTRY("m", "F32", "[2,3]", 0, 24) "}"

static const float six[] = {1, -2, 0.5F, 4, 5, 6};

static struct tensor_map *open_bytes(struct str bytes, struct err *e)
{
    *e = (struct err){.code = ERR_NONE};
    files_write("x.safetensors", bytes);
    return tensor_map_open(files_path("x.safetensors"), e);
}

static void test_reads_back(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," ENTRY("b", "F16", "[2]", 24, 28) "," ENTRY(
            "a.weight", "F32", "[2, 3]", 0, 24) "," ENTRY("ids", "I64", "[]", 28, 36) "}    ";
    static const uint8_t rest[] = {0x00, 0x3c, 0x00, 0xc0, 7, 0, 0, 0, 0, 0, 0, 0};
    struct buf b;
    struct err e;
    float row[6];
    buf_init(&b, 4096);
    file_safetensors(&b, header, 0, six, sizeof(six));
    buf_add(&b, rest, sizeof(rest));
    struct tensor_map *m = open_bytes(buf_str(&b), &e);
    assert_non_null(m);
    assert_int_equal(tensor_map_count(m), 3);
    const struct tensor *t = tensor_map_get(m, STR("a.weight"));
    assert_ptr_equal(t, tensor_map_at(m, 0));
    assert_int_equal(t->shape.rank, 2);
    assert_int_equal(t->count, 6);
    tensor_to_float(t->dtype, t->data, t->count, row);
    assert_memory_equal(row, six, sizeof(six));
    t = tensor_map_get(m, STR("b"));
    tensor_to_float(t->dtype, t->data, t->count, row);
    assert_true(row[0] > 0.99F && row[0] < 1.01F && row[1] < -1.99F && row[1] > -2.01F);
    t = tensor_map_get(m, STR("ids"));
    assert_int_equal(t->shape.rank, 0);
    assert_int_equal(t->count, 1);
    assert_int_equal(t->data[0], 7);
    assert_null(tensor_map_get(m, STR("a")));
    assert_int_equal(tensor_map_files(m), 1);
    assert_int_equal(tensor_map_file(m, 0).bytes.n, b.n);
    tensor_map_free(m);
    buf_free(&b);
}

static void test_every_float_type(void **state)
{
    (void)state;
    static const double doubles[] = {1, -2.5, 1e300, (double)NAN};
    static const uint8_t bfloats[] = {0x80, 0x3f, 0x20, 0xc0};
    float out[4];
    tensor_to_float(TENSOR_F64, (const uint8_t *)doubles, 4, out);
    assert_true(signbit(out[1]) && isinf(out[2]) && isnan(out[3]));
    tensor_to_float(TENSOR_BF16, bfloats, 2, out + 2);
    assert_memory_equal(out, out + 2, 2 * sizeof(*out));
}

static void test_needs(void **state)
{
    (void)state;
    static const struct tensor_shape fits = {2, {-1, 3}}, narrow = {2, {2, 4}}, flat = {1, {6}};
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    file_safetensors(
        &b, "{" ENTRY("m", "F32", "[2,3]", 0, 24) "," ENTRY("i", "I32", "[2,3]", 24, 48) "}", 0,
        six, sizeof(six));
    buf_add(&b, six, sizeof(six));
    struct tensor_map *m = open_bytes(buf_str(&b), &e);
    assert_non_null(m);
    assert_ptr_equal(tensor_map_need(m, "m", &fits, &e), tensor_map_get(m, STR("m")));
    assert_null(tensor_map_need(m, "m", &narrow, &e));
    assert_int_equal(e.code, ERR_VALIDATION);
    assert_string_equal(e.msg,
                        "x.safetensors: tensor 'm' is F32 [2, 3], floats of [2, 4] are needed");
    err_clear(&e);
    assert_null(tensor_map_need(m, "m", &flat, &e));
    err_clear(&e);
    assert_null(tensor_map_need(m, "i", &fits, &e));
    assert_says(&e, "'i' is I32 [2, 3], floats of [any, 3]");
    err_clear(&e);
    assert_null(tensor_map_need(m, "text_model.x", &fits, &e));
    assert_string_equal(e.msg, "x.safetensors: there is no tensor 'text_model.x'");
    tensor_map_free(m);
    buf_free(&b);
}

struct bad {
    const char *header;
    uint64_t length;
    size_t n; /* bytes of elements */
    const char *says;
};

static const struct bad bads[] = {
    {MATRIX, 0, 23, "declares 24 bytes of tensors, the file has 23"},
    {MATRIX, 0, 28, "declares 24 bytes of tensors, the file has 28"},
    {MATRIX, 0, 0, "declares 24 bytes of tensors, the file has 0"},
    {MATRIX, 1ULL << 32, 24, "its header would be 4294967296 bytes long"},
    {MATRIX, UINT64_MAX, 24, "its header would be 18446744073709551615 bytes long"},
    {MATRIX, 1000, 24, "ends within its header"},
    {MATRIX, 1, 24, "its header would be 1 bytes long"},
    {MATRIX, sizeof(MATRIX) - 2, 24, "a comma or the end of the object"},
    {MATRIX "x", 0, 24, "only spaces may follow"},
    {"[]", 0, 0, "begins with an object"},
    {" {}", 0, 0, "begins with an object"},
    {"{" ENTRY("a", "F32", "[1]", -4, 0) "}", 0, 4, "a whole number of 0 or more"},
    {"{" ENTRY("a", "F32", "[-1]", 0, 4) "}", 0, 4, "a whole number of 0 or more"},
    {"{" ENTRY("a", "F32", "[1.0]", 0, 4) "}", 0, 4, "a whole number of 0 or more"},
    {"{" ENTRY("a", "F32", "[01]", 0, 4) "}", 0, 4, "a whole number of 0 or more"},
    {"{" ENTRY("a", "F32", "[1e0]", 0, 4) "}", 0, 4, "a whole number of 0 or more"},
    {"{" ENTRY("a", "F32", "[99999999999999999999]", 0, 4) "}", 0, 4, "a whole number"},
    {"{" ENTRY("a", "F32", "[1]", 4, 0) "}", 0, 4, "tensor 'a' ends before it begins"},
    {"{" ENTRY("a", "F32", "[2]", 0, 4) "}", 0, 4, "F32 [2] does not fit into 4 bytes"},
    {"{" ENTRY("a", "F32", "[4611686018427387904,4]", 0, 4) "}", 0, 4, "does not fit"},
    {"{" ENTRY("a", "U8", "[0,9223372036854775807,9]", 0, 0) "}", 0, 0, "does not fit"},
    {"{" ENTRY("a", "F32", "[2]", 0, 8) "," ENTRY("b", "F32", "[1]", 4, 8) "}", 0, 8,
     "tensors 'a' and 'b' overlap"},
    {"{" ENTRY("a", "F32", "[2]", 0, 8) "," ENTRY("b", "F32", "[2]", 0, 8) "}", 0, 8, "overlap"},
    {"{" ENTRY("a", "F32", "[1]", 0, 4) "," ENTRY("b", "F32", "[1]", 8, 12) "}", 0, 12,
     "4 bytes before tensor 'b' that belong to none"},
    {"{" ENTRY("a", "F32", "[1]", 4, 8) "}", 0, 8, "4 bytes before tensor 'a'"},
    {"{" ENTRY("a", "F32", "[1]", 0, 4) "," ENTRY("a", "F32", "[1]", 4, 8) "}", 0, 8,
     "tensor 'a' occurs twice"},
    {"{" ENTRY("a", "F32", "[1]", 0, 4) "," ENTRY("\\u0061", "F32", "[1]", 4, 8) "}", 0, 8,
     "tensor 'a' occurs twice"},
    {"{" ENTRY("a", "F8_E4M3", "[1]", 0, 1) "}", 0, 1, "'a' is of type 'F8_E4M3'"},
    {"{" ENTRY("a", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", 0, 1, "more than 8 dimensions"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 0, 1, "lacks dtype, shape or two data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 0, 1, "lacks dtype"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 0, 1, "more than two"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0, 1, "a member twice"},
    {"{\"a\":{\"type\":\"U8\"}}", 0, 1, "a member other than dtype"},
    {"{\"a\":7}", 0, 1, "an object is expected"},
    {"{\"a\\u0000\":{}}", 0, 0, "an escape that cannot be"},
    {"{\"\\ud83d\":{}}", 0, 0, "an escape that cannot be"},
    {"{\"\\udc00\":{}}", 0, 0, "an escape that cannot be"},
    {"{\"\\x\":{}}", 0, 0, "an escape that cannot be"},
    {"{\"a\n\":{}}", 0, 0, "a control character"},
    {"{\"a\xff\":{}}", 0, 0, "not UTF-8"},
    {"{\"__metadata__\":{\"a\":1}}", 0, 0, "a string is expected"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0, "__metadata__ occurs twice"},
    {"{,}", 0, 0, "a string is expected"},
    {"{" ENTRY("a", "U8", "[1]", 0, 1) ",}", 0, 1, "a string is expected"},
    {"{" ENTRY("a", "U8", "[1,]", 0, 1) "}", 0, 1, "a whole number of 0 or more"},
    {"{\"a", 0, 0, "a string does not end"},
};

/* Neither a descriptor nor a mapping of the folder's files is left. */
static void assert_nothing_open(void)
{
    char line[1024], target[256];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        assert_null(strstr(line, files_folder));
    assert_int_equal(fclose(maps), 0);
    for (int fd = 3; fd < 64; fd++) {
        (void)snprintf(line, sizeof(line), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(line, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        assert_null(strstr(target, files_folder));
    }
}

static void test_bad_files(void **state)
{
    (void)state;
    static const char zeros[64];
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        file_safetensors(&b, bads[i].header, bads[i].length, zeros, bads[i].n);
        assert_null(open_bytes(buf_str(&b), &e));
        assert_int_equal(e.code, ERR_VALIDATION);
        assert_says(&e, bads[i].says);
        assert_says(&e, "x.safetensors: ");
    }
    assert_nothing_open();
    buf_free(&b);
}

static void test_bad_places(void **state)
{
    (void)state;
    struct err e;
    assert_null(open_bytes(STR("1234567"), &e));
    assert_says(&e, "too short");
    assert_null(open_bytes((struct str){"", 0}, &e));
    assert_says(&e, "is empty");
    err_clear(&e);
    assert_null(tensor_map_open("/dev/zero", &e));
    assert_says(&e, "is not a file");
    err_clear(&e);
    assert_null(tensor_map_open("/nowhere/model.safetensors", &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_says(&e, "cannot open /nowhere/model.safetensors");
    err_clear(&e);
    assert_null(tensor_map_open(files_folder, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_says(&e, "neither model.safetensors nor model.safetensors.index.json");
}

static void test_escaped_names(void **state)
{
    (void)state;
    struct buf b;
    struct err e;
    buf_init(&b, 4096);
    file_safetensors(&b, "{" ENTRY("\\u00e9\\ud83d\\ude00\\/\\n", "U8", "[1]", 0, 1) "}", 0, "x",
                     1);
    struct tensor_map *m = open_bytes(buf_str(&b), &e);
    assert_non_null(m);
    const struct tensor *t = tensor_map_get(m, STR("\u00e9\U0001F600/\n"));
    assert_non_null(t);
    assert_string_equal(tensor_name_text(t->name).z, "'\u00e9\U0001F600/?'");
    tensor_map_free(m);
    buf_free(&b);
}

static void test_long_names_are_cut_between_characters(void **state)
{
    (void)state;
    char name[100];
    memset(name, 'x', sizeof(name));
    memcpy(name + 62, "\u20ac", 3);
    struct tensor_name_text text = tensor_name_text((struct str){name, sizeof(name)});
    assert_int_equal(strlen(text.z), 1 + 62 + 3 + 1);
    assert_string_equal(text.z + 63, "\u2026'");
}

/* ---- shards ---- */

static void write_shards(const char *index)
{
    struct buf b;
    buf_init(&b, 4096);
    file_safetensors(&b, MATRIX, 0, six, sizeof(six));
    files_write("1.safetensors", buf_str(&b));
    file_safetensors(&b, "{" ENTRY("n", "F16", "[2]", 0, 4) "}", 0, six, 4);
    files_write("2.safetensors", buf_str(&b));
    files_write("model.safetensors.index.json", str_of(index));
    buf_free(&b);
}

static void test_shards(void **state)
{
    (void)state;
    struct err e = {.code = ERR_NONE};
    write_shards("{\"metadata\":{\"total_size\":2.8e1,\"x\":[true,{\"y\":null}]},\n"
                 "\"weight_map\":{\"n\":\"2.safetensors\",\"m\":\"1.safetensors\"}}\n");
    struct tensor_map *m = tensor_map_open(files_folder, &e);
    assert_non_null(m);
    assert_int_equal(tensor_map_files(m), 2);
    assert_int_equal(tensor_map_count(m), 2);
    assert_string_equal(tensor_map_file(m, 1).path, files_path("2.safetensors"));
    assert_int_equal(tensor_map_get(m, STR("n"))->dtype, TENSOR_F16);
    tensor_map_free(m);
    assert_int_equal(unlink(files_path("model.safetensors.index.json")), 0);
}

static void test_bad_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *index, *says;
    } rows[] = {
        {"{\"weight_map\":{\"m\":\"1.safetensors\"}}", NULL},
        {"{\"weight_map\":{\"m\":\"1.safetensors\",\"n\":\"1.safetensors\"}}",
         "tensor 'n' of the index is not in '1.safetensors'"},
        {"{\"weight_map\":{\"m\":\"2.safetensors\",\"n\":\"2.safetensors\"}}",
         "tensor 'm' of the index is not in '2.safetensors'"},
        {"{\"weight_map\":{\"n\":\"1.safetensors\",\"m\":\"2.safetensors\"}}",
         "tensor 'm' is in 1.safetensors, the index has it in '2.safetensors'"},
        {"{\"weight_map\":{\"a\":\"1.safetensors\"}}", "tensor 'a' of the index is not in"},
        {"{\"weight_map\":{\"z\":\"1.safetensors\"}}",
         "tensor 'm' of 1.safetensors is not in the index"},
        {"{\"weight_map\":{\"m\":\"3.safetensors\"}}", "cannot open"},
        {"{\"weight_map\":{\"m\":\"../1.safetensors\"}}", "names no file beside it"},
        {"{\"weight_map\":{\"m\":\"/etc/passwd\"}}", "names no file beside it"},
        {"{\"weight_map\":{\"m\":\".safetensors\"}}", "names no file beside it"},
        {"{\"weight_map\":{\"m\":\"pytorch_model.bin\"}}", "names no file beside it"},
        {"{\"weight_map\":{\"m\":1}}", "byte 19 of the index: a string is expected"},
        {"{\"weight_map\":{\"m\":\"1.safetensors\",\"m\":\"1.safetensors\"}}",
         "the index has tensor 'm' twice"},
        {"{\"weight_map\":{\"m\":\"1.safetensors\"},\"weight_map\":{}}", "weight_map occurs twice"},
        {"{\"weight_map\":{}}", "no weight_map with tensors"},
        {"{}", "no weight_map with tensors"},
        {"{\"metadata\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", "nested too deeply"},
        {"{\"metadata\":}", "a value is expected"},
        {"{\"weight_map\":{\"m\":\"1.safetensors\"}}{}", "only white space may follow"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {.code = ERR_NONE};
        write_shards(rows[i].index);
        struct tensor_map *m = tensor_map_open(files_path("model.safetensors.index.json"), &e);
        if (rows[i].says) {
            assert_null(m);
            assert_says(&e, rows[i].says);
        }
        assert_true((m == NULL) == (rows[i].says != NULL));
        tensor_map_free(m);
    }
}

static void test_one_tensor_in_two_shards(void **state)
{
    (void)state;
    struct err e = {.code = ERR_NONE};
    struct buf b;
    write_shards("{\"weight_map\":{\"m\":\"1.safetensors\",\"n\":\"2.safetensors\"}}");
    buf_init(&b, 4096);
    file_safetensors(&b, MATRIX, 0, six, sizeof(six));
    files_write("2.safetensors", buf_str(&b));
    assert_null(tensor_map_open(files_folder, &e));
    assert_says(&e, "tensor 'm' is in both");
    assert_nothing_open();
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_every_float_type),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_escaped_names),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_bad_indexes),
        cmocka_unit_test(test_one_tensor_in_two_shards),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
