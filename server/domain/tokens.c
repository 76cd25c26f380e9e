#include "server/domain/tokens.h"

#include <stdbool.h>

enum { TENTHS = 10, WORD_MAX = 13 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Tenths of a token of a word of n letters, on average; words in capitals fall into pieces. */
static size_t word_cost(size_t n, size_t capitals)
{
    static const unsigned char by_length[WORD_MAX + 1] = {0,  10, 10, 10, 11, 12, 14,
                                                          15, 16, 19, 21, 24, 28, 32};
    size_t cost = n <= WORD_MAX ? by_length[n] : by_length[WORD_MAX] + 3 * (n - WORD_MAX);
    size_t pieces = capitals > 1 ? 5 * n + 5 : 0;
    return cost > pieces ? cost : pieces;
}

/* The length of the character at i, and its tenths of a token: letters of European alphabets and
 * typographic punctuation are tokens of their own, most others are two or more. */
static size_t wide_cost(struct str s, size_t i, size_t *cost)
{
    unsigned char c = (unsigned char)s.p[i];
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    bool punctuation = c == 0xe2 && i + 1 < s.n && (unsigned char)s.p[i + 1] == 0x80;
    *cost = punctuation || c < 0xc9 ? TENTHS : n == 2 ? 15 : n == 3 ? 2 * TENTHS : 4 * TENTHS;
    return i + n > s.n ? s.n - i : n;
}

/* The same for a run of letters or of digits, which follows a space or another byte. */
static size_t run_cost(struct str s, size_t i, size_t *cost)
{
    size_t from = i, capitals = 0;
    bool spaced = i == 0 || s.p[i - 1] == ' ';
    if (is_digit(s.p[i])) {
        while (i < s.n && is_digit(s.p[i]))
            i++;
        *cost = TENTHS * (i - from + spaced);
    } else {
        for (; i < s.n && is_letter(s.p[i]); i++)
            capitals += s.p[i] <= 'Z';
        *cost = word_cost(i - from, capitals);
    }
    return i - from;
}

size_t tokens_estimate(struct str text)
{
    size_t tenths = 0;
    for (size_t i = 0, cost = 0; i < text.n; tenths += cost) {
        if (is_letter(text.p[i]) || is_digit(text.p[i])) {
            i += run_cost(text, i, &cost);
        } else if ((unsigned char)text.p[i] >= 0x80) {
            i += wide_cost(text, i, &cost);
        } else {
            cost = text.p[i] == ' ' ? 0 : TENTHS;
            i++;
        }
    }
    return (tenths + TENTHS - 1) / TENTHS;
}

size_t tokens_sample(const struct str *turns, size_t n)
{
    const struct str image = STR("<image>\n");
    size_t tokens = SAMPLE_TOKENS_FRONT + SAMPLE_TOKENS_TURN * (n / 2);
    for (size_t i = 0; i < n; i++)
        tokens +=
            tokens_estimate(str_starts(turns[i], image) ? str_from(turns[i], image.n) : turns[i]);
    return tokens;
}
