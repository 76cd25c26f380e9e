/* Articles and number of labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/domain/label.h"

static void expect(const char *article, const char *const *labels)
{
    for (; *labels; labels++)
        if (strcmp(label_article(str_of(*labels)), article) != 0)
            fail_msg("\"%s\" has the article \"%s\"", *labels, label_article(str_of(*labels)));
}

static void test_a(void **state)
{
    (void)state;
    static const char *const labels[] = {"dog",
                                         "red apple",
                                         "bus",
                                         "lens",
                                         "glass of water",
                                         "cactus",
                                         "violet",
                                         "Christmas tree",
                                         "species",
                                         "unicorn",
                                         "university",
                                         "used car",
                                         "one-way street",
                                         "eucalyptus",
                                         "ewe",
                                         "house",
                                         "UFO",
                                         "T-shirt",
                                         "TV",
                                         "USB stick",
                                         "bowl of cherries",
                                         "man with glasses",
                                         "walrus",
                                         "mantis",
                                         "happy",
                                         "sadness",
                                         "lily of the valley",
                                         "gas station",
                                         "7-segment display",
                                         "BBQ grill",
                                         "\xc3\xa9meu",
                                         "box of dice",
                                         "theatre",
                                         "Northern cardinal",
                                         NULL};
    expect("a", labels);
}

static void test_an(void **state)
{
    (void)state;
    static const char *const labels[] = {"apple",
                                         "orange cat",
                                         "Eiffel tower model",
                                         "hour glass",
                                         "honest face",
                                         "heirloom tomato",
                                         "umbrella",
                                         "urn",
                                         "urchin",
                                         "uninhabited island",
                                         "X-ray",
                                         "MRI scanner",
                                         "LED lamp",
                                         "SUV",
                                         "8-ball",
                                         "18 wheeler",
                                         "iris bed",
                                         "ATM",
                                         "anger",
                                         "onion",
                                         "ox",
                                         "MP3 player",
                                         "airfield",
                                         NULL};
    expect("an", labels);
}

static void test_none(void **state)
{
    (void)state;
    static const char *const labels[] = {"the Eiffel Tower",
                                         "a dog",
                                         "An owl",
                                         "french fries",
                                         "scissors",
                                         "oysters",
                                         "people",
                                         "children",
                                         "sushi",
                                         "fried rice",
                                         "garlic bread",
                                         "clothing",
                                         "fish and chips",
                                         "mice",
                                         "boots with laces",
                                         "Rolling Stones",
                                         "canterbury bells",
                                         "field mice in a box",
                                         NULL};
    expect("", labels);
}

static void test_bare(void **state)
{
    (void)state;
    static const struct {
        const char *label, *bare;
    } cases[] = {{"the Eiffel Tower", "Eiffel Tower"},
                 {"The  Louvre", "Louvre"},
                 {"An owl", "owl"},
                 {"a", "a"},
                 {"the", "the"},
                 {"Theatre", "Theatre"},
                 {"Big Ben", "Big Ben"},
                 {"another", "another"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str bare = label_bare(str_of(cases[i].label));
        assert_true(str_is(bare, cases[i].bare));
    }
}

static void test_empty(void **state)
{
    (void)state;
    assert_string_equal(label_article(STR("")), "a");
    assert_false(label_is_plural(STR("")));
    assert_int_equal(label_bare(STR("")).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a),    cmocka_unit_test(test_an),    cmocka_unit_test(test_none),
        cmocka_unit_test(test_bare), cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
