/* Uses of keys by the hour: each is counted once, whatever makes room for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "handlers/audit_uses.h"

static const int64_t hour_us = 3600000000;

static struct audit_row use_of(const char *key, int64_t at_us)
{
    struct audit_row row = {.operation = "use_key", .at_us = at_us, .count = 1};
    (void)snprintf(row.key, sizeof(row.key), "%s", key);
    (void)snprintf(row.client, sizeof(row.client), "192.0.2.1");
    (void)snprintf(row.request_id, sizeof(row.request_id), "r");
    return row;
}

static int setup(void **state)
{
    *state = audit_uses_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    audit_uses_free(*state);
    return 0;
}

static void test_an_hour(void **state)
{
    struct audit_row counted, row = use_of("a", 10 * hour_us);
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
    assert_int_equal(counted.count, 0);
    for (int i = 1; i <= 5; i++) {
        row.at_us = 10 * hour_us + i;
        assert_false(audit_uses_note(*state, &row, KEY_USED, &counted));
        assert_int_equal(counted.count, 0);
    }
    assert_false(audit_uses_take(*state, 10, &counted));
    assert_true(audit_uses_take(*state, 11, &counted));
    assert_int_equal(counted.count, 5);
    assert_int_equal(counted.at_us, 10 * hour_us + 5);
    assert_string_equal(counted.key, "a");
    assert_string_equal(counted.client, "");
    assert_string_equal(counted.request_id, "");
    assert_false(audit_uses_take(*state, 11, &counted));
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
}

static void test_the_next_hour_begins_anew(void **state)
{
    struct audit_row counted, row = use_of("a", 0);
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
    assert_false(audit_uses_note(*state, &row, KEY_USED, &counted));
    row.at_us = hour_us;
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
    assert_int_equal(counted.count, 1);
    assert_int_equal(counted.at_us, 0);
}

static void test_one_use_needs_no_second_row(void **state)
{
    struct audit_row counted, row = use_of("a", 0);
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
    assert_false(audit_uses_take(*state, INT64_MAX, &counted));
}

static void test_what_became_of_it_counts_apart(void **state)
{
    struct audit_row counted, row = use_of("a", 0);
    assert_true(audit_uses_note(*state, &row, KEY_USED, &counted));
    assert_true(audit_uses_note(*state, &row, KEY_FORGED, &counted));
    assert_false(audit_uses_note(*state, &row, KEY_FORGED, &counted));
    assert_false(audit_uses_note(*state, &row, KEY_USED, &counted));
}

/* More keys than there is room for: none of their uses is lost, and none is counted twice. */
static void test_many_keys(void **state)
{
    enum { KEYS = 5000, USES = 4 };
    int64_t total = 0;
    struct audit_row counted;
    for (int u = 0; u < USES; u++)
        for (int i = 0; i < KEYS; i++) {
            char id[KEY_ID_CHARS + 1];
            (void)snprintf(id, sizeof(id), "k%d", i);
            struct audit_row row = use_of(id, u);
            total += audit_uses_note(*state, &row, KEY_USED, &counted) ? row.count : 0;
            total += counted.count;
        }
    while (audit_uses_take(*state, INT64_MAX, &counted))
        total += counted.count;
    assert_int_equal(total, KEYS * USES);
}

int main(void)
{
#define WITH_USES(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_USES(test_an_hour),
        WITH_USES(test_the_next_hour_begins_anew),
        WITH_USES(test_one_use_needs_no_second_row),
        WITH_USES(test_what_became_of_it_counts_apart),
        WITH_USES(test_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
