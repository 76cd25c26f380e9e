/* Which captions are meant when a request does not say all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/caption_filter.h"

static void check(struct caption_filter f, bool picked, const char *outcome)
{
    assert_int_equal(caption_filter_picked(&f), picked);
    assert_true(str_is(caption_filter_outcome(&f), outcome));
}

static void test_the_default_view_unless_it_may_lack_what_is_asked_for(void **state)
{
    (void)state;
    check((struct caption_filter){0}, true, "usable");
    check((struct caption_filter){.outcome = STR("usable")}, true, "usable");
    check((struct caption_filter){.verdict = STR("none")}, true, "usable");
    check((struct caption_filter){.run = STR("x")}, false, "usable");
    check((struct caption_filter){.recipe = STR("x")}, false, "usable");
    check((struct caption_filter){.outcome = STR("any")}, false, "any");
    check((struct caption_filter){.outcome = STR("dropped")}, false, "dropped");
    check((struct caption_filter){.outcome = STR("rejected")}, false, "rejected");
}

static void test_a_verdict_is_shown_whatever_the_outcome(void **state)
{
    (void)state;
    check((struct caption_filter){.verdict = STR("rejected")}, false, "any");
    check((struct caption_filter){.verdict = STR("accepted")}, false, "any");
    check((struct caption_filter){.verdict = STR("accepted"), .outcome = STR("usable")}, false,
          "usable");
    check((struct caption_filter){.verdict = STR("none"), .outcome = STR("dropped")}, false,
          "dropped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_default_view_unless_it_may_lack_what_is_asked_for),
        cmocka_unit_test(test_a_verdict_is_shown_whatever_the_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
