/* Files that are not those of a CLIP tokenizer, or not whole: a sentence that names the file, and
 * no tokenizer. */
#include "tests/unit/providers/clip_fixture.h"

#include <jansson.h>

#include "server/base/buf.h"
#include "server/base/cleanup.h"

static char folder[] = "/tmp/monoceros-tokenizer-XXXXXX";
static const char *const names[] = {"vocab.json",
                                    "merges.txt",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json"};
enum { NAMES = sizeof(names) / sizeof(*names) };

static void file_path(const char *name, char out[CLIP_PATH])
{
    assert_in_range(snprintf(out, CLIP_PATH, "%s/%s", folder, name), 1, CLIP_PATH - 1);
}

static void clear(void)
{
    char path[CLIP_PATH];

    for (size_t i = 0; i < NAMES; i++) {
        file_path(names[i], path);
        unlink(path);
    }
}

static void write_file(const char *name, const void *p, size_t n)
{
    char path[CLIP_PATH];

    file_path(name, path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void read_fixture(const char *fixture, const char *name, struct buf *out)
{
    char path[CLIP_PATH];

    fixture_path(fixture, name, path);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_true(buf_room(out, 1 << 16));
    out->n = fread(out->p, 1, 1 << 16, f);
    assert_in_range(out->n, 1, (1 << 16) - 1);
    assert_int_equal(fclose(f), 0);
}

static void copy(const char *fixture, const char *name)
{
    _cleanup_(buf_free) struct buf text = {.max = 1 << 20};

    read_fixture(fixture, name, &text);
    write_file(name, text.p, text.n);
}

/* Copies a file with the first `from` replaced. */
static void copy_changed(const char *fixture, const char *name, const char *from, const char *to)
{
    _cleanup_(buf_free) struct buf text = {.max = 1 << 20}, out = {.max = 1 << 20};

    read_fixture(fixture, name, &text);
    ptrdiff_t at = str_find(buf_str(&text), str_of(from));
    assert_true(at >= 0);
    buf_add(&out, text.p, (size_t)at);
    buf_addz(&out, to);
    buf_adds(&out, str_from(buf_str(&text), (size_t)at + strlen(from)));
    write_file(name, out.p, out.n);
}

static void refused(const char *sentence)
{
    struct err e = {0};
    struct clip_tokenizer *t = clip_tokenizer_load(folder, &e);

    assert_null(t);
    assert_int_equal(e.code, ERR_VALIDATION);
    if (!strstr(e.msg, sentence))
        fail_msg("said \"%s\", not \"%s\"", e.msg, sentence);
}

static struct clip_tokenizer *accepted(void)
{
    struct err e = {0};
    struct clip_tokenizer *t = clip_tokenizer_load(folder, &e);

    assert_string_equal(e.msg, "");
    assert_non_null(t);
    return t;
}

struct change {
    const char *file, *from, *to, *sentence;
};

static const struct change two_files[] = {
    {"vocab.json", "{", "", "vocab.json: line 1, column"},
    {"vocab.json", "{", "[{", "vocab.json: line 1, column"},
    {"vocab.json", "\"!\": 0", "\"!\": -1", "vocab.json: an id is not a number from 0 to 1048575"},
    {"vocab.json", "\"!\": 0", "\"!\": 1048576", "an id is not a number from 0 to 1048575"},
    {"vocab.json", "\"!\": 0", "\"!\": 99999999999999999999", "too big integer"},
    {"vocab.json", "\"!\": 0", "\"!\": 0.5", "an id is not a number from 0 to 1048575"},
    {"vocab.json", "\"!\": 0", "\"!\": null", "an id is not a number from 0 to 1048575"},
    {"vocab.json", "\"!\": 0", "\"!\": 1", "vocab.json: two tokens have the id 1"},
    {"vocab.json", "\"!\": 0", "\"\\\"\": 0", "duplicate"},
    {"vocab.json", "\"!\": 0", "\"exclamation\": 0", "no token for the byte 0x21"},
    {"vocab.json", "\"!</w>\"", "\"!<w>\"", "no token for the byte 0x21 at the end of a word"},
    {"vocab.json", "<|startoftext|>", "<s>", "the vocabulary has no token <|startoftext|>"},
    {"vocab.json", "<|endoftext|>", "</s>", "the vocabulary has no token <|endoftext|>"},
    {"merges.txt", "i n\n", "i\n", "merges.txt: line 2 is not two tokens"},
    {"merges.txt", "i n\n", "i n d\n", "merges.txt: line 2 is not two tokens"},
    {"merges.txt", "i n\n", "\n", "merges.txt: line 2 is not two tokens"},
    {"merges.txt", "t h\n", "i n\n", "merges.txt: line 3 stands there twice"},
    {"merges.txt", "t h\n", "qx h\n", "line 3: its first part is no token of the vocabulary"},
    {"merges.txt", "t h\n", "t qx\n", "line 3: its second part is no token of the vocabulary"},
    {"merges.txt", "t h\n", "q q\n", "line 3: what it gives is no token of the vocabulary"},
    {"merges.txt", "t h\n", "t \xff\n", "merges.txt is not UTF-8"},
};

static void test_two_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(two_files) / sizeof(*two_files); i++) {
        const struct change *c = &two_files[i];
        clear();
        copy("tokenizer", "vocab.json");
        copy("tokenizer", "merges.txt");
        clip_tokenizer_free(accepted());
        copy_changed("tokenizer", c->file, c->from, c->to);
        refused(c->sentence);
    }
}

static const struct change one_file[] = {
    {NULL, "{", "", "tokenizer.json: line 1609, column 1"},
    {NULL, "\"BPE\"", "\"WordPiece\"", "tokenizer.json: its model is not that of CLIP"},
    {NULL, "\"dropout\": null", "\"dropout\": 0.1", "its model is"},
    {NULL, "\"end_of_word_suffix\": \"</w>\"", "\"end_of_word_suffix\": null", "its model is"},
    {NULL, "\"continuing_subword_prefix\": \"\"", "\"continuing_subword_prefix\": \"##\"",
     "its model is"},
    {NULL, "\"byte_fallback\": false", "\"byte_fallback\": true", "its model is"},
    {NULL, "\"ignore_merges\": false", "\"ignore_merges\": true", "its model is"},
    {NULL, "\"NFC\"", "\"NFKC\"", "its normalizer is not that of CLIP"},
    {NULL, "\"Lowercase\"", "\"StripAccents\"", "its normalizer is not that of CLIP"},
    {NULL, "\"normalizer\": {", "\"other\": {", "its normalizer is not that of CLIP"},
    {NULL, "[\\\\p{N}]|", "[\\\\p{N}]+|", "its pre_tokenizer is not that of CLIP"},
    {NULL, "\"Removed\"", "\"Isolated\"", "its pre_tokenizer is not that of CLIP"},
    {NULL, "\"use_regex\": true", "\"use_regex\": false", "its pre_tokenizer is not that of CLIP"},
    {NULL, "\"RobertaProcessing\"", "\"BertProcessing\"", "its post_processor is not"},
    {NULL, "\"cls\": [\n\"<|startoftext|>\",", "\"cls\": [\n\"<|endoftext|>\",",
     "its post_processor is not"},
    {NULL, "\"vocab\": {", "\"vocab\": 7, \"v\": {", "the vocabulary is not an object"},
    {NULL, "\"merges\": [", "\"merges\": {}, \"m\": [", "the merges are not an array"},
    {NULL, "\"i n\"", "\"in\"", "tokenizer.json: merge 0 is not two tokens"},
    {NULL, "\"i n\"", "\"i n d\"", "tokenizer.json: merge 0 is not two tokens"},
    {NULL, "\"i n\"", "[\"i\"]", "tokenizer.json: merge 0 is not two tokens"},
    {NULL, "\"i n\"", "[\"i\", 7]", "tokenizer.json: merge 0 is not two tokens"},
    {NULL, "\"i n\"", "\"t h\"", "tokenizer.json: merge 1 stands there twice"},
    {NULL, "\"i n\"", "[\"i\", \"qx\"]", "merge 0: its second part is no token"},
    {NULL, "\"id\": 1012", "\"id\": 1011", "added token 0 is no token of the vocabulary"},
    {NULL, "\"lstrip\": false", "\"lstrip\": true", "lstrip, rstrip or single_word"},
    {NULL, "\"content\": \"<|endoftext|>\"", "\"content\": \"<mask>\"",
     "added token 1 is no token of the vocabulary"},
    {NULL, "\"added_tokens\": [", "\"added_tokens\": [], \"a\": [",
     "its added tokens are not those of CLIP"},
};

static void test_one_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(one_file) / sizeof(*one_file); i++) {
        clear();
        copy_changed("tokenizer-json", "tokenizer.json", one_file[i].from, one_file[i].to);
        refused(one_file[i].sentence);
    }
}

