/* The sets that ship keep their promises; forms of labels; the choice of templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/hash.h"
#include "server/domain/seed_templates.h"

enum { TEMPLATES_LEAST = 16, EVERY_TEMPLATE_MAX = 1000 };

/* What names the domain: each template of the set has one of these. */
static const struct {
    const char *set;
    const char *words[12];
} domain_words[] = {
    {"algae", {"alga", "seaweed"}},
    {"amphibians", {"amphibian"}},
    {"animals", {"animal"}},
    {"arachnids", {"arachnid"}},
    {"art", {"painting", "painted", "canvas", "art", "museum"}},
    {"artists", {"painting", "painted", "artist", "drawing", "canvas"}},
    {"birds", {"bird"}},
    {"clothing", {"cloth", "outfit", "mannequin", "dress"}},
    {"faces", {"face", "facial"}},
    {"fish", {"fish"}},
    {"flowers", {"flower"}},
    {"food", {"food", "dish", "meal", "plate", "dinner", "lunch", "cook", "eating"}},
    {"fungi", {"fung", "mushroom"}},
    {"genres", {"painting"}},
    {"home", {"home", "household"}},
    {"insects", {"insect"}},
    {"landmarks", {"landmark"}},
    {"mammals", {"mammal"}},
    {"mollusks", {"mollusk"}},
    {"objects", {"object"}},
    {"office", {"office"}},
    {"places", {"place"}},
    {"plants", {"plant", "garden", "herbarium"}},
    {"protozoa", {"protozoa"}},
    {"reptiles", {"reptile"}},
    {"scenes", {"scene"}},
    {"vehicles", {"vehicle"}},
};
enum { SETS = sizeof(domain_words) / sizeof(domain_words[0]) };

static bool names_the_domain(size_t set, const char *template)
{
    for (size_t i = 0; i < 12 && domain_words[set].words[i]; i++)
        if (str_ifind(str_of(template), str_of(domain_words[set].words[i])) >= 0)
            return true;
    return false;
}

static void check_template(size_t set, const char *template)
{
    struct str t = str_of(template);
    if (seed_template_fault(t))
        fail_msg("\"%s\" %s", template, seed_template_fault(t));
    if (!names_the_domain(set, template))
        fail_msg("\"%s\" does not name its domain", template);
    if (str_find(t, STR("{domain}")) >= 0 || t.p[t.n - 1] != '.' || str_find(t, STR("  ")) >= 0 ||
        !((t.p[0] >= 'A' && t.p[0] <= 'Z') || t.p[0] == '{'))
        fail_msg("\"%s\" is not a sentence", template);
}

static void test_sets_that_ship(void **state)
{
    (void)state;
    const char *seen[EVERY_TEMPLATE_MAX];
    size_t n_seen = 0, n_sets = 0;
    for (; seed_template_sets[n_sets]; n_sets++) {
        const struct seed_template_set *s = seed_template_sets[n_sets];
        assert_true(n_sets < SETS);
        assert_string_equal(s->name, domain_words[n_sets].set);
        assert_ptr_equal(seed_template_set_find(str_of(s->name)), s);
        size_t n = 0;
        for (; s->templates[n]; n++) {
            check_template(n_sets, s->templates[n]);
            for (size_t i = 0; i < n_seen; i++)
                assert_string_not_equal(seen[i], s->templates[n]);
            assert_true(n_seen < EVERY_TEMPLATE_MAX);
            seen[n_seen++] = s->templates[n];
        }
        assert_in_range(n, TEMPLATES_LEAST, SEED_TEMPLATES_MAX);
    }
    assert_int_equal(n_sets, SETS);
    assert_null(seed_template_set_find(STR("Food")));
}

/* A released set never changes. The hash is over the texts of all; a new set changes it as well,
 * and then it is put here anew. */
