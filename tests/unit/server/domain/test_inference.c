/* The rules that go with transfers, as steps. What they do is tested over HTTP, against the files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/inference.h"

static const double some = 1;

/* The operations in order, one letter each. */
static const char *letters(const struct transfer *t,
                           void (*write)(const struct transfer *t, struct buf *out))
{
    static const char *const operations[] = {"\"l2_normalise\"", "\"subtract\"", "\"add\"",
                                             "\"multiply\"", "\"add_noise\""};
    static char found[32];
    struct buf out;
    size_t n = 0;
    buf_init(&out, 8192);
    write(t, &out);
    const char *text = buf_z(&out);
    assert_non_null(text);
    for (const char *p = text; (p = strstr(p, "\"operation\":")); p++)
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
            if (strncmp(p + 12, operations[i], strlen(operations[i])) == 0)
                found[n++] = "lsamn"[i];
    found[n] = '\0';
    buf_free(&out);
    return found;
}

static void test_rules(void **state)
{
    (void)state;
    const struct {
        struct transfer t;
        const char *steps, *inference;
        bool own;
    } rows[] = {
        {{.method = TRANSFER_NONE}, "l", "l", false},
        {{.method = TRANSFER_MEAN_SHIFT}, "lsl", "lsl", true},
        {{.method = TRANSFER_MEAN_SHIFT, .raw = true}, "ls", "ls", true},
        {{.method = TRANSFER_MEAN_SHIFT, .image_mean = &some}, "lsal", "l", false},
        {{.method = TRANSFER_MEAN_SHIFT, .image_mean = &some, .raw = true}, "lsa", "l", false},
        {{.method = TRANSFER_REALIGN, .image_mean = &some}, "lsmalsal", "l", false},
        {{.method = TRANSFER_NOISE}, "lnl", "l", false},
        {{.method = TRANSFER_NOISE, .centred = true}, "lsnl", "lsl", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(letters(&rows[i].t, transfer_steps_write), rows[i].steps);
        assert_string_equal(letters(&rows[i].t, transfer_inference_write), rows[i].inference);
        assert_int_equal(transfer_needs_own_images(&rows[i].t), rows[i].own);
    }
}

static void test_constants_are_written_exactly(void **state)
{
    (void)state;
    const struct transfer t = {.method = TRANSFER_NOISE, .sigma = 0.1, .seed = 9007199254740991};
    struct buf out;
    buf_init(&out, 4096);
    transfer_steps_write(&t, &out);
    assert_non_null(strstr(buf_z(&out), "\"sigma\":0.1,\"seed\":9007199254740991"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_constants_are_written_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
