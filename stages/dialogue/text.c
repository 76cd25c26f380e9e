/* Rules for every string of a dialogue. */
#include <utf8proc.h>

#include "server/base/text.h"
#include "stages/dialogue/rules.h"

enum {
    GRAM = 4,
    LOOP_WORDS_MIN = 24,
    SAME_WORD_MAX = 6,
    SAME_BYTE_MAX = 12,
    LATIN_END = 0x250, /* behind the last letter of Latin Extended-B */
};

static void is_empty(const struct turn_text *t, struct fault *f)
{
    if (t->terms.n == 0)
        fault_set(f, "empty", "has a %s without a word", t->what);
}

static void is_too_long(const struct turn_text *t, struct fault *f)
{
    if (text_length(t->text) > t->most)
        fault_set(f, "too_long", "has a %s of more than %zu characters; be brief", t->what,
                  t->most);
}

/* Most texts have none of the bytes that a search would be for. */
static bool has_any(struct str s, const char *bytes)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr(bytes, s.p[i]))
            return true;
    return false;
}

static void has_reserved(const struct turn_text *t, struct fault *f)
{
    const char *bad = has_any(t->text, "<|[:") ? reserved_string(t->text) : NULL;
    if (bad)
        fault_set(f, "reserved_string", "has the reserved string %s in its %s; leave it out", bad,
                  t->what);
}

/* What the bytes of UTF-8 look like when they were taken for another encoding's. */
static bool is_misread(utf8proc_int32_t before, utf8proc_int32_t c)
{
    bool second = c >= 0x80 && c <= 0xbf;
    return c == 0xfffd || (c >= 0x80 && c <= 0x9f) || (c >= 0xe000 && c <= 0xf8ff) ||
           (c >= 0x202a && c <= 0x202e) || ((before == 0xc2 || before == 0xc3) && second) ||
           (before == 0xe2 && (c == 0x20ac || c == 0x201a)) || (before == 0xef && c == 0xbf);
}

static bool is_letter(utf8proc_int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

static void has_foreign_signs(const struct turn_text *t, struct fault *f)
{
    size_t letters = 0, others = 0;
    utf8proc_int32_t before = 0, c = 0;
    for (size_t i = 0; i < t->text.n; before = c) {
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)t->text.p + i,
                                              (utf8proc_ssize_t)(t->text.n - i), &c);
        if (n <= 0)
            return; /* answers are valid */
        i += (size_t)n;
        if (is_misread(before, c))
            fault_set(f, "mojibake", "has garbled characters in its %s; write plain English",
                      t->what);
        if (c < 0x80) {
            letters += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        } else if (is_letter(c)) {
            letters++;
            others += c >= LATIN_END && (c < 0x1e00 || c > 0x1eff);
        }
    }
    if (others * 10 > letters)
        fault_set(f, "language", "has a %s that is not English; write English only", t->what);
}

bool is_foreign(const struct phrases *english, const struct turn_words *t, size_t least,
                size_t share)
{
    size_t hits = 0;
    for (size_t i = 0; i < t->n; i++)
        hits += phrases_at(english, t, i) >= 0;
    return t->n >= least && hits * share < t->n;
}

/* "Question:" and the like in the middle of a text; the byte behind a word tells. */
static bool has_label(const struct turn_text *t)
{
    for (size_t i = 0; i < t->terms.n; i++) {
        struct str word = t->terms.of[i].text;
        const char *behind = word.p + word.n;
        if (behind < t->text.p + t->text.n && *behind == ':' &&
            turn_word_is_among(&t->terms.of[i],
                               "question answer user assistant human gpt chatgpt q"))
            return true;
    }
    return false;
}

