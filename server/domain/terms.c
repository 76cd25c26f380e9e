#include "server/domain/terms.h"

#include <stdlib.h>
#include <utf8proc.h>

#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

/* What the bytes of a word are in lower case; 0 for those that are in none. */
#define LOWER_LETTERS                                                                              \
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', \
        't', 'u', 'v', 'w', 'x', 'y', 'z'
static const unsigned char lower_ascii[256] = {
    ['0'] = '0',           '1', '2', '3', '4', '5', '6', '7', '8', '9', ['A'] = LOWER_LETTERS,
    ['a'] = LOWER_LETTERS,
};

/* A position in a text, and what a word is made into: its hash and, when asked for, its bytes. */
struct cursor {
    const unsigned char *p, *end;
    uint64_t hash;
    char *out; /* NULL: not asked for */
    size_t n, size;
};

static void put(struct cursor *c, unsigned char byte)
{
    c->hash = (c->hash ^ byte) * FNV_PRIME;
    if (c->out && c->n < c->size)
        c->out[c->n] = (char)byte;
    c->n++;
}

/* The code point at p and its length; 1 and no code point for what is not UTF-8. */
static size_t code_at(const unsigned char *p, const unsigned char *end, utf8proc_int32_t *code)
{
    utf8proc_ssize_t n = utf8proc_iterate(p, end - p, code);
    return n > 0 ? (size_t)n : 1;
}

static bool is_word_code(utf8proc_int32_t code)
{
    if (code < 0)
        return false;
    utf8proc_category_t category = utf8proc_category(code);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

static bool starts_word(const unsigned char *p, const unsigned char *end)
{
    utf8proc_int32_t code = -1;
    if (p >= end || *p < 0x80)
        return p < end && lower_ascii[*p];
    (void)code_at(p, end, &code);
    return is_word_code(code);
}

/* Goes on with a word at an apostrophe or past ASCII; false when the word ends here. */
static bool take_wide(struct cursor *c)
{
    enum { RIGHT_QUOTE = 0x2019 };
    utf8proc_int32_t code = -1;
    utf8proc_uint8_t bytes[4];
    size_t n = code_at(c->p, c->end, &code);
    if (code == '\'' || code == RIGHT_QUOTE) {
        if (!starts_word(c->p + n, c->end))
            return false;
        put(c, '\'');
    } else {
        if (!is_word_code(code))
            return false;
        utf8proc_ssize_t out = utf8proc_encode_char(utf8proc_tolower(code), bytes);
        for (utf8proc_ssize_t i = 0; i < out; i++)
            put(c, bytes[i]);
    }
    c->p += n;
    return true;
}

/* Takes the next word; false at the end of the text. */
static bool take_word(struct cursor *c)
{
    utf8proc_int32_t code = -1;
    while (c->p < c->end && !starts_word(c->p, c->end))
        c->p += *c->p < 0x80 ? 1 : code_at(c->p, c->end, &code);
    if (c->p >= c->end)
        return false;
    c->hash = FNV_BASIS;
    while (c->p < c->end) {
        unsigned char byte = lower_ascii[*c->p];
        if (byte) {
            put(c, byte);
            c->p++;
        } else if ((*c->p < 0x80 && *c->p != '\'') || !take_wide(c)) {
            break;
        }
    }
    return true;
}

static struct cursor cursor_at(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    return (struct cursor){.p = p, .end = p + text.n};
}

bool terms_split(struct terms *w, struct str text)
{
    /* A word and what parts it from the next have two bytes at least. */
    size_t most = text.n / 2 + 1;
    w->n = 0;
    if (most > w->cap) {
        uint64_t *grown = realloc(w->hash, most * sizeof(*grown));
        if (!grown)
            return false;
        w->hash = grown;
        w->cap = most;
    }
    struct cursor c = cursor_at(text);
    while (take_word(&c))
        w->hash[w->n++] = hash_mix(c.hash);
    return true;
}

void terms_free(struct terms *w)
{
    free(w->hash);
    *w = (struct terms){0};
}

void terms_first(struct str text, size_t n, char *out, size_t size)
{
    struct cursor c = cursor_at(text);
    size_t whole = 0;
    c.out = out;
    c.size = size - 1;
    for (size_t i = 0; i < n && take_word(&c) && c.n <= c.size; i++) {
        whole = c.n;
        put(&c, ' ');
    }
    out[whole] = '\0';
}

uint64_t term_hash(struct str lower)
{
    uint64_t h = FNV_BASIS;
    for (size_t i = 0; i < lower.n; i++)
        h = (h ^ (unsigned char)lower.p[i]) * FNV_PRIME;
    return hash_mix(h);
}
