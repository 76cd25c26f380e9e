/* What a provider allows: the window and its sharing, limits a minute, settings; and how it tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "providers/engine.h"
#include "server/base/clock.h"
#include "tests/unit/providers/upstream_calls.h"

static void test_window_is_shared(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.max_in_flight = 10});
    struct seat other = {0};

    (void)state;
    upstream_join(u, &other, NULL);
    for (int i = 0; i < 10; i++)
        assert_true(upstream_hold(u, &seat, second));
    assert_false(upstream_hold(u, &seat, second));
    assert_int_equal(upstream_room(u, &other, second), 0);
    /* What comes free goes to the one that has less, up to its part. */
    for (int i = 0; i < 5; i++) {
        upstream_release(u, &seat);
        assert_int_equal(upstream_room(u, &seat, second), i < 5 && seat.held >= 5 ? 0 : 1);
        assert_true(upstream_hold(u, &other, second));
        assert_int_equal(upstream_room(u, &other, second), 0);
    }
    upstream_release(u, &seat);
    assert_true(upstream_hold(u, &seat, second));
    /* Nobody waits for one that has not asked for a while. */
    upstream_release(u, &other);
    assert_true(upstream_hold(u, &seat, 2 * second));
    upstream_leave(u, &other);
    unmade(u);
}

/* With one call at a time, two engines take turns. */
static void test_turns(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.max_in_flight = 1});
    struct err e = {0};
    struct engine *mine = engine_new(&e), *yours = engine_new(&e);
    struct seat other = {0}, *turn[2] = {&seat, &other};
    struct permit p, q;
    int64_t again, now = second;

    (void)state;
    seat.engine = mine;
    upstream_join(u, &other, yours);
    assert_true(upstream_take(u, turn[0], -1, 100, now, &p, &again));
    for (int i = 0; i < 10; i++) {
        struct seat *has = turn[i % 2], *waits = turn[(i + 1) % 2];
        struct outcome o = {.verdict = &good, .now_us = now += 5000, .sent = true};
        assert_false(upstream_take(u, waits, -1, 100, now, &q, &again));
        upstream_give(u, has, &p, &o, 100);
        assert_false(upstream_take(u, has, -1, 100, now, &q, &again));
        assert_true(upstream_take(u, waits, -1, 100, now, &p, &again));
    }
    /* One that does not come for its turn is not waited for. */
    struct outcome o = {.verdict = &good, .now_us = now, .sent = true};
    upstream_give(u, turn[0], &p, &o, 100);
    assert_true(upstream_take(u, turn[0], -1, 100, now + second, &p, &again));
    upstream_leave(u, &other);
    engine_free(mine);
    engine_free(yours);
    unmade(u);
}

static int takes_within(struct upstream *u, int64_t from, int64_t until)
{
    struct permit p;
    int64_t again = from;
    int n = 0;

    for (int64_t at = from; at < until; at += 1000)
        while (at >= again && take(u, at, &p, &again)) {
            give(u, &p, &good, at);
            n++;
        }
    return n;
}

static void test_limits(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.rpm = 600});
    struct upstream_limits l = {.rpm = 120, .max_in_flight = 4};
    int64_t now = clock_us() + second;

    (void)state;
    assert_in_range(takes_within(u, now, now + 60 * second), 590, 640);
    upstream_set_limits(u, &l, 1);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 118, 130);
    assert_int_equal(upstream_room(u, &seat, now), 4);
    upstream_set_limits(u, &l, 2);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 59, 66);
    assert_int_equal(upstream_room(u, &seat, now), 4);
    /* Tokens: 100 a call. */
    l = (struct upstream_limits){.rpm = 100000, .tpm = 30000};
    upstream_set_limits(u, &l, 1);
    now += 3600 * second;
    assert_in_range(takes_within(u, now, now + 60 * second), 295, 320);
    unmade(u);
}

static json_t *described(struct upstream *u)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    buf_addc(&out, '{');
    upstream_describe(u, NULL, NULL, &out);
    buf_addc(&out, '}');
    assert_null(memmem(out.p, out.n, "sk-0123456789", 13));
    json_t *root = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    buf_free(&out);
    assert_non_null(root);
    return root;
}

static const char *text_at(const json_t *root, const char *a, const char *b, const char *c)
{
    const json_t *at = json_object_get(root, a);

    if (json_is_array(at))
        at = json_array_get(at, 0);
    if (b)
        at = json_object_get(at, b);
    if (c)
        at = json_object_get(at, c);
    const char *text = json_string_value(at);
    return text ? text : "";
}

static void test_describe(void **state)
{
    struct upstream *u = made(&(struct upstream_settings){.rpm = 60, .api_key = "sk-0123456789"});
    struct upstream_limits l = {.max_in_flight = 7};
    struct verdict stop = fault(VERDICT_STOP, FAULT_NONE, -1);
    struct permit p;
    int64_t again;

    (void)state;
    json_t *root = described(u);
    assert_string_equal(text_at(root, "state", NULL, NULL), "ok");
    assert_string_equal(text_at(root, "endpoints", "binding", NULL), "idle");
    assert_string_equal(text_at(root, "limits", "rpm", "set_by"), "config");
    assert_null(json_object_get(json_object_get(root, "limits"), "tpm"));
    json_decref(root);
    upstream_set_limits(u, &l, 3);
    int64_t now = clock_us();
    assert_true(take(u, now, &p, &again));
    root = described(u);
    assert_string_equal(text_at(root, "limits", "max_in_flight", "set_by"), "operator");
    assert_string_equal(text_at(root, "limits", "rpm", "set_by"), "replicas");
    json_decref(root);
    give(u, &p, &stop, now + second);
    root = described(u);
    assert_string_equal(text_at(root, "state", NULL, NULL), "stopped");
    assert_string_equal(text_at(root, "reason", NULL, NULL), "llm: HTTP 500: boom");
    assert_string_equal(text_at(root, "endpoints", "binding", NULL), "stopped");
    json_decref(root);
    unmade(u);
}

static void test_settings_are_checked(void **state)
{
    static const struct {
        const char *url, *key;
        bool ok;
    } cases[] = {
        {"http://localhost:8000/v1", NULL, true},
        {"https://[::1]:8000/v1", "sk-abc", true},
        {"http://a/v1,http://b/v1", NULL, true},
        {"ftp://localhost/v1", NULL, false},
        {"http://a/v1 ftp://localhost/v1", NULL, false},
        {"file:///etc/passwd", NULL, false},
        {"http://user:secret@localhost/v1", NULL, false},
        {"http://localhost/v1?x=1", NULL, false},
        {"not a url", NULL, false},
        {" , ", NULL, false},
        {"http://localhost/v1", "sk\r\nX-Evil: 1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct upstream_settings s = {
            .name = "llm", .urls = cases[i].url, .path = "/x", .api_key = cases[i].key};
        struct err e = {0};
        struct upstream *u = upstream_new(&s, &e);
        assert_int_equal(u != NULL, cases[i].ok);
        assert_int_equal(e.code == ERR_NONE, cases[i].ok);
        upstream_unref(u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_is_shared),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
