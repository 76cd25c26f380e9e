#include "providers/clip/tokenizer_unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Below this nothing takes part in the normal form but together with something above. */
enum { QUIET_BELOW = 0x300, CAPITAL_I_WITH_DOT = 0x130 };

/* Length of the sequence at s, which is not empty; when it is broken, 0, and the length of what a
 * decoder replaces in *bad. */
static size_t sequence(struct str s, size_t *bad)
{
    const uint8_t *p = (const uint8_t *)s.p;
    uint8_t low = 0x80, high = 0xbf;
    size_t n = 2;

    *bad = 1;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (p[0] >= 0xe0) {
        n = p[0] < 0xf0 ? 3 : 4;
        low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : high;
    }
    for (; *bad < n; ++*bad) {
        if (*bad == s.n || p[*bad] < low || p[*bad] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

bool clip_is_utf8(struct str s)
{
    size_t bad;

    while (s.n > 0) {
        size_t n = sequence(s, &bad);
        if (n == 0)
            return false;
        s = str_from(s, n);
    }
    return true;
}

void clip_repair(struct str s, struct buf *out)
{
    size_t bad;

    while (s.n > 0) {
        size_t n = sequence(s, &bad);
        if (n > 0)
            buf_add(out, s.p, n);
        else
            buf_adds(out, STR("\xef\xbf\xbd"));
        s = str_from(s, n > 0 ? n : bad);
    }
}

uint32_t clip_code_point(struct str s, size_t *used)
{
    const uint8_t *p = (const uint8_t *)s.p;

    if (p[0] < 0x80) {
        *used = 1;
        return p[0];
    }
    *used = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = p[0] & (0xffU >> (*used + 1));
    for (size_t i = 1; i < *used; i++)
        c = c << 6 | (p[i] & 0x3fU);
    return c;
}

/* The kind of the run that c is in; the first run begins at 0. */
static uint32_t kind_of(const uint32_t *runs, size_t n, uint32_t c)
{
    size_t low = 0;

    while (n > 1) {
        size_t half = n / 2;
        low += runs[low + half] >> 2 <= c ? half : 0;
        n -= half;
    }
    return runs[low] & 3;
}

enum clip_class clip_class_of(uint32_t c)
{
    if (c >= 'a' && c <= 'z')
        return CLIP_LETTER;
    uint32_t kind = kind_of(clip_classes, clip_classes_n, c);
    return (enum clip_class)kind;
}

static uint32_t lower(uint32_t c)
{
    size_t low = 0, n = clip_cases_n;

    while (n > 1) {
        size_t half = n / 2;
        low += clip_cases[low + half].first <= c ? half : 0;
        n -= half;
    }
    const struct clip_case *k = &clip_cases[low];
    bool is_capital = c >= k->first && c <= k->last && (c - k->first) % k->step == 0;
    return is_capital ? (uint32_t)((int32_t)c + k->add) : c;
}

static void add_code_point(uint32_t c, struct buf *out)
{
    if (!buf_room(out, 4))
        return;
    out->n +=
        (size_t)utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)out->p + out->n);
}

/* Character by character, whatever stands around it. */
static void add_lower(struct str s, struct buf *out)
{
    size_t used;

    if (!buf_room(out, s.n))
        return;
    for (size_t i = 0; i < s.n; i += used) {
        uint8_t first = (uint8_t)s.p[i];
        if (first < 0x80) {
            used = 1;
            buf_addc(out, (char)(first >= 'A' && first <= 'Z' ? first + 32 : first));
            continue;
        }
        uint32_t c = clip_code_point(str_from(s, i), &used);
        if (c == CAPITAL_I_WITH_DOT)
            buf_adds(out, STR("i\xcc\x87"));
        else
            add_code_point(lower(c), out);
    }
}

static void add_composed(struct str run, struct buf *out)
{
    utf8proc_uint8_t *nfc = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)run.p, (utf8proc_ssize_t)run.n,
                                      &nfc, UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    if (n < 0)
        out->failed = true;
    else
        add_lower((struct str){(const char *)nfc, (size_t)n}, out);
    free(nfc);
}

static void add_run(struct str run, bool composes, struct buf *out)
{
    if (composes)
        add_composed(run, out);
    else
        add_lower(run, out);
}

/* A character that takes no part ends what can compose or change its place. Runs between such are
 * normalised alone, so that utf8proc never sees what is newer than the tables. */
void clip_normalise(struct str s, struct buf *out)
{
    size_t start = 0, used;
    bool composes = false;

    for (size_t i = 0; i < s.n; i += used) {
        uint32_t c = clip_code_point(str_from(s, i), &used);
        if (c < QUIET_BELOW)
            continue;
        if (kind_of(clip_normal, clip_normal_n, c) != 0) {
            composes = true;
            continue;
        }
        add_run((struct str){s.p + start, i - start}, composes, out);
        add_lower((struct str){s.p + i, used}, out);
        start = i + used;
        composes = false;
    }
    add_run(str_from(s, start), composes, out);
}
