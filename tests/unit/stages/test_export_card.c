/* The page that an export's users see first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/export/card.h"

#define FILE_OF(name, format, rows, more)                                                          \
    "{\"name\":\"" name "\",\"format\":\"" format "\",\"rows\":" rows                              \
    ",\"bytes\":1000,\"sha256\":\"00\"" more "}"
#define VECTORS ",\"dtype\":\"bfloat16\",\"dimension\":1280"

#define REST                                                                                       \
    "\"counts\":{\"captions\":12345,\"dialogues\":30,\"representations\":12345,"                   \
    "\"tasks\":{\"multiple_choice\":10,\"question_answering\":20},"                                \
    "\"recipes\":[{\"recipe\":\"abcd\",\"stage\":\"captions\",\"rows\":12345}],"                   \
    "\"providers\":[{\"provider\":\"farm\",\"captions\":12345,\"dialogues\":30}],"                 \
    "\"left_out\":{\"no_representation\":7,\"unfit\":3}},"                                         \
    "\"request\":{\"formats\":[\"llava\"],\"allow_offline\":false},"                               \
    "\"recipes\":[{\"recipe\":\"abcd\",\"stage\":\"captions\",\"kind\":\"llm\","                   \
    "\"settings\":{\"model\":\"Qwen/`72|B`\"}}],"                                                  \
    "\"encoder\":{\"id\":\"e1\",\"name\":\"clip\",\"kind\":\"clip\",\"model\":\"L-14\","           \
    "\"dimension\":1280,\"version\":2},"                                                           \
    "\"transfer\":{\"id\":\"t1\",\"method\":\"mean_shift\","                                       \
    "\"steps\":[{\"operation\":\"subtract\",\"meaning\":\"subtract the mean of the texts\"}],"     \
    "\"inference\":[{\"operation\":\"l2_normalise\",\"meaning\":\"divide by the norm\"},"          \
    "{\"operation\":\"subtract\",\"meaning\":\"subtract the mean of the images\"}]}}"

static const char grouped[] =
    "{\"version\":1,\"dataset\":\"sky-1\",\"trial\":false,\"files\":[" FILE_OF(
        "pretrain-00000-of-00002.jsonl", "llava", "6000",
        "") "," FILE_OF("pretrain-00001-of-00002.jsonl", "llava", "6345",
                        "") "," FILE_OF("instruct-00000-of-00002.jsonl", "llava", "10",
                                        "") "," FILE_OF("instruct-00001-of-00002.jsonl", "llava",
                                                        "20",
                                                        "") "," FILE_OF("pretrain.json",
                                                                        "llava-array", "12345",
                                                                        "") "," FILE_OF("representa"
                                                                                        "tions-"
                                                                                        "00000-of-"
                                                                                        "00002."
                                                                                        "safetensor"
                                                                                        "s",
                                                                                        "safetensor"
                                                                                        "s",
                                                                                        "6000",
                                                                                        VECTORS) "," FILE_OF("representations-00001-of-00002.safetensors",
                                                                                                             "safetensors",
                                                                                                             "6345",
                                                                                                             VECTORS) "," FILE_OF("samples-000000.tar",
                                                                                                                                  "webdataset",
                                                                                                                                  "6000",
                                                                                                                                  VECTORS) "," FILE_OF("samples-000001.tar",
                                                                                                                                                       "webdataset",
                                                                                                                                                       "6345",
                                                                                                                                                       VECTORS) "]," REST;

static struct buf card;

static int setup(void **state)
{
    (void)state;
    buf_init(&card, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_free(&card);
    return 0;
}

static const char *write(const char *manifest)
{
    struct err e = {0};
    buf_reset(&card);
    assert_int_equal(export_card(str_of(manifest), &card, &e), 0);
    return buf_z(&card);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("there is no \"%s\" in:\n%s", part, text);
}

static void the_hub_finds_what_it_looks_for(void **state)
{
    (void)state;
    static const char front[] = "---\n"
                                "pretty_name: \"sky-1\"\n"
                                "language:\n- en\n"
                                "task_categories:\n- image-to-text\n- visual-question-answering\n"
                                "- image-text-to-text\n"
                                "size_categories:\n- 10K<n<100K\n"
                                "tags:\n- synthetic\n- text-only\n- monoceros\n"
                                "configs:\n"
                                "- config_name: pretrain\n"
                                "  default: true\n"
                                "  data_files:\n"
                                "  - split: train\n"
                                "    path: \"pretrain-*.jsonl\"\n"
                                "- config_name: instruct\n"
                                "  data_files:\n"
                                "  - split: train\n"
                                "    path: \"instruct-*.jsonl\"\n"
                                "---\n\n# sky-1\n\nTraining data";
    const char *text = write(grouped);
    assert_int_equal(strncmp(text, front, sizeof(front) - 1), 0);
}

static void people_find_what_it_is(void **state)
{
    (void)state;
    const char *text = write(grouped);
    assert_has(text, "| captions | 12345 |\n| dialogues | 30 |\n"
                     "| &nbsp;&nbsp;`multiple_choice` | 10 |\n");
    assert_has(text, "| left out: no representation | 7 |\n");
    assert_has(text, "| `pretrain-*.jsonl` | 2 | 12345 | 2000 |  |\n");
    assert_has(text, "| `pretrain.json` | 1 | 12345 | 1000 |  |\n");
    assert_has(text, "| `samples-*.tar` | 2 | 12345 | 2000 | bfloat16 × 1280 |\n");
    assert_has(text, "| captions | `abcd` | llm | `Qwen/ 72 B ` | 12345 |\n");
    assert_has(text, "| `farm` | 12345 | 30 |\n");
    assert_has(text, "`clip` (model `L-14`, version 2, 1280 numbers)");
    assert_has(text, "\n1. divide by the norm\n2. subtract the mean of the images\n");
    assert_has(text, "`POST /v1/datasets/sky-1/exports`:\n\n```json\n{\n  \"formats\": [\n");
    assert_null(strstr(text, "WARNING"));
}

static void examples_have_the_files_names(void **state)
{
    (void)state;
    const char *text = write(grouped);
    assert_has(text, "instruct = load_dataset(\"json\", data_files=\"instruct-*.jsonl\"");
    assert_has(text, "from safetensors.torch import load_file\n\n"
                     "tensors = load_file(\"representations-00000-of-00002.safetensors\")");
    assert_has(text, "wds.WebDataset(\"samples-{000000..000001}.tar\"");
    assert_null(strstr(text, "numpy"));
    text = write("{\"dataset\":\"d\",\"files\":[" FILE_OF("representations.npy", "npy", "1",
                                                          "") "," FILE_OF("representations.ids",
                                                                          "npy", "1", "") "]}");
    assert_has(text, "glob.glob(\"representations.npy\")");
    assert_null(strstr(text, "configs:"));
    assert_null(strstr(text, "load_dataset"));
}

static void archives_alone_are_a_configuration(void **state)
{
    (void)state;
    const char *text = write(
        "{\"dataset\":\"d\",\"files\":[" FILE_OF("samples-000000.tar", "webdataset", "1", "") "]}");
    assert_has(text, "- config_name: samples\n  default: true\n  data_files:\n  - split: train\n"
                     "    path: \"samples-*.tar\"\n");
    assert_has(text, "wds.WebDataset(\"samples-000000.tar\"");
    assert_has(text, "- n<1K\n");
}

static void trials_are_warned_of(void **state)
{
    (void)state;
    const char *text = write("{\"dataset\":\"d\",\"trial\":true,\"files\":[]}");
    assert_has(text, "- monoceros\n- trial\n---\n");
    assert_has(text, "# d\n\n> [!WARNING]\n> **This is a trial, not training data.**");
    text = write("{\"dataset\":\"d\",\"files\":[],\"request\":{\"allow_offline\":true}}");
    assert_has(text, "were allowed into this export");
    assert_null(strstr(text, "trial"));
}

static void it_follows_from_the_manifest(void **state)
{
    (void)state;
    char first[16384];
    (void)snprintf(first, sizeof(first), "%s", write(grouped));
    assert_string_equal(write(grouped), first);
}

static void what_is_no_manifest_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {"",
                                         "[]",
                                         "{}",
                                         "{\"dataset\":\"d\"}",
                                         "{\"dataset\":\"d\",\"files\":[{}]}",
                                         "{\"dataset\":"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct err e = {0};
        assert_int_equal(export_card(str_of(broken[i]), &card, &e), -1);
        assert_int_equal(e.code, ERR_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hub_finds_what_it_looks_for),
        cmocka_unit_test(people_find_what_it_is),
        cmocka_unit_test(examples_have_the_files_names),
        cmocka_unit_test(archives_alone_are_a_configuration),
        cmocka_unit_test(trials_are_warned_of),
        cmocka_unit_test(it_follows_from_the_manifest),
        cmocka_unit_test(what_is_no_manifest_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
