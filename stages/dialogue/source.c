/* Turns speak as if looking at the picture. The words that give away that there was a text. */
#include "stages/dialogue/rules.h"

struct leak {
    const char *words;
    /* Not when one of these follows: "the text on the sign" can be seen. */
    const char *unless_next;
    /* Not when the caption has the last word: then it is a thing in the picture. */
    bool unless_shown;
};

static const struct leak leaks[] = {
    {"caption", NULL, true},
    {"image description", NULL, false},
    {"picture description", NULL, false},
    {"scene description", NULL, false},
    {"photo description", NULL, false},
    {"detailed description", NULL, false},
    {"description", NULL, true},
    {"mention", NULL, false},
    {"mentioned", NULL, false},
    {"mentioning", NULL, false},
    {"as described", NULL, false},
    {"is described", NULL, false},
    {"are described", NULL, false},
    {"was described", NULL, false},
    {"were described", NULL, false},
    {"scene described", NULL, false},
    {"image described", NULL, false},
    {"setting described", NULL, false},
    {"described scene", NULL, false},
    {"described image", NULL, false},
    {"described setting", NULL, false},
    {"described in", NULL, false},
    {"described above", NULL, false},
    {"described here", NULL, false},
    {"described by the", NULL, false},
    {"as stated", NULL, false},
    {"is stated", NULL, false},
    {"are stated", NULL, false},
    {"not stated", NULL, false},
    {"explicitly stated", NULL, false},
    {"stated in", NULL, false},
    {"stated that", NULL, false},
    {"as noted", NULL, false},
    {"as specified", NULL, false},
    {"not specified", NULL, false},
    {"is unspecified", NULL, false},
    {"as per", NULL, false},
    {"as written", NULL, false},
    {"according to the",
     "sign clock label watch scoreboard map menu poster board calendar display timer thermometer "
     "ticket screen badge light shadow sun gauge dial signpost banner receipt timetable schedule",
     false},
    {"based on the information", NULL, false},
    {"based on the given", NULL, false},
    {"based on the provided", NULL, false},
    {"information provided", NULL, false},
    {"information given", NULL, false},
    {"provided information", NULL, false},
    {"given information", NULL, false},
    {"available information", NULL, false},
    {"details provided", NULL, false},
    {"details given", NULL, false},
    {"provided details", NULL, false},
    {"given details", NULL, false},
    {"provided text", NULL, false},
    {"given text", NULL, false},
    {"given context", NULL, false},
    {"context provided", NULL, false},
    {"the provided", NULL, false},
    {"the given", NULL, false},
    {"provided in the", NULL, false},
    {"the excerpt", NULL, false},
    {"the narrative", NULL, true},
    {"the narrator", NULL, true},
    {"the text", "on above below across along printed written painted engraved over", true},
    {"this text", "on above below across along printed written painted engraved over", true},
    {"the passage", NULL, true},
    {"this passage", NULL, true},
    {"the paragraph", NULL, true},
    {"this paragraph", NULL, true},
    {"the sentence", NULL, true},
    {"the notes", NULL, true},
    {"the prompt", NULL, true},
    {"the author", NULL, true},
    {"the writer", NULL, true},
    {"the story", NULL, true},
    {"the statement", NULL, true},
};
enum { LEAKS = sizeof(leaks) / sizeof(leaks[0]) };

static bool has_word(const struct turn_words *t, const struct turn_word *word)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->of[i].hash == word->hash || t->of[i].singular == word->singular)
            return true;
    return false;
}

static bool is_excused(const struct leak *l, const struct turn_words *said, size_t last,
                       const struct turn_words *shown)
{
    if (l->unless_next && last + 1 < said->n &&
        (turn_word_is_among(&said->of[last + 1], l->unless_next) ||
         turn_word_is_among(&(struct turn_word){.hash = said->of[last + 1].singular},
                            l->unless_next)))
        return true;
    return l->unless_shown && has_word(shown, &said->of[last]);
}

void source_compile(struct phrases *p)
{
    const char *words[LEAKS + 1];
    for (int i = 0; i < LEAKS; i++)
        words[i] = leaks[i].words;
    words[LEAKS] = NULL;
    phrases_compile(p, words);
}

const char *source_leak(const struct phrases *p, const struct turn_words *said,
                        const struct turn_words *shown)
{
    for (size_t at = 0; at < said->n; at++) {
        int found = phrases_at(p, said, at);
        if (found >= 0 && !is_excused(&leaks[found], said, at + p->of[found].n - 1, shown))
            return leaks[found].words;
    }
    return NULL;
}
