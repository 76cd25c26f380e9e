/* What the presets say of paragraphs that people wrote: 1,500 of them, each the five captions of
 * one picture, the first taken for the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "server/base/text.h"
#include "server/domain/settings.h"
#include "stages/filters/filters.h"

enum { LINE_BYTES_MAX = 8192 };

static const char paragraphs[] = "../shared/data/paragraphs-flickr8k.txt.gz";

struct tally {
    int n, dropped, flagged;
    int by[FILTER_COUNT][2]; /* flagged, dropped */
};

static gzFile open_paragraphs(void)
{
    static char path[4096];
    const char *file = __FILE__, *root = strstr(file, "tests/unit/");
    assert_non_null(root);
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)(root - file), file, paragraphs);
    gzFile f = gzopen(path, "rb");
    if (!f) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    return f;
}

static void count(struct tally *t, const struct filter_verdict *v)
{
    t->n++;
    t->flagged += v->hits != 0;
    if (v->dropped != FILTER_COUNT) {
        t->dropped++;
        t->by[v->dropped][1]++;
    }
    for (unsigned i = 0; i < FILTER_COUNT; i++)
        t->by[i][0] += (int)((v->hits >> i) & 1);
}

static void judge_line(const struct filter_settings *s, const struct gram_set *instructions,
                       struct str line, struct tally *t)
{
    struct arena *a = arena_new(1 << 20);
    struct str text = text_normalise(a, str_trim(line));
    ptrdiff_t end = str_find(text, STR(". "));
    struct str seed = {text.p, end > 0 ? (size_t)end + 1 : text.n};
    const struct caption_text c = {line, text, seed, STR("stop"), instructions};
    struct filter_verdict v;
    struct words words;
    assert_int_equal(words_split(text, &words), 0);
    assert_int_equal(filters_judge(s, &words, &c, &v), 0);
    count(t, &v);
    words_free(&words);
    arena_free(a);
}

static void print_tally(const char *preset, const struct tally *t)
{
    print_message("%s: %.2f %% of %d dropped, %.2f %% flagged\n", preset, 100.0 * t->dropped / t->n,
                  t->n, 100.0 * t->flagged / t->n);
    for (int i = 0; i < FILTER_COUNT; i++)
        if (t->by[i][0] + t->by[i][1] > 0)
            print_message("  %-16s %3d dropped, %3d flagged\n", filter_rows[i].name, t->by[i][1],
                          t->by[i][0]);
}

static void judge_all(enum filter_preset preset, struct tally *t)
{
    char line[LINE_BYTES_MAX];
    struct filter_settings s;
    struct arena *a = arena_new(1 << 20);
    const struct prompt *p = prompt_find(STR("captions"), STR("dense-v1"));
    const struct str texts[] = {str_of(p->system), str_of(p->template)};
    gzFile f = open_paragraphs();
    filters_preset(preset, &s);
    const struct gram_set *instructions =
        gram_set_new(texts, 2, (size_t)s.of[FILTER_ECHO].param[0], a);
    assert_non_null(instructions);
    while (gzgets(f, line, sizeof(line)))
        judge_line(&s, instructions, str_of(line), t);
    gzclose(f);
    arena_free(a);
    assert_true(t->n >= 1500);
    print_tally(filter_presets[preset], t);
}

static void people_are_not_dropped(void **state)
{
    (void)state;
    struct tally paper = {0}, standard = {0}, strict = {0};
    judge_all(PRESET_PAPER, &paper);
    judge_all(PRESET_STANDARD, &standard);
    judge_all(PRESET_STRICT, &strict);
    assert_int_equal(paper.dropped + paper.flagged, 0);
    assert_true(standard.dropped * 50 < standard.n);
    assert_true(strict.dropped * 10 < strict.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(people_are_not_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
