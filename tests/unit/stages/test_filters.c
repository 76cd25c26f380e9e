/* Captions that a trainer would not want, each with its verdict under each preset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/text.h"
#include "server/domain/settings.h"
#include "stages/filters/filters.h"

#define SEED "A brown dog runs along the beach."
#define GOOD                                                                                       \
    "A brown dog runs along the wet sand of a wide beach, its ears lifted and one front paw "      \
    "raised "                                                                                      \
    "above a shallow puddle. Small waves with white edges roll in behind it under a pale sky."
#define RUN "the dog runs over the green grass "

/* A verdict is the filter that dropped it, else a plus and the flags, else nothing. */
struct bad {
    const char *text, *seed, *finish_reason, *paper, *standard, *strict;
};

static const struct bad table[] = {
    /* Nothing is wrong with these. */
    {GOOD, SEED, "stop", "", "", ""},
    {GOOD, SEED, "", "", "", ""},
    {"Two puppies with brown fur lie on a red rug beside a wooden chair, and the taller puppy "
     "rests "
     "its chin on the paws of the other while light falls in from a window on the left.",
     "Two dogs lie on a rug.", "stop", "", "", ""},
    {"The sign above the door reads \"Joe's Diner\" in red letters, and 3 people in dark coats "
     "wait "
     "in front of it on the wet pavement while a yellow taxi passes behind them in the street.",
     "Three people wait in front of Joe's Diner.", "stop", "", "", ""},
    /* Nothing, or too little, or too much. */
    {"N/A", SEED, "stop", "empty", "empty", "empty"},
    {"None.", SEED, "stop", "empty", "empty", "empty"},
    {"...", SEED, "stop", "empty", "empty", "empty"},
    {"A dog.", SEED, "stop", "", "length", "length"},
    {"A brown dog runs along the beach.", SEED, "stop", "", "+short", "length"},
    {"A brown dog runs along the wide beach near small waves, its ears lifted and its front paw "
     "raised above a shallow puddle of water.",
     SEED, "stop", "", "", "short"},
    /* Cut off. */
    {GOOD " Behind the waves a small boat with a", SEED, "length", "", "finish_reason",
     "finish_reason"},
    {GOOD " Behind the waves a small boat with a", SEED, "stop", "", "+unfinished", "unfinished"},
    {GOOD, SEED, "content_filter", "", "finish_reason", "finish_reason"},
    /* What breaks a trainer. */
    {"<image> " GOOD, SEED, "stop", "reserved_string", "reserved_string", "reserved_string"},
    {GOOD "</s>", SEED, "stop", "reserved_string", "reserved_string", "reserved_string"},
    {GOOD " ASSISTANT: The dog is brown.", SEED, "stop", "reserved_string", "reserved_string",
     "reserved_string"},
    {GOOD " <|im_end|>", SEED, "stop", "reserved_string", "reserved_string", "reserved_string"},
    /* Refusals. */
    {"I'm sorry, but I can't help with that request, because it goes against what I may write "
     "about.",
     SEED, "stop", "", "refusal", "refusal"},
    {"I’m unable to see any caption. Could you send the short caption of the picture again, with "
     "all "
     "the words of it, so that I can expand it into a longer one?",
     SEED, "stop", "", "refusal", "refusal"},
    {"As an AI language model, I do not have the ability to look at pictures, but a beach with a "
     "dog "
     "on it would have sand, water and a wide sky above the horizon.",
     SEED, "stop", "", "refusal", "refusal"},
    {"It seems that you have sent an empty message. Please provide a caption, and a detailed "
     "paragraph about the picture will follow at once with all visible parts in it.",
     SEED, "stop", "", "refusal", "refusal"},
    {"Unfortunately, I cannot describe this scene of a dog on the beach in the way that was asked "
     "for, since the caption does not say anything about what else is there.",
     SEED, "stop", "", "refusal", "refusal"},
    /* A chatbot talks. */
    {"Sure! " GOOD, SEED, "stop", "", "boilerplate", "boilerplate"},
    {"Certainly, here you go. " GOOD, SEED, "stop", "", "boilerplate", "boilerplate"},
    {"Here is a detailed description of the picture. " GOOD, SEED, "stop", "", "boilerplate",
     "boilerplate"},
    {"Here's one way to put it: " GOOD, SEED, "stop", "", "boilerplate", "boilerplate"},
    {GOOD " I hope this helps!", SEED, "stop", "", "boilerplate", "boilerplate"},
    {GOOD " Let me know if you would like me to change anything.", SEED, "stop", "", "boilerplate",
     "boilerplate"},
    {GOOD " The caption does not say where the dog comes from.", SEED, "stop", "", "boilerplate",
     "boilerplate"},
    /* Instructions and tags come through. */
    {GOOD " State only what can be seen. Leave out sounds, smells, thoughts.", SEED, "stop", "",
     "echo", "echo"},
    {GOOD " The paragraph has 80 to 150 words.", SEED, "stop", "", "echo", "echo"},
    {"Caption: " GOOD, SEED, "stop", "", "prompt_tag", "prompt_tag"},
    {"Detailed description: " GOOD, SEED, "stop", "", "prompt_tag", "prompt_tag"},
    {GOOD " User: What colour is the dog? The dog is brown all over.", SEED, "stop", "",
     "prompt_tag", "prompt_tag"},
    {GOOD " ### Response", SEED, "stop", "", "prompt_tag", "prompt_tag"},
    {"[INST] " GOOD, SEED, "stop", "reserved_string", "reserved_string", "reserved_string"},
    /* No plain prose. */
    {"**The dog**: " GOOD, SEED, "stop", "", "markup", "markup"},
    {"# A dog on a beach\n\n" GOOD, SEED, "stop", "", "markup", "markup"},
    {"- A brown dog runs along the beach.\n- The waves are small.\n- " GOOD, SEED, "stop", "",
     "markup", "markup"},
    {"1. A brown dog runs along the beach.\n2. " GOOD, SEED, "stop", "", "markup", "markup"},
    {"<p>" GOOD "</p>", SEED, "stop", "", "markup", "markup"},
    {"{\"caption\": \"" GOOD "\"}", SEED, "stop", "", "markup", "markup"},
    {"```\n" GOOD "\n```", SEED, "stop", "", "markup", "markup"},
    {GOOD " See https://example.com for the picture of the dog.", SEED, "stop", "", "markup",
     "markup"},
    {GOOD " Bread &amp; butter lie beside it.", SEED, "stop", "", "markup", "markup"},
    /* Loops. */
    {RUN RUN RUN RUN RUN RUN RUN RUN RUN RUN RUN RUN ".", SEED, "stop", "", "loop", "loop"},
    {GOOD " Very very very very very very very very very very very very very very very very very "
          "very very very very very very very very very very very very very very very very wide.",
     SEED, "stop", "", "loop", "loop"},
    {GOOD " !!!!!!!!!!!!!!!!!!!!!!!!!!!!", SEED, "stop", "", "loop", "loop"},
    /* Other languages and broken characters. */
    {"Ein brauner Hund läuft über den nassen Sand eines breiten Strandes, während hinter ihm "
     "kleine "
     "Wellen mit weißen Rändern heranrollen und der Himmel blass darüber steht.",
     SEED, "stop", "", "language", "language"},
    {"Un chien brun court sur le sable mouillé d'une large plage, les oreilles levées, tandis que "
     "de "
     "petites vagues aux bords blancs roulent derrière lui sous un ciel pâle.",
     SEED, "stop", "", "language", "language"},
    {"一只棕色的狗沿着潮湿的沙滩奔跑，耳朵竖起，身后是白色的小浪花和淡蓝色的天空。", SEED, "stop",
     "", "language", "language"},
    {GOOD " Собака бежит по мокрому песку вдоль воды.", SEED, "stop", "", "language", "language"},
    {GOOD " The cafÃ© behind it is closed.", SEED, "stop", "", "mojibake", "mojibake"},
    {GOOD " The dogâ€™s ears are brown.", SEED, "stop", "", "mojibake", "mojibake"},
    {GOOD " The dog\xEF\xBF\xBDs ears are brown.", SEED, "stop", "", "mojibake", "mojibake"},
    {GOOD " The dog\xE2\x80\x8B runs.", SEED, "stop", "", "mojibake", "mojibake"},
    {GOOD " The dog\x1B[0m runs.", SEED, "stop", "", "mojibake", "mojibake"},
    /* What no picture shows, and what the seed does not say. */
    {GOOD " The air smells of salt, the gulls sound loud, and the mood seems peaceful and serene.",
     SEED, "stop", "", "+non_visual", "non_visual"},
    {"A wide view of the sea under a pale sky, with small waves that have white edges and a row of "
     "grey stones in front, and a narrow strip of foam between the stones and the water.",
     SEED, "stop", "", "+seed_kept", "+seed_kept"},
    {GOOD " Number 73 is painted on a post.", SEED, "stop", "", "+invented_digits",
     "invented_digits"},
    {GOOD " A sign beside it says \"No swimming\" in red.", SEED, "stop", "", "+invented_quotes",
     "invented_quotes"},
};

