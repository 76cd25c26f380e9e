/* Page tokens lead back to their key, and to it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/page.h"
#include "tests/unit/handlers/fake_request.h"

#define KEY   "3|0123456789abcdef0123456789abcdef"
#define FIRST "-1|00000000000000000000000000000000"

/* The token for KEY of list_seeds of `dataset`, with a source or without. */
static void make_token(const char *dataset, const char *source, char out[200])
{
    struct fake f;
    fake_begin(&f, "list_seeds", dataset);
    if (source)
        fake_query(&f, "source", source, 0);
    page_write_token(&f.q, STR(KEY));
    struct str b = buf_str(&f.q.res.body);
    const struct str prefix = STR("\"next_page_token\":\"");
    assert_true(str_starts(b, prefix));
    size_t n = b.n - prefix.n - 1;
    assert_true(n < 200);
    memcpy(out, b.p + prefix.n, n);
    out[n] = '\0';
    fake_end(&f);
}

static bool reads(const char *operation, const char *dataset, const char *source, const char *token)
{
    struct fake f;
    struct err e = {0};
    fake_begin(&f, operation, dataset);
    if (source)
        fake_query(&f, "source", source, 0);
    fake_query(&f, "page_token", token, 0);
    const struct page *p = page_read(&f.q, "nu", FIRST, 100, &e);
    if (p) {
        assert_int_equal(p->n_parts, 2);
        assert_string_equal(p->parts[0], "3");
        assert_string_equal(p->parts[1], "0123456789abcdef0123456789abcdef");
    } else {
        assert_int_equal(e.code, ERR_PARAMETER);
        assert_string_equal(e.fields[0].pointer, "?page_token");
    }
    fake_end(&f);
    return p != NULL;
}

static void test_first_page(void **state)
{
    (void)state;
    struct fake f;
    struct err e = {0};
    fake_begin(&f, "list_seeds", "streets");
    const struct page *p = page_read(&f.q, "nu", FIRST, 100, &e);
    assert_non_null(p);
    assert_int_equal(p->size, 100);
    assert_string_equal(p->parts[0], "-1");
    fake_query(&f, "page_size", "7", 7);
    p = page_read(&f.q, "nu", FIRST, 100, &e);
    assert_non_null(p);
    assert_int_equal(p->size, 7);
    assert_ptr_equal(f.state.data, p);
    fake_end(&f);
}

static void test_token_belongs_to_its_list(void **state)
{
    (void)state;
    char plain[200], filtered[200];
    make_token("streets", NULL, plain);
    make_token("streets", "web", filtered);
    assert_string_not_equal(plain, filtered);
    assert_true(reads("list_seeds", "streets", NULL, plain));
    assert_true(reads("list_seeds", "streets", "web", filtered));
    assert_false(reads("list_seeds", "streets", "web", plain));
    assert_false(reads("list_seeds", "streets", NULL, filtered));
    assert_false(reads("list_seeds", "streets", "we", filtered));
    assert_false(reads("list_seeds", "other", NULL, plain));
    assert_false(reads("list_captions", "streets", NULL, plain));
}

static void test_altered_tokens(void **state)
{
    (void)state;
    char token[200], bad[204];
    make_token("streets", NULL, token);
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++) {
        memcpy(bad, token, n + 1);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_false(reads("list_seeds", "streets", NULL, bad));
        memcpy(bad, token, n + 1);
        bad[i] = '\0';
        assert_false(reads("list_seeds", "streets", NULL, bad));
    }
    memcpy(bad, token, n);
    memcpy(bad + n, "AAA", 4);
    assert_false(reads("list_seeds", "streets", NULL, bad));
}

/* A key that this program did not make, under a binding that is right. */
static bool accepts_key(const char *forms, const char *key)
{
    struct fake f;
    struct err e = {0};
    char token[400];
    fake_begin(&f, "list_seeds", "streets");
    page_write_token(&f.q, str_of(key));
    struct str b = str_from(buf_str(&f.q.res.body), strlen("\"next_page_token\":\""));
    assert_true(b.n < sizeof(token));
    memcpy(token, b.p, b.n - 1);
    token[b.n - 1] = '\0';
    fake_query(&f, "page_token", token, 0);
    bool ok = page_read(&f.q, forms, FIRST, 100, &e) != NULL;
    fake_end(&f);
    return ok;
}

static void test_forged_keys_have_the_right_form(void **state)
{
    (void)state;
    assert_true(accepts_key("nu", "65535|01234567-89ab-cdef-0123-456789abcdef"));
    assert_false(accepts_key("nu", "65536|0123456789abcdef0123456789abcdef"));
    assert_false(accepts_key("nu", "x|0123456789abcdef0123456789abcdef"));
    assert_false(accepts_key("nu", "1|0123456789abcdef0123456789abcde"));
    assert_false(accepts_key("nu", "1|0123456789abcdef0123456789abcdeg"));
    assert_false(accepts_key("nu", "1"));
    assert_false(accepts_key("nu", ""));
    assert_true(accepts_key("s", "32767"));
    assert_false(accepts_key("s", "32768"));
    assert_false(accepts_key("s", "-1"));
    assert_true(accepts_key("q", "9223372036854775807"));
    assert_false(accepts_key("q", "9223372036854775808"));
    assert_true(accepts_key("xt", "00ff|a text | with bars"));
    assert_false(accepts_key("xt", "0ff|text"));
    assert_false(accepts_key("xt", "00ff|\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_page),
        cmocka_unit_test(test_token_belongs_to_its_list),
        cmocka_unit_test(test_altered_tokens),
        cmocka_unit_test(test_forged_keys_have_the_right_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
