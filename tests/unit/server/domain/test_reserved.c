#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/domain/reserved.h"

/* Alone, at both ends and between other words. */
static void each_is_found_anywhere(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        "<image>", "</s>", "<s>", "<|", "|>", "ASSISTANT:", "USER:", "[INST]", "[/INST]", "<<SYS>>",
    };
    static const char *const places[] = {"%s", "%s a dog", "a dog %s", "a dog%sruns", "R: %s |"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
            char text[64];
            const char *hole = strstr(places[k], "%s");
            (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - places[k]), places[k],
                           reserved[i], hole + 2);
            assert_string_equal(reserved_string(str_of(text)), reserved[i]);
        }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "A dog.",   "a < b | c > d",   "[INST", "<im age>", "ASSISTANT :", "USER",
        ": R: T: A:", "User: no", "assistant: nor ", "| >",   "</S>",     "<",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_null(reserved_string(str_of(texts[i])));
    assert_null(reserved_string((struct str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_anywhere),
        cmocka_unit_test(others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
