/* The text files of an export, byte by byte. */
#include "tests/unit/stages/export_samples.h"

#define CAPTION "\"A \\\"dog\\\"\\nruns.\""
#define HEAD(dialogue)                                                                             \
    "{\"id\":\"" SAMPLE_ID "\",\"dialogue_id\":\"" dialogue "\",\"caption\":" CAPTION              \
    ",\"conversations\":"
#define QUESTION "<image>\\nDescribe the appearance of everything in this photo."
#define PRETRAIN                                                                                   \
    HEAD("")                                                                                       \
    "[{\"from\":\"human\",\"value\":\"" QUESTION "\"},{\"from\":\"gpt\",\"value\":" CAPTION "}]}"
#define INSTRUCT_1 HEAD(SAMPLE_ID "-deadbeef") SAMPLE_TURNS "}"
#define INSTRUCT_2 HEAD(SAMPLE_ID "-00010203") SAMPLE_TURNS "}"

static void llava_has_a_row_for_each_sample_and_dialogue(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    const struct export_file *f = sample_write(&s, 2, &w, &n);
    assert_int_equal(n, 2);
    assert_string_equal(f[0].name, "pretrain.jsonl");
    assert_string_equal(f[0].path, "pretrain.jsonl.77");
    assert_string_equal(f[1].name, "instruct.jsonl");
    assert_int_equal(f[0].rows, 2);
    assert_int_equal(f[1].rows, 4);
    assert_true(f[0].served && f[1].served && !f[0].vectors && !f[1].vectors);
    sample_assert_text(&f[0], PRETRAIN "\n" PRETRAIN "\n");
    sample_assert_text(&f[1], INSTRUCT_1 "\n" INSTRUCT_2 "\n" INSTRUCT_1 "\n" INSTRUCT_2 "\n");
    export_free(w);
    assert_int_equal(sample_count_files(true), 2);
}

static void captions_have_every_key(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_CAPTIONS);
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].name, "captions.jsonl");
    sample_assert_text(
        &f[0], "{\"id\":\"" SAMPLE_ID "\",\"seed_id\":\"abababababababababababababababab\","
               "\"recipe\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\",\"variant\":2,\"text\":" CAPTION
               ",\"seed\":\"a dog\",\"source\":null,\"domain\":\"animals\",\"provider\":\"p\","
               "\"model\":\"m\",\"prompt\":\"dense-v1\"}\n");
    export_free(w);
    assert_int_equal(sample_count_files(true), 1);
}

static void ids_stand_one_on_a_line(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_NPY);
    const struct export_file *f = sample_write(&s, 2, &w, &n);
    assert_int_equal(n, 2);
    assert_string_equal(f[1].name, "representations.ids");
    assert_int_equal(f[1].rows, 2);
    assert_false(f[1].vectors);
    sample_assert_text(&f[1], SAMPLE_ID "\n" SAMPLE_ID "\n");
    export_free(w);
    (void)sample_count_files(true);
}

static void only_what_is_included_has_files(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    s.with[EXPORT_WITH_DIALOGUES] = s.with[EXPORT_WITH_VECTORS] = false;
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].name, "pretrain.jsonl");
    export_free(w);
    s.with[EXPORT_WITH_DIALOGUES] = true;
    s.with[EXPORT_WITH_CAPTIONS] = false;
    f = sample_write(&s, 1, &w, &n);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].name, "instruct.jsonl");
    sample_assert_text(&f[0], INSTRUCT_1 "\n" INSTRUCT_2 "\n");
    export_free(w);
    (void)sample_count_files(true);
}

static void groups_are_numbered_in_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "pretrain-00003-of-00016.jsonl",
        "instruct-00003-of-00016.jsonl",
        "pretrain-00003-of-00016.json",
        "instruct-00003-of-00016.json",
        "captions-00003-of-00016.jsonl",
        "representations-00003-of-00016.npy",
        "representations-00003-of-00016.ids",
        "representations-00003-of-00016.safetensors",
        "samples-000003.tar",
    };
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    for (int i = 0; i < EXPORT_FORMATS; i++)
        s.formats[i] = true;
    s.group = 3;
    s.groups = 16;
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    assert_int_equal(n, sizeof(names) / sizeof(names[0]));
    for (int i = 0; i < n; i++) {
        assert_string_equal(f[i].name, names[i]);
        assert_int_equal(f[i].served, f[i].format != EXPORT_LLAVA_ARRAY);
    }
    export_free(w);
    assert_int_equal(sample_count_files(true), n);
}

