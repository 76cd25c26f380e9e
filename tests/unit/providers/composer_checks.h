/* What every composed text has to satisfy; shared by the composer's tests. */
#ifndef MONOCEROS_TESTS_COMPOSER_CHECKS_H
#define MONOCEROS_TESTS_COMPOSER_CHECKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "providers/offline/composer.h"
#include "server/base/hash.h"
#include "server/base/text.h"

enum { CHECK_WORDS_LEAST = 50, CHECK_WORDS_MOST = 150, CHECK_BYTES = 1 << 16 };

static void fail_with(const char *what, struct str text)
{
    print_error("%s: %.*s\n", what, text.p ? (int)text.n : 0, text.p ? text.p : "");
    fail();
}

static void check_reserved(struct str text)
{
    static const char *const reserved[] = {"<image>", "</s>",    "<s>",        "<|",   "|>",
                                           "[inst]",  "<<sys>>", "assistant:", "user:"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (str_ifind(text, str_of(reserved[i])) >= 0)
            fail_with("reserved string", text);
}

/* Doubled marks and spaces, a missing capital or stop: what shows at a glance. */
static void check_typography(struct str text)
{
    static const char *const marks[] = {"  ", " .", " ,", "..", "{", "}", "[", "|", ".,", ",."};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_find(text, str_of(marks[i])) >= 0)
            fail_with("typography", text);
    if (islower((unsigned char)text.p[0]) ||
        (text.p[text.n - 1] != '.' && text.p[text.n - 1] != '!' && text.p[text.n - 1] != '?'))
        fail_with("first letter or last mark", text);
}

/* Every run of letters and digits of the seed, in any case, is in the caption. */
static void check_words_kept(struct str seed, struct str caption)
{
    size_t i = 0;

    while (i < seed.n) {
        size_t start = i;

        while (i < seed.n &&
               ((unsigned char)seed.p[i] >= 0x80 || isalnum((unsigned char)seed.p[i])))
            i++;
        if (i > start && str_ifind(caption, (struct str){seed.p + start, i - start}) < 0)
            fail_with("lost a word of its seed", caption);
        i += i == start;
    }
}

/* The caption of a seed, checked; the words' limit holds for seeds that leave room for it. */
static void check_caption(struct str seed, const char *salt, int variant, struct buf *out)
{
    struct err e = {0};
    struct str caption;
    size_t words;

    buf_reset(out);
    if (composer_caption(seed, seed, str_of(salt), variant, out, &e) != 0)
        fail_with(e.msg, seed);
    caption = buf_str(out);
    words = text_words(caption);
    assert_true(text_is_valid(caption, NULL));
    check_reserved(caption);
    check_words_kept(seed, caption);
    if (words < CHECK_WORDS_LEAST || (words > CHECK_WORDS_MOST && text_words(seed) < 90))
        fail_with("number of words", caption);
}

static void check_no_leak(const char *turn)
{
    static const char *const leaks[] = {"caption",   "the text",    "description",
                                        "the image", "the passage", "the paragraph",
                                        "is stated", "mentioned",   "according to the"};

    for (size_t i = 0; i < sizeof(leaks) / sizeof(leaks[0]); i++)
        if (str_ifind(str_of(turn), str_of(leaks[i])) >= 0)
            fail_with("names its source", str_of(turn));
    check_reserved(str_of(turn));
    check_typography(str_of(turn));
}

/* At borders of words, in any case: "man" is not in "many". */
static bool has_words(struct str text, struct str words)
{
    ptrdiff_t at;

    for (; (at = str_ifind(text, words)) >= 0; text = str_from(text, (size_t)at + 1)) {
        size_t end = (size_t)at + words.n;
        bool left = at == 0 || !isalnum((unsigned char)text.p[at - 1]);

        if (left && (end == text.n || !isalnum((unsigned char)text.p[end])))
            return true;
    }
    return false;
}

static void check_options(const json_t *pair, struct str caption)
{
    const json_t *options = json_object_get(pair, "options");
    const char *right = json_string_value(json_object_get(pair, "answer"));
    const char *key;
    json_t *value;

    assert_int_equal(json_object_size(options), 4);
    assert_non_null(right);
    assert_non_null(json_object_get(options, right));
    json_object_foreach((json_t *)(uintptr_t)options, key, value)
    {
        bool stated = has_words(caption, str_of(json_string_value(value)));
        const char *other;
        json_t *twin;

        if (stated != (strcmp(key, right) == 0))
            fail_with(json_string_value(value), caption);
        json_object_foreach((json_t *)(uintptr_t)options, other, twin)
            assert_true(strcmp(key, other) == 0 || !json_equal(value, twin));
    }
}

static void check_pairs(const json_t *pairs, enum composer_task task, struct str caption)
{
    size_t n = json_array_size(pairs);
    bool problems = task == COMPOSER_COMPLEX_REASONING;

    assert_in_range(n, problems ? 2 : 6, problems ? 4 : 8);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(pairs, i);
        const json_t *question = json_object_get(pair, "question");

        check_no_leak(json_string_value(question));
        for (size_t k = 0; k < i; k++)
            assert_false(
                json_equal(question, json_object_get(json_array_get(pairs, k), "question")));
        if (task == COMPOSER_MULTIPLE_CHOICE)
            check_options(pair, caption);
        else
            check_no_leak(json_string_value(json_object_get(pair, "answer")));
    }
}

/* The dialogue of a caption, parsed and checked. */
static void check_dialogue(struct str caption, enum composer_task task, const char *salt,
                           struct buf *out)
{
    static const struct composer_form usual;
    struct err e = {0};
    json_error_t bad;
    json_t *root;

    buf_reset(out);
    if (composer_dialogue(caption, task, caption, str_of(salt), &usual, out, &e) != 0)
        fail_with(e.msg, caption);
    root = json_loadb(out->p, out->n, 0, &bad);
    if (!root)
        fail_with(bad.text, buf_str(out));
    check_pairs(json_object_get(root, "pairs"), task, caption);
    json_decref(root);
}

#endif
