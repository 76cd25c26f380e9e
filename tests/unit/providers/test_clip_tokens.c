/* Ids of texts, beside those that transformers gave when tests/parity/fixture.py was last run. */
#include "tests/unit/providers/clip_fixture.h"

#include <jansson.h>
#include <pthread.h>

#include "server/base/buf.h"
#include "server/base/cleanup.h"
#include "server/base/hash.h"

enum { LIMIT = 77, WHOLE = 1 << 18, THREADS = 4 };

static struct clip_tokenizer *fixture_load(const char *name)
{
    char path[CLIP_PATH];
    struct err e = {0};

    fixture_path(name, "", path);
    struct clip_tokenizer *t = clip_tokenizer_load(path, &e);
    assert_string_equal(e.msg, "");
    assert_non_null(t);
    return t;
}

struct expected {
    struct clip_tokenizer *tokenizer;
    json_t *entries;
};

static void expected_load(const char *name, struct expected *x)
{
    char path[CLIP_PATH];

    fixture_path(name, "expected.json", path);
    x->tokenizer = fixture_load(name);
    x->entries = json_load_file(path, JSON_ALLOW_NUL, NULL);
    assert_in_range(json_array_size(x->entries), 200, 1000);
}

static void expected_free(struct expected *x)
{
    clip_tokenizer_free(x->tokenizer);
    json_decref(x->entries);
}

static void text_of(const json_t *entry, struct buf *out)
{
    const json_t *text = json_object_get(entry, "text");
    uint8_t bytes[4096];
    struct str unit = {json_string_value(text), json_string_length(text)};

    if (!text) {
        struct str hex = str_of(json_string_value(json_object_get(entry, "hex")));
        assert_true(hex.n / 2 <= sizeof(bytes) && hex_decode(hex, bytes, hex.n / 2));
        unit = (struct str){(const char *)bytes, hex.n / 2};
    }
    buf_reset(out);
    for (json_int_t i = json_integer_value(json_object_get(entry, "times")); i > 0; i--)
        buf_adds(out, unit);
    assert_false(out->failed);
}

static void hash_ids(const int32_t *ids, int n, char out[17])
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (int i = 0; i < n; i++)
        for (int shift = 0; shift < 32; shift += 8)
            h = (h ^ ((uint32_t)ids[i] >> shift & 0xff)) * 0x100000001b3ULL;
    assert_int_equal(snprintf(out, 17, "%016llx", (unsigned long long)h), 16);
}

/* What stands out of the expected; false says that the ids are others. */
static bool holds(const struct expected *x, const json_t *entry, struct buf *text, int32_t *ids)
{
    const json_t *wanted = json_object_get(entry, "ids");
    json_int_t total = json_integer_value(json_object_get(entry, "total"));
    bool truncated;
    char hash[17];

    text_of(entry, text);
    int n = clip_tokenize(x->tokenizer, buf_str(text), LIMIT, ids, &truncated);
    if (n != (int)json_array_size(wanted) || truncated != (total > LIMIT))
        return false;
    for (int i = 0; i < n; i++)
        if (ids[i] != json_integer_value(json_array_get(wanted, (size_t)i)))
            return false;
    n = clip_tokenize(x->tokenizer, buf_str(text), WHOLE, ids, &truncated);
    hash_ids(ids, n, hash);
    return n == total && !truncated &&
           strcmp(hash, json_string_value(json_object_get(entry, "fnv"))) == 0;
}

static size_t differing(const struct expected *x)
{
    _cleanup_(buf_free) struct buf text = {.max = 1 << 20};
    _cleanup_(freep) int32_t *ids = malloc(WHOLE * sizeof(*ids));
    const json_t *entry;
    size_t i, n = 0;

    assert_non_null(ids);
    json_array_foreach(x->entries, i, entry)
    {
        if (!holds(x, entry, &text, ids)) {
            print_error("entry %zu: other ids than expected\n", i);
            n++;
        }
    }
    return n;
}

static void check(const char *name)
{
    struct expected x;

    expected_load(name, &x);
    assert_int_equal(differing(&x), 0);
    expected_free(&x);
}

static void test_files(void **state)
{
    (void)state;
    check("tokenizer");
}

static void test_one_file(void **state)
{
    (void)state;
    check("tokenizer-json");
}

static void *in_a_thread(void *arg)
{
    return differing(arg) == 0 ? NULL : arg;
}

static void test_threads(void **state)
{
    struct expected x;
    pthread_t threads[THREADS];

    (void)state;
    expected_load("tokenizer", &x);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, &x), 0);
    for (int i = 0; i < THREADS; i++) {
        void *differ = NULL;
        assert_int_equal(pthread_join(threads[i], &differ), 0);
        assert_null(differ);
    }
    expected_free(&x);
}

/* BOS and EOS stay, whatever the limit; `truncated` turns at the first token that has no room. */
static void test_limits(void **state)
{
    struct clip_tokenizer *t = fixture_load("tokenizer");
    int32_t bos = clip_tokenizer_bos(t), eos = clip_tokenizer_eos(t), ids[8];
    struct str three = STR("a b c");

    (void)state;
    assert_int_equal(clip_tokenizer_size(t), eos + 1);
    for (int limit = 2; limit <= 8; limit++) {
        bool truncated;
        memset(ids, 0xee, sizeof(ids));
        int n = clip_tokenize(t, three, limit, ids, &truncated);
        assert_int_equal(n, limit < 5 ? limit : 5);
        assert_int_equal(truncated, limit < 5);
        assert_int_equal(ids[0], bos);
        assert_int_equal(ids[n - 1], eos);
        for (int i = n; i < 8; i++)
            assert_int_equal((uint32_t)ids[i], 0xeeeeeeee);
    }
    clip_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_one_file),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