static const struct change settings[] = {
    {"tokenizer_config.json", NULL, "[]", "tokenizer_config.json is not a JSON object"},
    {"tokenizer_config.json", NULL, "{\"bos_token\":\"<s>\"}", "bos_token is not <|startoftext|>"},
    {"special_tokens_map.json", NULL, "{\"eos_token\":{\"content\":\"</s>\"}}",
     "special_tokens_map.json: eos_token is not <|endoftext|>"},
    {"tokenizer_config.json", NULL, "{\"pad_token\":\"<pad>\"}",
     "a special token is no token of the vocabulary"},
    {"tokenizer_config.json", NULL, "{\"pad_token\":7}",
     "a special token is no token of the vocabulary"},
    {"tokenizer_config.json", NULL, "{\"additional_special_tokens\":[\"<cat>\"]}",
     "additional_special_tokens are not CLIP's"},
    {"tokenizer_config.json", NULL, "{\"truncation_side\":\"left\"}",
     "truncation_side is not right"},
    {"tokenizer_config.json", NULL, "{\"split_special_tokens\":true}",
     "split_special_tokens is not"},
    {"tokenizer_config.json", NULL, "{\"added_tokens_decoder\":{\"1014\":{\"content\":\"<cat>\"}}}",
     "an added token is no token of the vocabulary"},
    {"tokenizer_config.json", NULL,
     "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<|endoftext|>\"}}}",
     "an added token is no token of the vocabulary"},
    {"added_tokens.json", NULL, "{\"<cat>\":1014}", "tokens that CLIP does not have"},
};

