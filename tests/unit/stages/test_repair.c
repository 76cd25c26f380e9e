/* The JSON that a model meant, whatever it wrote around it. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/text.h"
#include "stages/repair.h"

enum { OUT_MAX = 8 << 20, ROUNDS = 20000 };

static struct buf text_of_values;

/* All values as strict JSON, divided by a bar; NULL when there are none. */
static const char *read_all(struct str text, bool *repaired)
{
    struct arena *a = arena_new(64 << 20);
    struct repair r = {0};
    struct err e = {0};
    buf_reset(&text_of_values);
    int rc = repair_read(text, a, &r, &e);
    for (const struct node *n = r.values; rc == 0 && n; n = n->next) {
        struct buf one;
        buf_init(&one, OUT_MAX);
        repair_write(n, &one);
        buf_addz(&text_of_values, n == r.values ? "" : "|");
        buf_adds(&text_of_values, buf_str(&one));
        assert_false(one.failed);
        buf_free(&one);
    }
    *repaired = r.repaired;
    arena_free(a);
    assert_true(rc == 0 || e.code != ERR_NONE);
    return rc == 0 ? buf_z(&text_of_values) : NULL;
}

static int setup(void **state)
{
    (void)state;
    buf_init(&text_of_values, OUT_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_free(&text_of_values);
    return 0;
}

#define GOOD "{\"pairs\":[{\"question\":\"What is it?\",\"answer\":\"A dog.\"}]}"

struct repair_case {
    const char *text, *json; /* json NULL: there is nothing to read */
};

static void check_all(const struct repair_case *cases, size_t n, bool repaired)
{
    for (size_t i = 0; i < n; i++) {
        bool mended;
        const char *json = read_all(str_of(cases[i].text), &mended);
        if (!cases[i].json) {
            assert_null(json);
            continue;
        }
        if (!json)
            fail_msg("not read: %s", cases[i].text);
        assert_string_equal(json, cases[i].json);
        if (mended != repaired)
            fail_msg("%s: %s", mended ? "counted as repaired" : "not counted", cases[i].text);
    }
}

static void strict_json_stays_as_it_is(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {GOOD, GOOD},
        {" \n\t" GOOD "\r\n ", GOOD},
        {"{\"a\" : \"x, \\\"y\\\": z\" , \"b\":[ 1, -2.5, true, false, null ] }",
         "{\"a\":\"x, \\\"y\\\": z\",\"b\":[1,-2.5,true,false,null]}"},
        {"{\"a\":\"it's “fine”, // no comment /* here */ # or [here]\"}",
         "{\"a\":\"it's “fine”, // no comment /* here */ # or [here]\"}"},
        {"{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\t\\/\"}", "{\"a\":\"é😀\\n\\t/\"}"},
        {"{\"a\":{\"b\":{}},\"c\":[[],[{}]]}", "{\"a\":{\"b\":{}},\"c\":[[],[{}]]}"},
        {"{\"a\":\"\",\"\":\"x\"}", "{\"a\":\"\",\"\":\"x\"}"},
        {"{\"a\":\"...\",\"b\":\"```\",\"c\":\"{]\"}",
         "{\"a\":\"...\",\"b\":\"```\",\"c\":\"{]\"}"},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), false);
}

