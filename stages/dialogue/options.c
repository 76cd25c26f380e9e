/* The four options of a question, and which of them is right. */
#include "server/base/text.h"
#include "stages/dialogue/dialogue.h"

enum { SHOWN_MAX = 20 };

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Length of "A: ", "A) ", "A. " or "(A) " at the start of s, in either case. */
static size_t letter_mark(struct str s, int place)
{
    size_t open = s.n > 0 && (s.p[0] == '(' || s.p[0] == '[');
    if (s.n < open + 3 || upper(s.p[open]) != 'A' + place)
        return 0;
    char end = s.p[open + 1];
    bool closed = open ? end == ')' || end == ']' : end == ':' || end == ')' || end == '.';
    return closed && is_white(s.p[open + 2]) ? open + 3 : 0;
}

/* Where the mark of an option begins, from `from` on; s.n when there is none. */
static size_t find_mark(struct str s, size_t from, int place)
{
    for (size_t i = from; i < s.n; i++)
        if ((i == 0 || is_white(s.p[i - 1])) && letter_mark(str_from(s, i), place) > 0)
            return i;
    return s.n;
}

int options_in_text(struct str *text, struct str out[OPTIONS])
{
    size_t start[OPTIONS + 1];
    struct str s = *text;
    memset(out, 0, OPTIONS * sizeof(*out));
    start[OPTIONS] = s.n;
    for (int i = 0; i < OPTIONS; i++) {
        start[i] = s.p ? find_mark(s, i ? start[i - 1] + 2 : 0, i) : s.n;
        if (start[i] == s.n)
            return 0;
    }
    for (int i = 0; i < OPTIONS; i++) {
        struct str one = {s.p + start[i], start[i + 1] - start[i]};
        one = str_trim(str_from(one, letter_mark(one, i)));
        const char *line_end = one.n ? memchr(one.p, '\n', one.n) : NULL;
        out[i] = line_end ? str_trim((struct str){one.p, (size_t)(line_end - one.p)}) : one;
    }
    *text = str_trim((struct str){s.p, start[0]});
    return OPTIONS;
}

/* Without the final stop that models put behind some of the options. */
static struct str bare(struct str s)
{
    s = str_trim(s);
    while (s.n > 0 && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ','))
        s.n--;
    return s;
}

static int option_with_text(const struct pair *p, struct str text)
{
    for (int i = 0; i < OPTIONS; i++)
        if (str_ieq(bare(p->option[i]), bare(text)))
            return i;
    return -1;
}

static struct str without_opening(struct str s)
{
    static const char *const openings[] = {
        "the correct answer is",
        "the right answer is",
        "correct answer:",
        "the answer is",
        "the correct option is",
        "answer:",
        "option ",
    };
    s = str_trim(s);
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        struct str opening = str_of(openings[i]);
        if (s.n > opening.n && str_ieq((struct str){s.p, opening.n}, opening))
            s = str_trim(str_from(s, opening.n));
    }
    return s;
}

/* "B", "b.", "(B)", "B) the text", "B: the text": the letter, and what follows it. */
static int leading_letter(struct str s, struct str *rest)
{
    size_t open = s.n > 0 && strchr("([\"'", s.p[0]);
    if (s.n <= open || upper(s.p[open]) < 'A' || upper(s.p[open]) > 'D')
        return -1;
    int letter = upper(s.p[open]) - 'A';
    *rest = str_from(s, open + 1);
    if (rest->n > 0 && !strchr(".):]\"',-/ ", rest->p[0]))
        return -1;
    while (rest->n > 0 && strchr(".):]\"'- ", rest->p[0]))
        *rest = str_from(*rest, 1);
    return letter;
}

static void find_right(struct pair *p)
{
    struct str said = without_opening(p->answer), rest = {NULL, 0};
    int by_text = option_with_text(p, said), letter = leading_letter(said, &rest);
    if (by_text >= 0 && said.n > 1) {
        p->right = by_text;
    } else if (letter < 0) {
        fault_set(&p->fault, "letters",
                  "has the answer \"%.*s\", which is none of the letters A, B, C, D",
                  said.n < SHOWN_MAX ? (int)said.n : SHOWN_MAX, said.p);
    } else if (rest.n > 0 && option_with_text(p, rest) != letter) {
        struct str other;
        bool two = rest.p[0] == ',' || rest.p[0] == '/' || leading_letter(rest, &other) >= 0 ||
                   str_starts(rest, STR("and ")) || str_starts(rest, STR("or "));
        fault_set(&p->fault, "letters",
                  two ? "has more than one right option; make exactly one right"
                      : "has a letter and a text as its answer that do not belong together");
    } else {
        p->right = letter;
    }
}

static bool all_marked(const struct pair *p)
{
    for (int i = 0; i < OPTIONS; i++)
        if (letter_mark(str_trim(p->option[i]), i) == 0)
            return false;
    return true;
}

void options_settle(struct draft *d, struct pair *p)
{
    bool marked = all_marked(p);
    for (int i = 0; i < OPTIONS; i++) {
        struct str s = str_trim(p->option[i]);
        if (p->option[i].p)
            p->option[i] = clean_text(d, marked ? str_from(s, letter_mark(s, i)) : s);
        if (!p->option[i].p || p->option[i].n == 0) {
            fault_set(&p->fault, "options", "has no option %c; write four, A to D", 'A' + i);
            return;
        }
    }
    if (p->n_options > OPTIONS)
        d->repaired = true;
    find_right(p);
    d->repaired |= marked || p->answer.n != 1;
}
