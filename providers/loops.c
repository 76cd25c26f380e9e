#include "providers/loops.h"

#include <stdbool.h>

enum {
    STRIDE = 128, /* bytes between two looks for a repetition */
    TAIL = 48,    /* bytes at the end that must have been there before */
};

static bool look_for_spaces(struct loops *l, struct str text)
{
    for (; l->spaces_seen < text.n; l->spaces_seen++) {
        char c = text.p[l->spaces_seen];
        bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        l->spaces = space ? l->spaces + 1 : 0;
        if (l->spaces >= LOOP_SPACES)
            return true;
    }
    return false;
}

/* The distance at which the end of the text was there before; 0 when it was not. */
static size_t period_of(struct str text)
{
    const char *tail = text.p + text.n - TAIL;
    size_t most = text.n - TAIL < LOOP_UNIT_MAX ? text.n - TAIL : LOOP_UNIT_MAX;

    for (size_t d = 1; d <= most; d++)
        if (tail[-(ptrdiff_t)d] == tail[0] && memcmp(tail - d, tail, TAIL) == 0)
            return d;
    return 0;
}

static bool ends_in_repetition(struct str text)
{
    size_t period = text.n > TAIL ? period_of(text) : 0;
    size_t needed = LOOP_TIMES * period > LOOP_BYTES ? LOOP_TIMES * period : LOOP_BYTES;

    if (period == 0 || text.n < needed)
        return false;
    const char *end = text.p + text.n;
    return memcmp(end - needed, end - needed + period, needed - period) == 0;
}

enum loop_kind loops_look(struct loops *l, struct str text)
{
    if (l->found == LOOP_NONE && look_for_spaces(l, text))
        l->found = LOOP_WHITESPACE;
    while (l->found == LOOP_NONE && text.n - l->checked >= STRIDE) {
        l->checked += STRIDE;
        if (ends_in_repetition((struct str){text.p, l->checked}))
            l->found = LOOP_REPETITION;
    }
    return l->found;
}

const char *loop_reason(enum loop_kind kind)
{
    static const char *const reasons[] = {NULL, "whitespace_loop", "repetition_loop"};

    return reasons[kind];
}