static void test_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        clear();
        copy("tokenizer", "vocab.json");
        copy("tokenizer", "merges.txt");
        write_file(settings[i].file, settings[i].to, strlen(settings[i].to));
        refused(settings[i].sentence);
    }
}

/* A word of padding that is a word of captions too: transformers finds it first, and so do we. */
static void test_padding(void **state)
{
    static const char padded[] =
        "{\"pad_token\":\"!\",\"model_max_length\":1000000000000000019884624838656}";
    int32_t ids[4];
    bool truncated;

    (void)state;
    clear();
    copy("tokenizer", "vocab.json");
    copy("tokenizer", "merges.txt");
    for (int with = 0; with < 2; with++) {
        if (with)
            write_file("tokenizer_config.json", padded, strlen(padded));
        struct clip_tokenizer *t = accepted();
        assert_int_equal(clip_tokenize(t, STR("!"), 4, ids, &truncated), 3);
        assert_int_equal(ids[1], with ? 0 : 256);
        clip_tokenizer_free(t);
    }
}

/* No beginning of a file is a tokenizer. */
static void test_cut_short(void **state)
{
    _cleanup_(buf_free) struct buf text = {.max = 1 << 20};

    (void)state;
    clear();
    read_fixture("tokenizer-json", "tokenizer.json", &text);
    for (size_t n = 0; n + 2 < text.n; n += 97) {
        write_file("tokenizer.json", text.p, n);
        refused("tokenizer.json");
    }
}

static void test_missing_and_huge(void **state)
{
    char path[CLIP_PATH];

    (void)state;
    clear();
    refused("has neither tokenizer.json nor vocab.json with merges.txt");
    copy("tokenizer", "vocab.json");
    refused("has neither tokenizer.json nor vocab.json with merges.txt");
    write_file("merges.txt", "", 0);
    refused("merges.txt is empty");
    file_path("merges.txt", path);
    assert_int_equal(truncate(path, (1 << 24) + 1), 0);
    refused("merges.txt has more than 16777216 bytes");
    file_path("tokenizer.json", path);
    write_file("tokenizer.json", "", 0);
    assert_int_equal(truncate(path, ((off_t)1 << 25) + 1), 0);
    refused("tokenizer.json has more than 33554432 bytes");
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    refused("tokenizer.json is not a regular file");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    clear();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_files), cmocka_unit_test(test_one_file),
        cmocka_unit_test(test_settings),  cmocka_unit_test(test_padding),
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_missing_and_huge),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
