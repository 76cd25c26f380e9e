/* Which samples the trainers can take as they are. */
#include "server/domain/tokens.h"
#include "tests/unit/stages/export_samples.h"

#define HUMAN(value) "{\"from\":\"human\",\"value\":\"" value "\"}"
#define GPT(value)   "{\"from\":\"gpt\",\"value\":\"" value "\"}"
#define ASK          HUMAN("<image>\\nWhat runs?")
#define SAY          GPT("A dog.")

static bool conversations_fit(const char *json)
{
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    struct export_sample x = sample_one();
    const struct export_dialogue d[] = {sample_dialogues[0], {{0}, 2, str_of(json)}};
    x.dialogues = d;
    bool fits = export_fits(&s, &x);
    s.with[EXPORT_WITH_DIALOGUES] = false;
    assert_true(export_fits(&s, &x));
    return fits;
}

static void what_the_service_writes_fits(void **state)
{
    (void)state;
    assert_true(conversations_fit("[" ASK "," SAY "]"));
    assert_true(conversations_fit("[" ASK "," SAY "," HUMAN("Why?") "," GPT("") "]"));
    assert_true(conversations_fit(" [" ASK "," SAY "]\n"));
    assert_true(conversations_fit("[" HUMAN("What runs?\\n<image>") "," SAY "]"));
    assert_true(
        conversations_fit("[" ASK "," GPT("\\\"Stop\\\\\\\" \\u00e9\\ud83d\\ude00 \\/") "]"));
}

static void other_forms_do_not(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "[]",
        "{}",
        "[" ASK "]",
        "[" ASK "," SAY,
        "[" ASK "," SAY "]]",
        "[" ASK "," SAY ",]",
        "[" ASK "," SAY "," HUMAN("Why?") "]",
        "[" ASK "," ASK "]",
        "[" ASK ",\n" SAY "]",
        "[" SAY "," ASK "]",
        "[" ASK "," HUMAN("Why?") "]",
        "[{\"from\":\"human\",\"value\":\"<image>\\nWhat",
        "[" ASK "," GPT("\\x") "]",
        "[" ASK "," GPT("\\u12g4") "]",
        "[" ASK "," GPT("\\") "]",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_false(conversations_fit(broken[i]));
}

static void the_picture_is_there_once(void **state)
{
    (void)state;
    assert_false(conversations_fit("[" HUMAN("What runs?") "," SAY "]"));
    assert_false(conversations_fit("[" HUMAN("<image>\\nWhat is <image>?") "," SAY "]"));
    assert_false(conversations_fit("[" HUMAN("What <image> runs?") "," SAY "]"));
    assert_false(conversations_fit("[" ASK "," GPT("<image>") "]"));
    assert_false(conversations_fit("[" ASK "," SAY "," ASK "," SAY "]"));
    assert_false(conversations_fit("[" HUMAN("What runs?") "," GPT("<image>\\nA dog.") "]"));
}

static void reserved_strings_do_not_fit(void **state)
{
    (void)state;
    assert_false(conversations_fit("[" ASK "," GPT("A dog.</s>") "]"));
    assert_false(conversations_fit("[" ASK "," GPT("A dog.<\\/s>") "]"));
    assert_false(conversations_fit("[" ASK "," GPT("A dog.\\u003c\\u002fs>") "]"));
    assert_false(conversations_fit("[" ASK "," GPT("A dog. ASSISTANT: no") "]"));
    assert_false(conversations_fit("[" HUMAN("<image>\\nUSER: what?") "," SAY "]"));
    assert_true(conversations_fit("[" ASK "," GPT("a < b | c [d] > e: R: T:") "]"));
}

static bool caption_fits(struct str text)
{
    struct export_settings s = sample_settings(EXPORT_LLAVA);
    struct export_sample x = sample_one();
    x.text = text;
    bool fits = export_fits(&s, &x);
    s.with[EXPORT_WITH_CAPTIONS] = false;
    assert_true(export_fits(&s, &x));
    return fits;
}

static void captions_have_nothing_reserved(void **state)
{
    (void)state;
    assert_true(caption_fits(STR("A dog: it runs.")));
    assert_false(caption_fits(STR("")));
    assert_false(caption_fits(STR("A <image> of a dog")));
    assert_false(caption_fits(STR("A dog <|endoftext|>")));
}

/* n words of three letters, which are one token each. */
static struct str words(struct buf *b, int n)
{
    for (int i = 0; i < n; i++)
        buf_addz(b, i ? " dog" : "dog");
    return buf_str(b);
}

static void the_limit_is_the_trainers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    /* The question that the caption's id chooses has eight words and a full stop. */
    const int most = SAMPLE_TOKENS_MAX - SAMPLE_TOKENS_FRONT - SAMPLE_TOKENS_TURN;
    int question =
        (int)tokens_estimate(STR("Describe the appearance of everything in this photo."));
    assert_true(caption_fits(words(&b, most - question)));
    buf_reset(&b);
    assert_false(caption_fits(words(&b, most - question + 1)));
    for (int more = 0; more < 2; more++) {
        buf_reset(&b);
        buf_addz(&b, "[" HUMAN("<image>\\nWho") ",{\"from\":\"gpt\",\"value\":\"");
        (void)words(&b, most - 2 + more); /* the end of the picture's line, and the question */
        buf_addz(&b, "\"}]");
        assert_int_equal(conversations_fit(buf_z(&b)), !more);
    }
    buf_free(&b);
}

/* What spares short texts the count. */
static void no_text_has_more_tokens_than_bytes_and_one(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "1",  " 1 ", "A",        "AB",           "ABCDEFGHIJKLMNOPQR",
        "a.", ",",   "\xc3\xa9", "\xe4\xb8\x96", "\xf0\x9f\x98\x80",
        " ",  "12",  "\xc9\x99", "abc",          "abcdefghijklmnop"};
    enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };
    struct buf b;
    buf_init(&b, 1 << 10);
    for (unsigned i = 0; i < PIECES * PIECES * PIECES; i++) {
        buf_reset(&b);
        buf_addz(&b, pieces[i % PIECES]);
        buf_addz(&b, pieces[i / PIECES % PIECES]);
        buf_addz(&b, pieces[i / PIECES / PIECES]);
        assert_true(tokens_estimate(buf_str(&b)) <= b.n + 1);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_service_writes_fits),
        cmocka_unit_test(other_forms_do_not),
        cmocka_unit_test(the_picture_is_there_once),
        cmocka_unit_test(reserved_strings_do_not_fit),
        cmocka_unit_test(captions_have_nothing_reserved),
        cmocka_unit_test(the_limit_is_the_trainers),
        cmocka_unit_test(no_text_has_more_tokens_than_bytes_and_one),
    };
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
