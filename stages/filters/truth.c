/* The caption against its seed: what it keeps, and what it makes up. */
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "stages/filters/look.h"

enum { STEM_BYTES_MAX = 32, CONTENT_WORDS_MAX = 64 };

struct stem {
    char p[STEM_BYTES_MAX];
    size_t n;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool ends(const struct stem *s, struct str end, size_t least)
{
    return s->n >= least && s->n > end.n && memcmp(s->p + s->n - end.n, end.p, end.n) == 0;
}

/* Lengths are written out: this is asked of every word. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static struct str irregular(const struct stem *s)
{
    static const struct {
        struct str form, stem;
    } forms[] = {
        {TEXT("men"), TEXT("man")},       {TEXT("women"), TEXT("woman")},
        {TEXT("people"), TEXT("person")}, {TEXT("children"), TEXT("child")},
        {TEXT("feet"), TEXT("foot")},     {TEXT("teeth"), TEXT("tooth")},
        {TEXT("mice"), TEXT("mouse")},    {TEXT("geese"), TEXT("goose")},
        {TEXT("leave"), TEXT("leaf")},    {TEXT("knive"), TEXT("knife")},
        {TEXT("wolve"), TEXT("wolf")},    {TEXT("ran"), TEXT("run")},
        {TEXT("sat"), TEXT("sit")},       {TEXT("stood"), TEXT("stand")},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (str_eq((struct str){s->p, s->n}, forms[i].form))
            return forms[i].stem;
    return (struct str){NULL, 0};
}

static void strip_plural(struct stem *s)
{
    if (ends(s, STR("ies"), 5)) {
        s->n -= 2;
        s->p[s->n - 1] = 'y';
    } else if (ends(s, STR("sses"), 5) || ends(s, STR("shes"), 5) || ends(s, STR("ches"), 5) ||
               ends(s, STR("xes"), 4)) {
        s->n -= 2;
    } else if (ends(s, STR("s"), 4) && !strchr("sui", s->p[s->n - 2])) {
        s->n--;
    }
}

/* Light and the same for all words: "dogs", "running" and "danced" meet "dog", "run" and "dance",
 * and what else meets by it does no harm. */
static void make_stem(struct str word, struct stem *s)
{
    *s = (struct stem){.n = 0};
    for (size_t i = 0; i < word.n && s->n < sizeof(s->p); i++)
        if (word.p[i] != '\'')
            s->p[s->n++] = lower(word.p[i]);
    strip_plural(s);
    struct str other = irregular(s);
    if (other.p) {
        memcpy(s->p, other.p, other.n);
        s->n = other.n;
        return;
    }
    if (ends(s, STR("ing"), 6))
        s->n -= 3;
    else if (ends(s, STR("ed"), 5))
        s->n -= 2;
    if (s->n > 3 && s->p[s->n - 1] == 'e')
        s->n--;
    if (s->n > 3 && s->p[s->n - 1] == s->p[s->n - 2])
        s->n--;
}

static uint64_t stem_hash(struct str word)
{
    struct stem s;
    uint64_t h = 0;
    make_stem(word, &s);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3U;
    return mix64(h);
}

/* The stems of the seed's words that carry its content, each once. */
static size_t content_stems(const struct look *l, uint64_t stems[CONTENT_WORDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < l->seed.n && n < CONTENT_WORDS_MAX; i++) {
        const struct word *w = &l->seed.of[i];
        size_t k = 0;
        if (w->n < 2 || (lexicon_kinds(w, 1) & WORD_STOP))
            continue;
        uint64_t hash = stem_hash((struct str){l->c->seed.p + w->at, w->n});
        while (k < n && stems[k] != hash)
            k++;
        if (k == n)
            stems[n++] = hash;
    }
    return n;
}

bool filter_seed_kept(const struct look *l, const double *param)
{
    uint64_t stems[CONTENT_WORDS_MAX], found = 0;
    size_t n = content_stems(l, stems), kept = 0;
    for (size_t i = 0; n > 0 && i < l->words->n; i++) {
        if (l->kinds[i] & WORD_STOP)
            continue;
        uint64_t hash = stem_hash(look_word(l, i));
        for (size_t k = 0; k < n; k++)
            if (stems[k] == hash)
                found |= 1ULL << k;
    }
    for (size_t k = 0; k < n; k++)
        kept += (found >> k) & 1;
    return n > 0 && (double)kept < param[0] * (double)n;
}

/* The next number in digits from *at on: "1,200" and "3.5" are one each. Unset at the end. */
static struct str next_number(struct str s, size_t *at)
{
    size_t i = *at;
    while (i < s.n && !(s.p[i] >= '0' && s.p[i] <= '9'))
        i++;
    size_t start = i;
    while (i < s.n &&
           ((s.p[i] >= '0' && s.p[i] <= '9') ||
            (strchr(",.:", s.p[i]) && i + 1 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '9')))
        i++;
    *at = i;
    return start < s.n ? (struct str){s.p + start, i - start} : (struct str){NULL, 0};
}

static bool has_number(struct str s, struct str number)
{
    size_t at = 0;
    for (struct str n = next_number(s, &at); n.p; n = next_number(s, &at))
        if (str_eq(n, number))
            return true;
    return false;
}

/* Whether the seed has the number as a word. */
static bool has_number_word(const struct look *l, struct str number)
{
    static const char *const words[] = {
        "zero",     "one",     "two",     "three",     "four",     "five",     "six",
        "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
        "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    };
    int64_t v;
    if (!str_to_i64(number, 0, (int64_t)(sizeof(words) / sizeof(words[0])) - 1, &v))
        return false;
    for (size_t i = 0; i < l->seed.n; i++)
        if (str_ieq((struct str){l->c->seed.p + l->seed.of[i].at, l->seed.of[i].n},
                    str_of(words[v])))
            return true;
    return false;
}

bool filter_invented_digits(const struct look *l, const double *param)
{
    size_t at = 0;
    (void)param;
    if (!l->signs.digits)
        return false;
    for (struct str n = next_number(l->c->text, &at); n.p; n = next_number(l->c->text, &at))
        if (!has_number(l->c->seed, n) && !has_number_word(l, n))
            return true;
    return false;
}

static bool seed_says(const struct look *l, struct str quoted)
{
    struct words w _cleanup_(words_free) = {NULL, 0};
    if (words_split(quoted, &w) < 0)
        return true;
    return w.n == 0 || words_contain(&l->seed, w.of, w.n);
}

/* The quoted words that begin at or behind *at; unset when there are none. A single quotation mark
 * opens only behind a space, because it is an apostrophe more often. */
static struct str next_quote(struct str s, size_t *at)
{
    static const struct {
        struct str open, close;
    } marks[] = {{TEXT("\""), TEXT("\"")},
                 {TEXT("“"), TEXT("”")},
                 {TEXT("‘"), TEXT("’")},
                 {TEXT(" '"), TEXT("'")},
                 {TEXT("«"), TEXT("»")}};
    for (; *at < s.n; ++*at)
        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
            struct str rest = str_from(s, *at);
            if (rest.p[0] != marks[i].open.p[0] || !str_starts(rest, marks[i].open))
                continue;
            rest = str_from(rest, marks[i].open.n);
            ptrdiff_t n = str_find(rest, marks[i].close);
            if (n <= 0)
                continue;
            *at += marks[i].open.n + (size_t)n + marks[i].close.n;
            return (struct str){rest.p, (size_t)n};
        }
    return (struct str){NULL, 0};
}

bool filter_invented_quotes(const struct look *l, const double *param)
{
    size_t at = 0;
    (void)param;
    if (!l->signs.quotes)
        return false;
    for (struct str q = next_quote(l->c->text, &at); q.p; q = next_quote(l->c->text, &at))
        if (!seed_says(l, q))
            return true;
    return false;
}
