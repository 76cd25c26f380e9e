/* The offline composer over whole lists of seeds: ours, and a public one where it is at hand. */
#include "tests/unit/providers/composer_checks.h"

#include <zlib.h>

enum { SEEDS_MAX = 60000, LINE_MAX_BYTES = 4096 };

struct row {
    uint64_t caption, seed; /* digests */
};

struct corpus {
    size_t n, letters[4], answers;
    struct row *rows;
    struct buf caption, dialogue;
};

static char *path_from_root(const char *relative)
{
    static char path[4096];
    const char *file = __FILE__, *root = strstr(file, "tests/unit/");

    assert_non_null(root);
    assert_in_range(snprintf(path, sizeof(path), "%.*s%s", (int)(root - file), file, relative), 1,
                    sizeof(path) - 1);
    return path;
}

static int by_caption(const void *a, const void *b)
{
    uint64_t x = ((const struct row *)a)->caption, y = ((const struct row *)b)->caption;

    return (x > y) - (x < y);
}

static void note_letters(struct corpus *c)
{
    struct str rest = buf_str(&c->dialogue), mark = STR("\"answer\":\"");
    ptrdiff_t at;

    while ((at = str_find(rest, mark)) >= 0) {
        rest = str_from(rest, (size_t)at + mark.n);
        c->letters[rest.p[0] - 'A']++;
        c->answers++;
    }
}

static void compose_line(struct corpus *c, struct str seed)
{
    enum composer_task task = (enum composer_task)(c->n % 3);

    assert_true(c->n < SEEDS_MAX);
    check_caption(seed, "corpus", 0, &c->caption);
    c->rows[c->n].seed = hash_choice(STR("text"), seed);
    c->rows[c->n++].caption = hash_choice(STR("text"), buf_str(&c->caption));
    check_dialogue(buf_str(&c->caption), task, "corpus", &c->dialogue);
    if (task == COMPOSER_MULTIPLE_CHOICE)
        note_letters(c);
}

static void check_corpus(struct corpus *c)
{
    qsort(c->rows, c->n, sizeof(c->rows[0]), by_caption);
    for (size_t i = 1; i < c->n; i++)
        assert_true(c->rows[i].caption != c->rows[i - 1].caption ||
                    c->rows[i].seed == c->rows[i - 1].seed);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(c->letters[i] * 100, c->answers * 15, c->answers * 35);
    print_message("%zu seeds\n", c->n);
}

static void run(const char *path)
{
    gzFile file = gzopen(path, "rb");
    struct corpus c = {.rows = calloc(SEEDS_MAX, sizeof(struct row))};
    char line[LINE_MAX_BYTES];

    if (!file) {
        free(c.rows);
        print_message("skipped: no %s\n", path);
        skip();
    }
    assert_non_null(c.rows);
    buf_init(&c.caption, CHECK_BYTES);
    buf_init(&c.dialogue, CHECK_BYTES);
    while (gzgets(file, line, sizeof(line))) {
        struct str seed = str_trim(str_of(line));

        if (seed.n > 0)
            compose_line(&c, seed);
    }
    gzclose(file);
    check_corpus(&c);
    buf_free(&c.caption);
    buf_free(&c.dialogue);
    free(c.rows);
}

static void our_seeds(void **state)
{
    (void)state;
    run(path_from_root("examples/seeds.txt"));
}

static void public_seeds(void **state)
{
    (void)state;
    run(path_from_root("../shared/data/seeds-flickr8k-24k.txt.gz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_seeds),
        cmocka_unit_test(public_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
