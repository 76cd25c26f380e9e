/* The form of a text: its length, its end, its repetitions. */
#include <stdlib.h>

#include "server/base/cleanup.h"
#include "stages/filters/look.h"

enum { NOTHING_BYTES_MAX = 24, ROW_MAX = 12 };

bool filter_empty(const struct look *l, const double *param)
{
    static const char *const nothings[] = {
        "n/a",     "na",        "none",        "null",           "nan",  "nil",
        "nothing", "undefined", "unknown",     "empty",          "tbd",  "no caption",
        "no text", "no answer", "no response", "not applicable", "text",
    };
    struct str text = l->c->text;
    (void)param;
    if (l->words->n == 0)
        return true;
    if (text.n > NOTHING_BYTES_MAX)
        return false;
    size_t from = l->words->of[0].at, last = l->words->n - 1;
    size_t to = l->words->of[last].at + l->words->of[last].n;
    for (size_t i = 0; i < sizeof(nothings) / sizeof(nothings[0]); i++)
        if (str_ieq((struct str){text.p + from, to - from}, str_of(nothings[i])))
            return true;
    return false;
}

bool filter_finish_reason(const struct look *l, const double *param)
{
    struct str r = l->c->finish_reason;
    (void)param;
    return str_is(r, "length") || str_is(r, "max_tokens") || str_is(r, "content_filter");
}

bool filter_length(const struct look *l, const double *param)
{
    double n = (double)l->spaced_words;
    return n < param[0] || n > param[1];
}

bool filter_short(const struct look *l, const double *param)
{
    return (double)l->spaced_words < param[0];
}

/* The text without the quotation marks and brackets at its end. */
static struct str without_closers(struct str s)
{
    static const char *const closers[] = {"\"", "'", ")", "]", "*", "”", "’", "»"};
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < sizeof(closers) / sizeof(closers[0]); i++) {
            struct str c = str_of(closers[i]);
            if (s.n < c.n || memcmp(s.p + s.n - c.n, c.p, c.n) != 0)
                continue;
            s.n -= c.n;
            more = true;
        }
    }
    return s;
}

bool filter_unfinished(const struct look *l, const double *param)
{
    struct str s = without_closers(l->c->text), dots = STR("…");
    (void)param;
    if (s.n >= dots.n && memcmp(s.p + s.n - dots.n, dots.p, dots.n) == 0)
        return false;
    return s.n == 0 || !strchr(".!?", s.p[s.n - 1]);
}

/* How often a run of words has been seen; occurrences that overlap count once. */
struct seen {
    uint64_t hash;
    uint32_t times, end; /* end: of the last one counted, plus 1 */
};

static struct seen *find(struct seen *table, size_t mask, uint64_t hash)
{
    size_t at = hash & mask;
    while (table[at].times && table[at].hash != hash)
        at = (at + 1) & mask;
    table[at].hash = hash;
    return &table[at];
}

/* A long name of the main subject, often repeated, stays below the share. */
bool filter_loop(const struct look *l, const double *param)
{
    size_t n = l->words->n, run = (size_t)param[0], size = 64;
    if (l->signs.longest_row > ROW_MAX)
        return true;
    if ((double)n < param[0] * param[1])
        return false;
    while (size < 2 * n)
        size *= 2;
    struct seen *table _cleanup_(freep) = calloc(size, sizeof(*table));
    for (size_t i = 0; table && i + run <= n; i++) {
        struct seen *s = find(table, size - 1, words_hash(&l->words->of[i], run));
        if (s->times && i < s->end)
            continue;
        s->times++;
        s->end = (uint32_t)(i + run);
        if (s->times >= param[1] && (double)(s->times * run) >= param[2] * (double)n)
            return true;
    }
    return false;
}