static void what_stands_around_the_json_is_left_out(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"```json\n" GOOD "\n```", GOOD},
        {"```\n" GOOD "```", GOOD},
        {"Here you are:\n\n```json\n" GOOD "\n```\nI hope that this helps!", GOOD},
        {"\xef\xbb\xbf" GOOD, GOOD},
        {"<think>A dog, {so} what? {\"pairs\":[{\"no\":1}]}</think>\n" GOOD, GOOD},
        {"a dog, I think.</thinking>" GOOD, GOOD},
        {"<THINK>\n</THINK>\n\n```json\n" GOOD "\n```", GOOD},
        {GOOD "</think>", GOOD},
        {"Sure! [1] The {answer}: " GOOD, GOOD},
        {"data: " GOOD "\n\ndata: [DONE]\n", GOOD},
        {"<|channel|>final<|message|>" GOOD, GOOD},
        {"/* answer */ " GOOD " // done", GOOD},
        {GOOD GOOD, GOOD "|" GOOD},
        {"{\"question\":\"a\"}\n{\"question\":\"b\"}", "{\"question\":\"a\"}|{\"question\":\"b\"}"},
        {GOOD ";", GOOD},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void quotes_of_all_kinds_are_read(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"{'pairs':[{'question':'What is it?','answer':'A dog.'}]}", GOOD},
        {"{“pairs”:[{“question”:“What is it?”,“answer”:“A dog.”}]}", GOOD},
        {"{„pairs“: [{‘question’: ‘What is it?’, `answer`: `A dog.`}]}", GOOD},
        {"{pairs:[{question:\"What is it?\",answer:\"A dog.\"}]}", GOOD},
        {"{pairs: [{question: What is it?, answer: A dog.}]}", GOOD},
        {"{\"a\":\"the sign \"STOP\", and more\",\"b\":\"x\"}",
         "{\"a\":\"the sign \\\"STOP\\\", and more\",\"b\":\"x\"}"},
        {"{'a':'the man's hat, the dogs' toys','b':'x'}",
         "{\"a\":\"the man's hat, the dogs' toys\",\"b\":\"x\"}"},
        {"[{\"a\":[\"x \"y\" z\",\"w\"]}]", "[{\"a\":[\"x \\\"y\\\" z\",\"w\"]}]"},
        {"{\"a\":\"x\ny\tz\"}", "{\"a\":\"x\\ny\\tz\"}"},
        {"{\"a\":\"it\\'s 5\\% \\x \\u12 \\ud800 \\u0000.\"}",
         "{\"a\":\"it's 5% x u12 \xef\xbf\xbd .\"}"},
        {"{'a':'\"','b':\"'\"}", "{\"a\":\"\\\"\",\"b\":\"'\"}"},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void punctuation_is_mended(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"{\"pairs\":[{\"question\":\"What is it?\",\"answer\":\"A dog.\",},],}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\" \"answer\":\"A dog.\"}]}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\"\n\"answer\":\"A dog.\"}]}", GOOD},
        {"{\"pairs\"=[{\"question\"=>\"What is it?\",\"answer\"：\"A dog.\"}]}", GOOD},
        {"{\"pairs\":[,{\"question\":\"What is it?\",,\"answer\":\"A dog.\"}]}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\",\"answer\":\"A dog.\"}}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\",\"answer\":\"A dog.\"]}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\",\"answer\":\"A dog.\"}}]}", GOOD},
        {"{\"pairs\":[{\"question\":\"What is it?\", // first\n\"answer\":/* */\"A dog.\"}, ...]}",
         GOOD},
        {"{\"a\":[{\"b\":1}},{\"b\":2}]}", "{\"a\":[{\"b\":1},{\"b\":2}]}"},
        {"{\"a\":True,\"b\":None,\"c\":NaN,\"d\":-Infinity,\"e\":007}",
         "{\"a\":true,\"b\":null,\"c\":null,\"d\":null,\"e\":\"007\"}"},
        {"{\"a\":,\"b\":1}", "{\"b\":1}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{{\"a\":1}}", "{\"\":{\"a\":1}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_all(&cases[i], 1, strcmp(cases[i].text, "{\"a\":1,\"a\":2}") != 0);
}

