#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/base/hash.h"
#include "server/domain/identity.h"

/* All expected values were computed with Python's hashlib. */
static const char recipe_hex[] = "e1d8e552330911f9f779f85b6f2c00a1";
static const char seed_hex[] = "a84fff2045852c8c0dc17954ef4bfda7";
static const char caption_text[] = "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f";
static const char dialogue_text[] = "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f-28961e71";

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
    char text[2 * SHA256_BYTES + 1];
    hex_encode(p, n, text);
    assert_string_equal(text, hex);
}

static void test_seed(void **state)
{
    (void)state;
    uint8_t id[SEED_ID_BYTES];
    seed_id(STR("caf\xc3\xa9 \xe4\xb8\xad"), id);
    assert_hex(id, sizeof(id), "a9482a7dcae6feb80be9e0a1ba47b979");
    seed_id(STR("a dog runs on the beach"), id);
    assert_hex(id, sizeof(id), seed_hex);
    assert_int_equal(seed_shard(id, 1), 0);
    assert_int_equal(seed_shard(id, 7), 3);
    assert_int_equal(seed_shard(id, 16), 12);
    assert_int_equal(seed_shard(id, 65536), 11404);
    assert_int_equal(shard_id(3, 12), 3 * 65536 + 12);
}

static void test_caption_and_dialogue(void **state)
{
    (void)state;
    const struct str text = STR("A brown dog runs along a wet beach.");
    uint8_t recipe[RECIPE_ID_BYTES], seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES];
    assert_true(hex_decode(str_of(recipe_hex), recipe, sizeof(recipe)));
    assert_true(hex_decode(str_of(seed_hex), seed, sizeof(seed)));
    caption_hash(recipe, 12, text, hash);
    assert_hex(hash, sizeof(hash), "fe027a14f5896467");
    caption_hash(recipe, 0, text, hash);
    assert_hex(hash, sizeof(hash), "b7314e5e167b845f");
    char id[CAPTION_ID_TEXT + 1];
    caption_id(seed, hash, id);
    assert_string_equal(id, caption_text);
    uint8_t dialogue[DIALOGUE_HASH_BYTES];
    dialogue_hash(recipe, STR("multiple_choice"), STR("[{\"from\":\"human\"}]"), dialogue);
    assert_hex(dialogue, sizeof(dialogue), "28961e71");
}

static void test_ids_are_read_back(void **state)
{
    (void)state;
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES], dialogue[DIALOGUE_HASH_BYTES];
    assert_true(seed_id_parse(str_of(seed_hex), seed));
    assert_hex(seed, sizeof(seed), seed_hex);
    assert_true(caption_id_parse(str_of(caption_text), seed, hash));
    assert_hex(hash, sizeof(hash), "b7314e5e167b845f");
    assert_true(dialogue_id_parse(str_of(dialogue_text), seed, hash, dialogue));
    assert_hex(dialogue, sizeof(dialogue), "28961e71");
}

static void test_other_forms_are_refused(void **state)
{
    (void)state;
    uint8_t seed[SEED_ID_BYTES], hash[CAPTION_HASH_BYTES], dialogue[DIALOGUE_HASH_BYTES];
    static const char *const bad[] = {
        "",
        "-",
        "a84fff2045852c8c0dc17954ef4bfda",
        "a84fff2045852c8c0dc17954ef4bfda7a",
        "A84fff2045852c8c0dc17954ef4bfda7",
        "a84fff2045852c8c0dc17954ef4bfdg7",
        "a84fff20-4585-2c8c-0dc1-7954ef4bfda7",
        "a84fff2045852c8c0dc17954ef4bfda7_b7314e5e167b845f",
        "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845F",
        "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f-",
        "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f-28961e7",
        "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f-28961e7G",
        "a84fff2045852c8c0dc17954ef4bfda7-b7314e5e167b845f+28961e71",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(seed_id_parse(str_of(bad[i]), seed));
        assert_false(caption_id_parse(str_of(bad[i]), seed, hash));
        assert_false(dialogue_id_parse(str_of(bad[i]), seed, hash, dialogue));
    }
}

static void expect_bound(double share, const char *hex)
{
    uint8_t bound[8];
    bool all = true;
    share_bound(share, bound, &all);
    assert_false(all);
    assert_hex(bound, sizeof(bound), hex);
}

static void test_share_bound(void **state)
{
    (void)state;
    expect_bound(0, "0000000000000000");
    expect_bound(-1, "0000000000000000");
    expect_bound((double)NAN, "0000000000000000");
    expect_bound(1e-20, "0000000000000000");
    expect_bound(6e-20, "0000000000000001");
    expect_bound(0.5, "8000000000000000");
    expect_bound(1.0 / 3.0, "5555555555555400");
    expect_bound(171.0 / 1243.0, "2337d03804f16000");
    expect_bound(1 - 0x1p-53, "fffffffffffff800");
    uint8_t bound[8];
    bool all = false;
    share_bound(1, bound, &all);
    assert_true(all);
    assert_hex(bound, sizeof(bound), "ffffffffffffffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_caption_and_dialogue),
        cmocka_unit_test(test_ids_are_read_back),
        cmocka_unit_test(test_other_forms_are_refused),
        cmocka_unit_test(test_share_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
