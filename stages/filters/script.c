/* What a text is written in: characters that should not be there, scripts, the share of English. */
#include "stages/filters/look.h"
#include "stages/stage.h"

enum { ENGLISH_WORDS_MIN = 8 };

/* Decodes the code point at p, which is valid UTF-8 and not ASCII; its length. */
static size_t decode(const unsigned char *p, uint32_t *c)
{
    if (*p < 0xe0) {
        *c = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (*p < 0xf0) {
        *c = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return 3;
    }
    *c = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
         (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    return 4;
}

/* Characters that nobody sees or that stand for lost ones: C1 controls, soft hyphens, zero width,
 * bidirectional formatting, private use, the replacement character, tags. */
static bool is_formatting(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0 && c != 0x85) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           (c >= 0xe000 && c <= 0xf8ff) || c == 0xfeff || (c >= 0xfff9 && c <= 0xffff) ||
           c >= 0xe0000;
}

/* UTF-8 that was read as Latin-1 or Windows-1252: a lead byte as a letter, then what its
 * continuation became. */
static bool is_mojibake(uint32_t before, uint32_t c)
{
    bool continuation = (c >= 0x80 && c <= 0xbf) || c == 0x20ac || (c >= 0x2013 && c <= 0x203a) ||
                        c == 0x2122 || c == 0x0178 || c == 0x0152 || c == 0x0153 || c == 0x0160 ||
                        c == 0x0161 || c == 0x017d || c == 0x017e || c == 0x02c6 || c == 0x02dc;
    return continuation &&
           (before == 0xc2 || before == 0xc3 || before == 0xe2 || before == 0xf0 || before == 0xef);
}

static bool is_other_letter(uint32_t c)
{
    return (c >= 0x370 && c < 0x2000) || (c >= 0x2c00 && c < 0x2e00) ||
           (c >= 0x3040 && c < 0xe000) || (c >= 0xf900 && c < 0xfe00) ||
           (c >= 0xfe70 && c < 0xfeff) || (c >= 0x20000 && c < 0xe0000);
}

static void note_wide(struct signs *s, uint32_t before, uint32_t c)
{
    bool other = is_other_letter(c);
    s->other_letters += other;
    s->letters += other || (c >= 0xc0 && c < 0x370);
    s->broken = s->broken || is_formatting(c) || is_mojibake(before, c);
    s->quotes = s->quotes || c == 0xab || c == 0x2018 || c == 0x201c;
}

static bool is_control(unsigned c)
{
    return c == 0x7f || (c < 0x20 && !(c >= '\t' && c <= '\r'));
}

void signs_read(struct str raw, struct signs *s)
{
    const unsigned char *p = (const unsigned char *)raw.p, *end = p + raw.n;
    uint32_t before = 0, c = 0;
    size_t row = 0;
    *s = (struct signs){0};
    for (; p < end; before = c) {
        if (*p < 0x80) {
            c = *p++;
            s->has[c] = true;
            s->letters += (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        } else {
            p += decode(p, &c);
            note_wide(s, before, c);
        }
        row = c == before && c != ' ' && c != '\n' ? row + 1 : 1;
        s->longest_row = row > s->longest_row ? row : s->longest_row;
    }
    for (unsigned i = 0; i < 128; i++) {
        s->broken = s->broken || (s->has[i] && is_control(i));
        s->digits = s->digits || (s->has[i] && i >= '0' && i <= '9');
    }
    s->quotes = s->quotes || s->has['"'] || s->has['\''];
}

bool filter_reserved_string(const struct look *l, const double *param)
{
    const bool *has = l->signs.has;
    (void)param;
    return (has['<'] || has['|'] || has['['] || has[':']) && reserved_string(l->c->text);
}

bool filter_mojibake(const struct look *l, const double *param)
{
    (void)param;
    return l->signs.broken;
}

bool filter_language(const struct look *l, const double *param)
{
    size_t common = 0;
    if ((double)l->signs.other_letters > param[0] * (double)l->signs.letters)
        return true;
    if (l->words->n < ENGLISH_WORDS_MIN)
        return false;
    for (size_t i = 0; i < l->words->n; i++)
        common += (l->kinds[i] & WORD_STOP) != 0;
    return (double)common < param[1] * (double)l->words->n;
}