static void test_released_texts_stay(void **state)
{
    (void)state;
    struct buf all;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    buf_init(&all, 1 << 20);
    for (size_t i = 0; seed_template_sets[i]; i++)
        for (size_t k = 0; seed_template_sets[i]->templates[k]; k++) {
            buf_addz(&all, seed_template_sets[i]->templates[k]);
            buf_addc(&all, '\n');
        }
    sha256(buf_str(&all), digest);
    hex_encode(digest, 8, hex);
    assert_string_equal(hex, "51c956ed78395b46");
    buf_free(&all);
}

static void expect(const char *template, const char *label, const char *seed)
{
    struct buf b;
    buf_init(&b, 4096);
    assert_null(seed_template_fault(str_of(template)));
    seed_template_render(str_of(template), str_of(label), STR("pets"), &b);
    assert_string_equal(buf_z(&b), seed);
    buf_free(&b);
}

static void test_forms(void **state)
{
    (void)state;
    expect("A photo of {label}.", "corgi", "A photo of corgi.");
    expect("{Label}, {label}.", "corgi", "Corgi, corgi.");
    expect("{a label} and {A label}", "apple", "an apple and An apple");
    expect("{A label} on a table.", "french fries", "French fries on a table.");
    expect("{A label} at night.", "the Eiffel Tower", "The Eiffel Tower at night.");
    expect("The landmark {name}.", "the Eiffel Tower", "The landmark Eiffel Tower.");
    expect("{Label}{name}", "\xc3\xa9meu", "\xc3\xa9meu\xc3\xa9meu");
    expect("{A label}, {domain}.", "corgi", "A corgi, pets.");
}

static void test_faults(void **state)
{
    (void)state;
    assert_non_null(seed_template_fault(STR("")));
    assert_non_null(seed_template_fault(STR("no form")));
    assert_non_null(seed_template_fault(STR("{domain} alone")));
    assert_non_null(seed_template_fault(STR("{label")));
    assert_non_null(seed_template_fault(STR("label} {label}")));
    assert_non_null(seed_template_fault(STR("{label} {LABEL}")));
    assert_non_null(seed_template_fault(STR("{{label}}")));
    assert_null(seed_template_fault(STR("{a label}")));
}

static void test_choice(void **state)
{
    (void)state;
    static const struct str templates[] = {{"{label} one", 11},
                                           {"{label} two", 11},
                                           {"{label} three", 13},
                                           {"{label} four", 12},
                                           {"{label} five", 12}};
    static const size_t expected[] = {2, 4, 0, 1, 3};
    size_t whole[5], part[5];
    assert_true(
        seed_templates_choose(templates, 5, 5, STR("food"), STR("pad thai"), STR("s"), whole));
    assert_memory_equal(whole, expected, sizeof(expected));
    for (size_t k = 0; k <= 5; k++) {
        assert_true(
            seed_templates_choose(templates, 5, k, STR("food"), STR("pad thai"), STR("s"), part));
        assert_memory_equal(part, whole, k * sizeof(whole[0]));
    }
}

/* Another domain, label or salt is another choice for most. */
static void test_choice_depends_on_all(void **state)
{
    (void)state;
    struct str templates[20];
    static char texts[20][16];
    size_t base[10], other[3][10];
    for (size_t i = 0; i < 20; i++) {
        texts[i][0] = (char)('a' + i);
        templates[i] = (struct str){texts[i], 1};
    }
    assert_true(seed_templates_choose(templates, 20, 10, STR("d"), STR("l"), STR(""), base));
    assert_true(seed_templates_choose(templates, 20, 10, STR("e"), STR("l"), STR(""), other[0]));
    assert_true(seed_templates_choose(templates, 20, 10, STR("d"), STR("m"), STR(""), other[1]));
    assert_true(seed_templates_choose(templates, 20, 10, STR("d"), STR("l"), STR("t"), other[2]));
    for (size_t i = 0; i < 3; i++)
        assert_memory_not_equal(base, other[i], sizeof(base));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_that_ship), cmocka_unit_test(test_released_texts_stay),
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_faults),
        cmocka_unit_test(test_choice),         cmocka_unit_test(test_choice_depends_on_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
