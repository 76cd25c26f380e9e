/* Compressed bodies: members in a row, and every way to be damaged or cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "handlers/import_stream.h"

struct source {
    const unsigned char *p;
    size_t n, at, step;
};

static ptrdiff_t read_source(void *arg, void *out, size_t n, struct err *e)
{
    struct source *s = arg;
    (void)e;
    size_t take = s->n - s->at;
    take = take < s->step ? take : s->step;
    take = take < n ? take : n;
    memcpy(out, s->p + s->at, take);
    s->at += take;
    return (ptrdiff_t)take;
}

static size_t compress_member(const char *text, size_t n, unsigned char *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)n;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = room - z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return used;
}

/* The number of bytes read, or -1; `out` gets them. */
static ptrdiff_t run(struct source s, bool gzip, struct buf *out, struct err *e)
{
    struct import_stream *stream = calloc(1, sizeof(*stream));
    char chunk[17];
    ptrdiff_t n;
    assert_non_null(stream);
    assert_int_equal(import_stream_open(stream, gzip, e), 0);
    stream->read = read_source;
    stream->arg = &s;
    while ((n = import_stream_read(stream, chunk, sizeof(chunk), e)) > 0)
        buf_add(out, chunk, (size_t)n);
    import_stream_close(stream);
    free(stream);
    return n < 0 ? -1 : (ptrdiff_t)out->n;
}

static const char text[] = "one line\nanother line, somewhat longer than the first\nthe last\n";

static void test_plain(void **state)
{
    (void)state;
    struct buf out;
    struct err e = {0};
    buf_init(&out, 10000);
    struct source s = {(const unsigned char *)text, sizeof(text) - 1, 0, 5};
    assert_int_equal(run(s, false, &out, &e), sizeof(text) - 1);
    assert_string_equal(buf_z(&out), text);
    buf_free(&out);
}

static void test_members_in_a_row(void **state)
{
    (void)state;
    unsigned char z[4096];
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        n += compress_member(text, sizeof(text) - 1, z + n, sizeof(z) - n);
    for (size_t step = 1; step < n + 2; step += 13) {
        struct buf out;
        struct err e = {0};
        buf_init(&out, 10000);
        assert_int_equal(run((struct source){z, n, 0, step}, true, &out, &e),
                         3 * (sizeof(text) - 1));
        assert_int_equal(e.code, ERR_NONE);
        buf_free(&out);
    }
}

static void test_every_cut_is_noticed(void **state)
{
    (void)state;
    unsigned char z[4096];
    size_t n = compress_member(text, sizeof(text) - 1, z, sizeof(z));
    for (size_t cut = 0; cut < n; cut++) {
        struct buf out;
        struct err e = {0};
        buf_init(&out, 10000);
        assert_int_equal(run((struct source){z, cut, 0, 7}, true, &out, &e), -1);
        assert_int_equal(e.code, ERR_IMPORT_BROKEN);
        assert_true(out.n < sizeof(text));
        buf_free(&out);
    }
}

static void test_damage_is_noticed(void **state)
{
    (void)state;
    unsigned char z[4096];
    size_t n = compress_member(text, sizeof(text) - 1, z, sizeof(z));
    const size_t places[] = {0, 2, n - 8, n - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct buf out;
        struct err e = {0};
        buf_init(&out, 10000);
        z[places[i]] ^= 0x55;
        assert_int_equal(run((struct source){z, n, 0, 7}, true, &out, &e), -1);
        assert_int_equal(e.code, ERR_IMPORT_BROKEN);
        z[places[i]] ^= 0x55;
        buf_free(&out);
    }
}

static void test_garbage_behind_a_member(void **state)
{
    (void)state;
    unsigned char z[4096];
    size_t n = compress_member(text, sizeof(text) - 1, z, sizeof(z));
    memcpy(z + n, "junk", 4);
    struct buf out;
    struct err e = {0};
    buf_init(&out, 10000);
    assert_int_equal(run((struct source){z, n + 4, 0, 64}, true, &out, &e), -1);
    assert_int_equal(e.code, ERR_IMPORT_BROKEN);
    assert_int_equal(out.n, sizeof(text) - 1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_members_in_a_row),
        cmocka_unit_test(test_every_cut_is_noticed),
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_garbage_behind_a_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