static struct arena *arena;
static const struct gram_set *instructions;

static int setup(void **state)
{
    (void)state;
    const struct prompt *p = prompt_find(STR("captions"), STR("dense-v1"));
    arena = arena_new(16 << 20);
    const struct str texts[] = {str_of(p->system), str_of(p->template)};
    instructions = gram_set_new(texts, 2, 7, arena);
    return instructions ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void judge(const struct filter_settings *s, const struct bad *b, struct filter_verdict *v)
{
    struct str raw = str_of(b->text), text = text_normalise(arena, raw);
    const struct caption_text c = {raw, text, text_normalise(arena, str_of(b->seed)),
                                   str_of(b->finish_reason), instructions};
    struct words words;
    assert_non_null(text.p);
    assert_int_equal(words_split(text, &words), 0);
    assert_int_equal(filters_judge(s, &words, &c, v), 0);
    words_free(&words);
}

static const char *verdict(const struct filter_settings *s, const struct bad *b)
{
    struct filter_verdict v;
    char names[FILTER_NAMES_TEXT];
    judge(s, b, &v);
    if (v.dropped != FILTER_COUNT)
        return filter_rows[v.dropped].name;
    filters_names(v.hits, names);
    return names[0] ? arena_printf(arena, "+%s", names) : "";
}

static void every_bad_caption_meets_its_verdict(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *const expected[PRESET_COUNT] = {table[i].paper, table[i].standard,
                                                    table[i].strict};
        for (int p = 0; p < PRESET_COUNT; p++) {
            struct filter_settings s;
            filters_preset((enum filter_preset)p, &s);
            const char *found = verdict(&s, &table[i]);
            if (strcmp(found, expected[p]) == 0)
                continue;
            print_message("case %zu, %s: \"%s\", not \"%s\": %.60s\n", i, filter_presets[p], found,
                          expected[p], table[i].text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static const char *standard_verdict(const char *text, const char *seed)
{
    struct filter_settings s;
    filters_preset(PRESET_STANDARD, &s);
    return verdict(&s, &(struct bad){.text = text, .seed = seed, .finish_reason = "stop"});
}

/* What looks like a fault and is none. */
static void good_captions_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "A poster on the wall shows a human figure with the arms raised, and below it a system of "
        "white pipes runs along the floor to a small note that is pinned to the door.",
        "Two men in great coats stand on the deck of a ship (its hull is grey). One of them holds "
        "a "
        "rope; the other, who is taller, looks at the water below with his hands on the rail.",
        "A hand-written note: three lines in blue ink, is taped to the glass of a green door, and "
        "the "
        "text: it is too small to read. A brass handle and a bell are on the right of the door`s "
        "edge.",
        "Here a man is sitting on a low wall - a newspaper is spread out on his knees - while two "
        "pigeons walk over the paving stones in front of his shoes.",
        "A café with a red awning stands at the corner of a narrow street, and a jalapeño plant in "
        "a "
        "clay pot grows beside its door, where a waiter in a white apron leans on the frame.",
        "A tall man in a black hat and a tall man in a black coat stand next to a tall man in a "
        "black "
        "shirt, and all three of them look towards the same open window of the house.",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_string_equal(standard_verdict(texts[i], texts[i]), "");
}

static void what_the_seed_says_is_not_invented(void **state)
{
    (void)state;
    const char *text =
        "A man in a grey hat and a woman in a long coat sit on a bench with the "
        "number 12 painted on it, and the words \"Wet paint\" stand on a sheet beside "
        "his hat.";
    assert_string_equal(standard_verdict(text, "A man and a woman sit on a bench."),
                        "+invented_digits,invented_quotes");
    assert_string_equal(
        standard_verdict(
            text, "A man and a woman sit on bench number twelve beside a \"wet paint\" sign."),
        "");
    const char *loud = "Children laughing and loud music are heard while the smell of tasty food "
                       "fills the street; a stall with red cloth stands in front of a brick wall.";
    assert_string_equal(standard_verdict(loud, "A stall with red cloth by a wall."), "+non_visual");
    assert_string_equal(
        standard_verdict(loud,
                         "A stall with loud music heard, smell of tasty food, red cloth, wall."),
        "");
}

/* Forms of a word meet; other words do not. */
static void seed_words_are_found_in_any_form(void **state)
{
    (void)state;
    const char *text = "Several men are running past some parked buses, and the berries on the low "
                       "branches beside the children's paths shine; a woman dances between them.";
    struct filter_settings s;
    filters_preset(PRESET_PAPER, &s);
    s.of[FILTER_SEED_KEPT] = (struct filter_setting){FILTER_FLAG, {1}};
    static const char *const kept[] = {"man runs past bus", "berry branch", "child path",
                                       "women dancing",     "the of and",   "park"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        assert_string_equal(
            verdict(&s, &(struct bad){.text = text, .seed = kept[i], .finish_reason = ""}), "");
    static const char *const lost[] = {"man sleeps", "car park", "a boy", "berry on a roof"};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
        assert_string_equal(
            verdict(&s, &(struct bad){.text = text, .seed = lost[i], .finish_reason = ""}),
            "+seed_kept");
}

static void the_first_filter_that_drops_is_the_reason(void **state)
{
    (void)state;
    struct filter_settings s;
    struct filter_verdict v;
    struct bad b = {
        .text = "Sure! **A dog** with the number 5 and", .seed = SEED, .finish_reason = "length"};
    filters_preset(PRESET_STANDARD, &s);
    judge(&s, &b, &v);
    assert_int_equal(v.dropped, FILTER_FINISH_REASON);
    char names[FILTER_NAMES_TEXT];
    filters_names(v.hits, names);
    assert_string_equal(names, "short,boilerplate,markup,unfinished,seed_kept,invented_digits");
    s.of[FILTER_FINISH_REASON].action = FILTER_OFF;
    s.of[FILTER_BOILERPLATE].action = FILTER_FLAG;
    judge(&s, &b, &v);
    assert_int_equal(v.dropped, FILTER_MARKUP);
    filters_names(v.hits, names);
    assert_string_equal(names, "short,boilerplate,unfinished,seed_kept,invented_digits");
}

/* Each parameter moves its filter. */
static void parameters_are_obeyed(void **state)
{
    (void)state;
    static const struct {
        enum filter_id id;
        const char *text;
        double found[FILTER_PARAMS_MAX], missed[FILTER_PARAMS_MAX];
    } cases[] = {
        {FILTER_LENGTH, GOOD, {38, 50}, {37, 50}},
        {FILTER_LENGTH, GOOD, {3, 36}, {3, 37}},
        {FILTER_SHORT, GOOD, {38}, {37}},
        {FILTER_LOOP, RUN RUN RUN RUN GOOD, {6, 4, 0.3}, {6, 5, 0.3}},
        {FILTER_LOOP, RUN RUN RUN RUN GOOD, {6, 4, 0.3}, {6, 4, 0.5}},
        {FILTER_LOOP, RUN RUN RUN RUN GOOD, {7, 4, 0.3}, {9, 4, 0.3}},
        {FILTER_LANGUAGE, GOOD " Собака", {0.02, 0.1}, {0.1, 0.1}},
        {FILTER_LANGUAGE, GOOD, {0.1, 0.9}, {0.1, 0.2}},
        {FILTER_NON_VISUAL, GOOD " It seems calm and it smells.", {3}, {6}},
        {FILTER_SEED_KEPT, "A dog on a beach in the sun.", {0.6}, {0.5}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int missed = 0; missed < 2; missed++) {
            struct filter_settings s;
            filters_preset(PRESET_PAPER, &s);
            s.of[cases[i].id].action = FILTER_DROP;
            memcpy(s.of[cases[i].id].param, missed ? cases[i].missed : cases[i].found,
                   sizeof(cases[i].found));
            const char *found = verdict(
                &s, &(struct bad){.text = cases[i].text, .seed = SEED, .finish_reason = ""});
            if (strcmp(found, missed ? "" : filter_rows[cases[i].id].name) != 0)
                fail_msg("case %zu, %s: \"%s\"", i, missed ? "missed" : "found", found);
        }
}

static void frequency_counts_the_last_thousand(void **state)
{
    (void)state;
    enum { CAPTIONS = 20000, WINDOW = 1000, TEXTS = 97, OPENINGS = 11 };
    static uint64_t texts[CAPTIONS], openings[CAPTIONS];
    struct frequency *f = frequency_new(arena);
    const struct filter_setting s = {FILTER_FLAG, {12, 90}};
    int found = 0;
    for (size_t i = 0; i < CAPTIONS; i++) {
        /* The mixture changes, so that texts come, grow frequent and go. */
        texts[i] = mix64(i * 7 + 1) % (1 + i % TEXTS) + i / 3000 * 1000;
        openings[i] = mix64(i) % OPENINGS + (i / 700) % 5;
        size_t from = i < WINDOW ? 0 : i - WINDOW + 1, same_text = 0, same_opening = 0;
        for (size_t k = from; k <= i; k++) {
            same_text += texts[k] == texts[i];
            same_opening += openings[k] == openings[i];
        }
        const struct filter_verdict v = {.text_hash = texts[i], .opening_hash = openings[i]};
        bool expected = same_text > 12 || same_opening > 90;
        assert_int_equal(frequency_note(f, &s, &v), expected);
        found += expected;
    }
    assert_in_range(found, CAPTIONS / 10, CAPTIONS * 9 / 10);
}

/* Fragments in any order: for the sanitizers, and because a verdict must not change. */
static void any_text_has_a_verdict(void **state)
{
    (void)state;
    static const char *const fragments[] = {
        " ",  "\n", "\n- ",   "a dog",    "\"", "“",        "”",     "‘",        "'",
        "<",  ">",  "&amp;",  "1",        "2,", "3.5",      ":",     "Caption:", "*",
        "**", "`",  "#",      "[",        "](", "{\"",      "|",     "é",        "犬",
        "Ã",  "©",  "\u200b", "…",        "—",  "I cannot", "sure!", "here is",  "words",
        "80", "_",  "\\n",    "https://", "/",  ".",        "😀",     "the ",     "s",
    };
    struct filter_settings s;
    struct buf b;
    uint64_t x = 11;
    filters_preset(PRESET_STRICT, &s);
    for (int i = 0; i < FILTER_COUNT; i++)
        s.of[i].action = FILTER_FLAG;
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 5000; i++) {
        buf_reset(&b);
        for (size_t n = (x = mix64(x + 1)) % 24; n > 0; n--)
            buf_addz(&b,
                     fragments[(x = mix64(x + 1)) % (sizeof(fragments) / sizeof(fragments[0]))]);
        const struct bad c = {
            .text = buf_z(&b), .seed = i % 2 ? buf_z(&b) : "", .finish_reason = ""};
        struct filter_verdict first, again;
        judge(&s, &c, &first);
        judge(&s, &c, &again);
        assert_int_equal(first.hits, again.hits);
        assert_true(first.text_hash == again.text_hash);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_caption_meets_its_verdict),
        cmocka_unit_test(good_captions_pass),
        cmocka_unit_test(what_the_seed_says_is_not_invented),
        cmocka_unit_test(seed_words_are_found_in_any_form),
        cmocka_unit_test(the_first_filter_that_drops_is_the_reason),
        cmocka_unit_test(parameters_are_obeyed),
        cmocka_unit_test(frequency_counts_the_last_thousand),
        cmocka_unit_test(any_text_has_a_verdict),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