/* "… . 2. Then …": a number between two sentences counts them. */
static bool has_numbering(struct str s)
{
    for (size_t i = 2; i + 4 < s.n; i++)
        if (s.p[i] >= '1' && s.p[i] <= '9' && s.p[i - 1] == ' ' && strchr(".!?:;", s.p[i - 2]) &&
            strchr(".)", s.p[i + 1]) && s.p[i + 2] == ' ' && s.p[i + 3] >= 'A' && s.p[i + 3] <= 'Z')
            return true;
    return false;
}

static bool has_tag(struct str s)
{
    for (size_t i = 0; i + 1 < s.n; i++) {
        char c = s.p[i + 1];
        if (s.p[i] == '<' &&
            (c == '/' || c == '!' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return true;
    }
    return false;
}

static void has_markup(const struct turn_text *t, struct fault *f)
{
    static const char *const signs[] = {"**", "```", "](", "://", "\\n", "{\"", "\":", "##", " | "};
    bool any = has_any(t->text, "*`]:\\{\"#|<");
    for (size_t i = 0; any && i < sizeof(signs) / sizeof(signs[0]); i++)
        if (str_find(t->text, str_of(signs[i])) >= 0)
            fault_set(f, "markup", "has markup (%s) in its %s; write plain sentences", signs[i],
                      t->what);
    if (any && has_tag(t->text))
        fault_set(f, "markup", "has a tag in its %s; write plain sentences", t->what);
    if ((any && has_label(t)) || has_numbering(t->text))
        fault_set(f, "markup", "has numbers or names of speakers in its %s; leave them out",
                  t->what);
}

static void names_source(const struct rulebook *b, const struct draft *d, const struct turn_text *t,
                         struct fault *f)
{
    const char *words = source_leak(&b->source, &t->terms, &d->shown);
    if (words)
        fault_set(f, "source_leak",
                  "has the words \"%s\" in its %s, which name a source; speak as one who looks at "
                  "the picture",
                  words, t->what);
}

static void is_refusal(const struct rulebook *b, const struct turn_text *t, struct fault *f)
{
    size_t where;
    if (phrases_find(&b->refusal, &t->terms, 0, t->terms.n, &where) >= 0)
        fault_set(f, "refusal", "refuses in its %s; ask only what the picture settles", t->what);
}

/* Words that come again and again: of the runs of four, a third stood there before. */
static bool repeats(const struct turn_words *t)
{
    size_t same = 0, again = 0;
    for (size_t i = 1; i < t->n; i++) {
        same = t->of[i].hash == t->of[i - 1].hash ? same + 1 : 0;
        if (same >= SAME_WORD_MAX)
            return true;
    }
    if (t->n < LOOP_WORDS_MIN)
        return false;
    for (size_t i = 1; i + GRAM <= t->n; i++)
        for (size_t k = 0; k < i; k++)
            if (t->of[i].hash == t->of[k].hash && t->of[i + 1].hash == t->of[k + 1].hash &&
                t->of[i + 2].hash == t->of[k + 2].hash && t->of[i + 3].hash == t->of[k + 3].hash) {
                again++;
                break;
            }
    return again * 3 >= t->n;
}

static bool repeats_a_byte(struct str s)
{
    size_t same = 1;
    for (size_t i = 1; i < s.n; i++) {
        same = s.p[i] == s.p[i - 1] ? same + 1 : 1;
        if (same >= SAME_BYTE_MAX)
            return true;
    }
    return false;
}

static void loops(const struct turn_text *t, struct fault *f)
{
    if (repeats_a_byte(t->text) || repeats(&t->terms))
        fault_set(f, "loop", "says the same words over and over in its %s", t->what);
}

void rules_text(const struct rulebook *b, const struct draft *d, const struct turn_text *t,
                struct fault *f)
{
    is_empty(t, f);
    is_too_long(t, f);
    if (f->code)
        return; /* the rules below take time that grows faster than the text */
    has_reserved(t, f);
    has_foreign_signs(t, f);
    has_markup(t, f);
    names_source(b, d, t, f);
    is_refusal(b, t, f);
    loops(t, f);
}