static void array_parts_are_joined(void **state)
{
    (void)state;
    int n;
    struct err e = {0};
    struct export_writer *w;
    struct export_file parts[4], whole;
    struct export_settings s = sample_settings(EXPORT_LLAVA_ARRAY);
    const int rows[] = {0, 2, 0, 1};
    s.groups = 4;
    for (; s.group < s.groups; s.group++) {
        parts[s.group] = sample_write(&s, rows[s.group], &w, &n)[0];
        assert_int_equal(parts[s.group].rows, rows[s.group]);
        export_free(w);
    }
    assert_int_equal(export_join(sample_directory, 78, parts, 4, &whole, &e), 0);
    assert_string_equal(whole.name, "pretrain.json");
    assert_string_equal(whole.path, "pretrain.json.78");
    assert_int_equal(whole.rows, 3);
    assert_int_equal(whole.format, EXPORT_LLAVA_ARRAY);
    assert_true(whole.served);
    sample_assert_text(&whole, "[\n" PRETRAIN ",\n" PRETRAIN ",\n" PRETRAIN "\n]\n");
    assert_int_equal(export_join(sample_directory, 78, parts, 1, &whole, &e), 0);
    sample_assert_text(&whole, "[]\n");
    parts[1].bytes--;
    assert_int_equal(export_join(sample_directory, 79, parts, 4, &whole, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_int_equal(sample_count_files(true), 9);
    err_clear(&e);
    assert_int_equal(export_join(sample_directory, 79, parts, 4, &whole, &e), -1);
    assert_string_equal(e.msg,
                        "cannot open pretrain-00001-of-00004.json.77: No such file or directory");
    assert_int_equal(sample_count_files(false), 0);
}

static void one_group_has_a_part_too(void **state)
{
    (void)state;
    int n;
    struct export_writer *w;
    struct export_settings s = sample_settings(EXPORT_LLAVA_ARRAY);
    const struct export_file *f = sample_write(&s, 1, &w, &n);
    assert_int_equal(n, 2);
    assert_string_equal(f[1].name, "instruct-00000-of-00001.json");
    sample_assert_text(&f[1], INSTRUCT_1 ",\n" INSTRUCT_2);
    export_free(w);
    assert_int_equal(sample_count_files(true), 2);
}

static void a_text_is_a_file(void **state)
{
    (void)state;
    struct err e = {0};
    struct export_file f;
    const char *name = "manifest.json";
    assert_int_equal(export_write_text(sample_directory, 5, name, STR("{}\n"), &f, &e), 0);
    assert_string_equal(f.name, name);
    assert_string_equal(f.path, "manifest.json.5");
    assert_int_equal(f.rows, 0);
    assert_true(f.served);
    sample_assert_text(&f, "{}\n");
    assert_int_equal(sample_count_files(true), 1);
}

/* More than is held in memory before it is written. */
static void many_rows_are_the_same_again(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    int n;
    struct export_writer *w;
    struct export_file first;
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    first = sample_write(&s, ROWS, &w, &n)[1];
    export_free(w);
    s.token++;
    const struct export_file *again = sample_write(&s, ROWS, &w, &n);
    assert_int_equal(first.rows, 2 * ROWS);
    assert_true(first.bytes > 1 << 20);
    assert_int_equal(again[1].bytes, first.bytes);
    assert_memory_equal(again[1].sha256, first.sha256, sizeof(first.sha256));
    struct buf b;
    buf_init(&b, 1 << 24);
    (void)sample_bytes(&first, &b);
    (void)sample_bytes(&again[1], &b);
    buf_free(&b);
    export_free(w);
    (void)sample_count_files(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llava_has_a_row_for_each_sample_and_dialogue),
        cmocka_unit_test(captions_have_every_key),
        cmocka_unit_test(ids_stand_one_on_a_line),
        cmocka_unit_test(only_what_is_included_has_files),
        cmocka_unit_test(groups_are_numbered_in_names),
        cmocka_unit_test(array_parts_are_joined),
        cmocka_unit_test(one_group_has_a_part_too),
        cmocka_unit_test(a_text_is_a_file),
        cmocka_unit_test(many_rows_are_the_same_again),
    };
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