static void json_in_strings_is_read(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"\"{\\\"pairs\\\":[{\\\"question\\\":\\\"What is it?\\\",\\\"answer\\\":\\\"A "
         "dog.\\\"}]}\"",
         GOOD},
        {"{\\\"pairs\\\":[{\\\"question\\\":\\\"What is it?\\\",\\\"answer\\\":\\\"A dog.\\\"}]}",
         GOOD},
        {"```\n{\\n  \\\"pairs\\\":[{\\\"question\\\":\\\"What is it?\\\",\\n\\\"answer\\\":"
         "\\\"A dog.\\\"}]}\n```",
         GOOD},
        {"\"" GOOD "\"", GOOD},
        {"'" GOOD "'", GOOD},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void a_cut_answer_keeps_what_was_complete(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"},{\"question\":\"c\",\"ans",
         "{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"},{\"question\":\"c\"}]}"},
        {"{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"},{\"question\":\"c",
         "{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"},{\"question\":\"c\"}]}"},
        {"{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"},", "{\"pairs\":[{\"question\":\"a\","
                                                               "\"answer\":\"b\"}]}"},
        {"{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"", "{\"pairs\":[{\"question\":\"a\","
                                                             "\"answer\":\"b\"}]}"},
        {"{\"a\":\"x\\", "{\"a\":\"x\"}"},
        {"{\"a\":\"x\\u00", "{\"a\":\"xu00\"}"},
        {"{\"pairs\":[", "{\"pairs\":[]}"},
        {"{\"pairs\"", NULL},
        {"{", NULL},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), true);
    struct arena *a = arena_new(1 << 20);
    struct repair r;
    struct err e = {0};
    assert_int_equal(repair_read(str_of(cases[0].text), a, &r, &e), 0);
    const struct node *list = r.values->first;
    assert_true(r.values->cut && list->cut);
    assert_false(list->first->cut);
    assert_true(list->first->next->cut);
    assert_int_equal(list->n, 2);
    arena_free(a);
}

static void what_is_no_json_says_so(void **state)
{
    (void)state;
    static const struct repair_case cases[] = {
        {"", NULL},
        {"   \n", NULL},
        {"I'm sorry, but I can't help with that.", NULL},
        {"{}", NULL},
        {"[]", NULL},
        {"[DONE]", NULL},
        {"null", NULL},
        {"\"just a string\"", NULL},
        {"}{", NULL},
        {"[1, 2, 3]", NULL},
        {"<html><body>502 {Bad} Gateway</body></html>", NULL},
    };
    check_all(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void limits_hold(void **state)
{
    (void)state;
    struct buf b;
    bool repaired;
    buf_init(&b, 8 << 20);
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '[');
    assert_null(read_all(buf_str(&b), &repaired));
    buf_reset(&b);
    buf_addz(&b, "[{\"a\":1}");
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, ",1");
    assert_null(read_all(buf_str(&b), &repaired));
    /* White space to the token limit. */
    buf_reset(&b);
    buf_addz(&b, "{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"}");
    for (int i = 0; i < 1000000; i++)
        buf_addz(&b, i % 80 ? " " : "\n");
    assert_string_equal(read_all(buf_str(&b), &repaired),
                        "{\"pairs\":[{\"question\":\"a\",\"answer\":\"b\"}]}");
    assert_true(repaired);
    /* Behind the limit there is nothing. */
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, "é");
    assert_non_null(read_all(buf_str(&b), &repaired));
    buf_free(&b);
}

/* Randomly damaged answers: whatever comes out is JSON, says only what stood there, and is read as
 * strict JSON when it is read again. */
static const char *const bases[] = {
    GOOD,
    "{\"pairs\":[{\"question\":\"Where is the "
    "“sign”?\",\"options\":{\"A\":\"left\",\"B\":\"right\","
    "\"C\":\"above\",\"D\":\"below\"},\"answer\":\"B\"},{\"question\":\"Why "
    "5?\",\"options\":{\"A\":"
    "\"1\",\"B\":\"2\",\"C\":\"3\",\"D\":\"4\"},\"answer\":\"D\"}]}",
    "Sure!\n```json\n[{'q': 'What’s that?', 'a': None}, {'q': 'Who?', 'a': 'A man, I "
    "think'},]\n```",
    "<think>hm {\"a\":1}</think> \"{\\\"pairs\\\": [{\\\"question\\\": \\\"Is it "
    "\\\\\\\"x\\\\\\\"?\\\","
    "\\\"answer\\\": true}]}\"",
    "{pairs: [{question: Is it so, answer: yes /* sure */}, ...], id: 0x1F, x: -1.5e3 // end\n}",
};
static const char *const tokens[] = {
    "{",    "}",   "[",        "]",  "\"",           "'",  ",",   ":",      "\\",    "\n",
    "\\\"", "“",   "”",        "//", "/*",           "*/", "#",   "...",    "```",   "null",
    "{\"",  "\":", "\",\"",    "}}", "]]",           " ",  "\t",  "\\u00e", "\\ud8", "<think>",
    "NaN",  "é",   "</think>", "😀",  "\xef\xbb\xbf", "=",  "\\n", "-",      "7",     "True",
};

