#include "providers/offline/facts.h"

#include <stdio.h>
#include <stdlib.h>

struct fact *facts_add(struct facts *fs, enum fact_kind kind, struct str value, const char *about)
{
    struct fact *f;

    if (fs->n >= FACTS_MAX)
        return NULL;
    f = &fs->f[fs->n++];
    *f = (struct fact){.kind = (uint8_t)kind, .value = value};
    (void)snprintf(f->about, sizeof(f->about), "%s", about);
    return f;
}

static bool is_small_word(struct str w)
{
    static const char *const small[] = {
        "a",  "an",  "the",     "of",    "on",   "in",   "at",    "and",  "with",    "from",   "by",
        "to", "its", "through", "light", "into", "over", "tones", "view", "shadows", "texture"};

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        if (str_is(w, small[i]))
            return true;
    return w.n < 3;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || c == '-';
}

/* The next word at or after *at. */
static struct str next_word(struct str s, size_t *at)
{
    size_t i = *at, start;

    while (i < s.n && !is_letter(s.p[i]))
        i++;
    start = i;
    while (i < s.n && is_letter(s.p[i]))
        i++;
    *at = i;
    return (struct str){s.p + start, i - start};
}

struct str facts_slice(const struct facts *fs, size_t first, size_t end)
{
    struct str s = words_slice(&fs->words, first, end);

    if (fs->words.w[first].first)
        s.p = fs->words.lower + fs->words.w[first].at;
    return s;
}

/* "motorcycle" is no wrong answer where a dirt bike is seen. */
static bool concept_occurs(const struct facts *fs, struct str word)
{
    const struct lexeme *l = lex_find(word);

    for (size_t i = 0; l && l->noun && i < fs->phrases.n; i++)
        if (strcmp(noun_concept(fs->phrases.p[i].noun), noun_concept(l->noun)) == 0)
            return true;
    return false;
}

/* Whether a word of the wrong value that the right one lacks occurs in the caption, or whether the
 * two differ in no such word. */
static bool telling_word_occurs(const struct facts *fs, struct str wrong, struct str value)
{
    size_t at = 0;
    bool differs = false;

    for (struct str w = next_word(wrong, &at); w.n > 0; w = next_word(wrong, &at)) {
        if (is_small_word(w) || str_ifind(value, w) >= 0)
            continue;
        if (words_have(&fs->words, w) || concept_occurs(fs, w))
            return true;
        differs = true;
    }
    return !differs;
}

static bool already_there(const struct fact *f, const char *wrong)
{
    if (str_ieq(f->value, str_of(wrong)))
        return true;
    for (unsigned i = 0; i < f->n_wrong; i++)
        if (strcmp(f->wrong[i], wrong) == 0)
            return true;
    return false;
}

static void take_wrong(struct fact *f, const char *wrong)
{
    if (f->n_wrong < WRONGS && !already_there(f, wrong) && strlen(wrong) < WRONG_MAX)
        (void)snprintf(f->wrong[f->n_wrong++], WRONG_MAX, "%s", wrong);
}

void fact_wrong(struct facts *fs, struct fact *f, const char *wrong)
{
    if (!telling_word_occurs(fs, str_of(wrong), f->value))
        fact_wrong_phrase(fs, f, wrong);
}

void fact_wrong_phrase(struct facts *fs, struct fact *f, const char *wrong)
{
    if (!words_have_phrase(&fs->words, str_of(wrong)))
        take_wrong(f, wrong);
}

/* A turn must not speak of its source, not even in a value. */
static bool leaks(struct str s)
{
    static const char *const words[] = {"caption",   "the text",    "image",
                                        "descri",    "the passage", "the paragraph",
                                        "mentioned", "narrative",   "as stated"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_ifind(s, str_of(words[i])) >= 0)
            return true;
    return false;
}

static void drop_leaks(struct facts *fs)
{
    size_t kept = 0;

    for (size_t i = 0; i < fs->n; i++)
        if (!leaks(fs->f[i].value) && !leaks(str_of(fs->f[i].about)) && kept++ != i)
            fs->f[kept - 1] = fs->f[i];
    fs->n = kept;
}

struct facts *facts_read(struct str caption, struct choice *c)
{
    struct facts *fs = malloc(sizeof(*fs));

    if (!fs)
        return NULL;
    fs->n = 0;
    words_read(&fs->words, caption);
    phrases_read(&fs->phrases, &fs->words);
    subject_find(&fs->subject, &fs->words, &fs->phrases, 3);
    facts_content(fs, c);
    facts_style(fs, c);
    drop_leaks(fs);
    return fs;
}
