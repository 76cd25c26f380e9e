/* What models put around the words of a turn, and what is to stand there instead of it: nothing. */
#include "server/base/text.h"
#include "stages/dialogue/dialogue.h"

enum { LABELS_MAX = 3, NUMBER_DIGITS = 2 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char at(struct str s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

/* Length of "1. ", "2) " or "(3) " at the start of s. */
static size_t number_mark(struct str s)
{
    size_t open = at(s, 0) == '(', i = open;
    while (is_digit(at(s, i)) && i - open < NUMBER_DIGITS)
        i++;
    char end = at(s, i);
    if (i == open || (end != ')' && (open || end != '.')) || at(s, i + 1) != ' ')
        return 0;
    return i + 2;
}

/* Length of "Q1: ", "Question 2. ", "Answer: " and names of speakers at the start of s. */
static size_t label(struct str s)
{
    size_t i = 0, letters, digits;
    while (is_letter(at(s, i)))
        i++;
    letters = i;
    while (at(s, i) == ' ' || at(s, i) == '#')
        i++;
    digits = i;
    while (is_digit(at(s, i)) && i - digits < NUMBER_DIGITS)
        i++;
    bool numbered = i > digits;
    char end = at(s, i);
    struct turn_word t = {.hash = turn_word_hash((struct str){s.p, letters})};
    if (letters == 0 ||
        !turn_word_is_among(&t,
                            "q a question answer response user human assistant ai gpt chatgpt bot "
                            "model speaker person interviewer viewer") ||
        !(end == ':' || (numbered && (end == '.' || end == ')'))))
        return 0;
    return i + 1;
}

static struct str without_labels(struct str s)
{
    for (int n = 0; n < LABELS_MAX; n++) {
        size_t mark = number_mark(s);
        mark = mark ? mark : label(s);
        if (mark == 0 || str_trim(str_from(s, mark)).n == 0)
            return s;
        s = str_trim(str_from(s, mark));
    }
    return s;
}

/* A pair of quotation marks around all of it. */
static struct str without_quotes(struct str s)
{
    if (s.n < 3 || s.p[0] != '"' || s.p[s.n - 1] != '"' || memchr(s.p + 1, '"', s.n - 2))
        return s;
    return str_trim((struct str){s.p + 1, s.n - 2});
}

/* Length of a character entity at the start of s, and the byte that it stands for. */
static size_t entity(struct str s, char *out)
{
    static const struct {
        const char *text;
        char c;
    } entities[] = {
        {"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},    {"&quot;", '"'}, {"&#34;", '"'},
        {"&#39;", '\''}, {"&#x27;", '\''}, {"&apos;", '\''}, {"&nbsp;", ' '},
    };
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (str_starts(s, str_of(entities[i].text))) {
            *out = entities[i].c;
            return strlen(entities[i].text);
        }
    return 0;
}

/* Length of an HTML tag at the start of s that only says how its text looks. */
static size_t tag(struct str s)
{
    size_t i = at(s, 1) == '/' ? 2 : 1, from = i;
    while (is_letter(at(s, i)))
        i++;
    struct turn_word t = {.hash = turn_word_hash((struct str){s.p + from, i - from})};
    if (i == from || !turn_word_is_among(&t, "b i u p em strong br span div ul ol li code"))
        return 0;
    while (at(s, i) == ' ' || at(s, i) == '/')
        i++;
    return at(s, i) == '>' ? i + 1 : 0;
}

/* Length of what marks the start of a line as a heading or an item of a list. */
static size_t line_mark(struct str s)
{
    static const char *const marks[] = {"- ", "* ", "> ", "\xe2\x80\xa2 ", "# ", "## ", "### "};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_starts(s, str_of(marks[i])))
            return strlen(marks[i]);
    return number_mark(s);
}

static size_t emphasis(struct str s)
{
    if (str_starts(s, STR("**")) || str_starts(s, STR("__")))
        return 2;
    return at(s, 0) == '`';
}

static struct str without_marks(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1), c = ' ';
    size_t n = 0;
    for (size_t i = 0; out && i < s.n;) {
        struct str rest = str_from(s, i);
        bool line = n == 0 || out[n - 1] == '\n';
        size_t mark = line ? line_mark(rest) : 0;
        if (mark == 0)
            mark = emphasis(rest);
        if (mark == 0 && s.p[i] == '<' && (mark = tag(rest)) > 0)
            out[n++] = ' ';
        if (mark == 0 && s.p[i] == '&' && (mark = entity(rest, &c)) > 0)
            out[n++] = c;
        if (mark == 0)
            out[n++] = s.p[i];
        i += mark ? mark : 1;
    }
    return (struct str){out, n};
}

static bool has_marks(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("<&*_`\n#>-\xe2", s.p[i]))
            return true;
    return false;
}

struct str clean_text(struct draft *d, struct str raw)
{
    struct str s = str_trim(raw);
    if (has_marks(s))
        s = without_marks(s, d->arena);
    if (s.p)
        s = without_quotes(without_labels(without_quotes(str_trim(s))));
    d->repaired |= s.p && !str_eq(s, str_trim(raw));
    return s.p ? text_normalise(d->arena, s) : s;
}