static uint64_t random_state;
static size_t below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (size_t)(random_state % n) : 0;
}

static size_t boundary(struct str s, size_t at)
{
    while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void mutate(struct buf *b)
{
    struct buf out;
    struct str s = buf_str(b);
    size_t at = boundary(s, below(s.n + 1)), end = boundary(s, at + below(12));
    const char *token = tokens[below(sizeof(tokens) / sizeof(tokens[0]))];
    end = end > s.n ? s.n : end;
    buf_init(&out, OUT_MAX);
    buf_add(&out, s.p, at);
    switch (below(4)) {
    case 0:
        buf_addz(&out, token);
        buf_adds(&out, str_from(s, at));
        break;
    case 1:
        buf_adds(&out, str_from(s, end));
        break;
    case 2: /* say it twice */
        buf_adds(&out, (struct str){s.p + at, end - at});
        buf_adds(&out, str_from(s, at));
        break;
    default:
        if (below(4) > 0)
            buf_adds(&out, str_from(s, at));
    }
    buf_free(b);
    *b = out;
}

/* Every run of letters of a text stands in the answer, unless escapes have made it. */
static void check_nothing_made_up(const struct node *n, struct str answer)
{
    for (size_t i = 0; n->type == NODE_TEXT && i < n->text.n; i++) {
        size_t from = i;
        while (i < n->text.n && n->text.p[i] >= 'a' && n->text.p[i] <= 'z')
            i++;
        assert_true(str_find(answer, (struct str){n->text.p + from, i - from}) >= 0);
    }
    for (const struct node *item = n->first; item; item = item->next)
        check_nothing_made_up(item, answer);
}

static void check_read_again(const struct node *n)
{
    struct buf first, second;
    struct repair r;
    struct err e = {0};
    json_error_t error;
    struct arena *a = arena_new(16 << 20);
    buf_init(&first, OUT_MAX);
    buf_init(&second, OUT_MAX);
    repair_write(n, &first);
    json_t *parsed = json_loadb(first.p, first.n, JSON_REJECT_DUPLICATES, &error);
    if (!parsed)
        fail_msg("%s in %s", error.text, buf_z(&first));
    json_decref(parsed);
    assert_int_equal(repair_read(buf_str(&first), a, &r, &e), 0);
    if (r.repaired)
        fail_msg("not strict: %s", buf_z(&first));
    repair_write(r.values, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    buf_free(&first);
    buf_free(&second);
    arena_free(a);
}

static void damaged_answers_come_out_as_json(void **state)
{
    (void)state;
    int read = 0;
    random_state = 0x9e3779b97f4a7c15U;
    struct arena *a = arena_new(16 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        struct buf b;
        struct repair r;
        struct err e = {0};
        buf_init(&b, OUT_MAX);
        buf_addz(&b, bases[below(sizeof(bases) / sizeof(bases[0]))]);
        for (size_t n = 1 + below(8); n > 0; n--)
            mutate(&b);
        assert_true(text_is_valid(buf_str(&b), NULL));
        arena_reset(a);
        if (repair_read(buf_str(&b), a, &r, &e) == 0) {
            read++;
            for (const struct node *n = r.values; n; n = n->next) {
                check_read_again(n);
                if (str_find(buf_str(&b), STR("\\")) < 0)
                    check_nothing_made_up(n, buf_str(&b));
            }
        }
        buf_free(&b);
    }
    arena_free(a);
    assert_true(read > ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_json_stays_as_it_is),
        cmocka_unit_test(what_stands_around_the_json_is_left_out),
        cmocka_unit_test(quotes_of_all_kinds_are_read),
        cmocka_unit_test(punctuation_is_mended),
        cmocka_unit_test(json_in_strings_is_read),
        cmocka_unit_test(a_cut_answer_keeps_what_was_complete),
        cmocka_unit_test(what_is_no_json_says_so),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(damaged_answers_come_out_as_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
