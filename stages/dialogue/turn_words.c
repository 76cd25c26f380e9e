#include "stages/dialogue/turn_words.h"

#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_ascii_word(char c)
{
    c = folded(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of punctuation beyond ASCII at p: U+0080 to U+00BF and U+2000 to U+203F. */
static size_t wide_punctuation(const char *p, const char *end)
{
    unsigned char first = (unsigned char)*p;
    if (first == 0xc2 && end - p >= 2)
        return 2;
    return first == 0xe2 && end - p >= 3 && (unsigned char)p[1] == 0x80 ? 3 : 0;
}

static size_t apostrophe(const char *p, const char *end)
{
    if (*p == '\'')
        return 1;
    struct str rest = {p, (size_t)(end - p)};
    return str_starts(rest, STR("\xe2\x80\x99")) || str_starts(rest, STR("\xe2\x80\x98")) ? 3 : 0;
}

static bool in_word(const char *p, const char *end)
{
    if (p >= end)
        return false;
    return (unsigned char)*p < 0x80 ? is_ascii_word(*p) : wide_punctuation(p, end) == 0;
}

uint64_t turn_word_hash(struct str word)
{
    uint64_t h = FNV_BASIS;
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] != '\'')
            h = (h ^ (unsigned char)folded(word.p[i])) * FNV_PRIME;
    return h;
}

/* Reads the word at p; its end. */
static const char *read_word(const char *p, const char *end, struct turn_word *t)
{
    const char *from = p, *last = p;
    uint64_t h = FNV_BASIS, before = h;
    for (;;) {
        if (in_word(p, end)) {
            before = h;
            last = p;
            h = (h ^ (unsigned char)folded(*p)) * FNV_PRIME;
            p++;
            continue;
        }
        size_t skip = p < end ? apostrophe(p, end) : 0;
        if (skip == 0 || !in_word(p + skip, end))
            break;
        p += skip;
    }
    bool plural = p - from > 3 && folded(*last) == 's';
    *t = (struct turn_word){
        .text = {from, (size_t)(p - from)}, .hash = h, .singular = plural ? before : h};
    return p;
}

/* Skips to the next word; whether a sentence ends before it. */
static bool skip_gap(const char **p, const char *end)
{
    bool ends = false;
    while (*p < end && !in_word(*p, end)) {
        ends |= **p == '.' || **p == '!' || **p == '?';
        *p += (unsigned char)**p < 0x80 ? 1 : wide_punctuation(*p, end);
    }
    return ends || *p >= end;
}

bool turn_words_split(struct str text, struct arena *a, struct turn_words *out)
{
    const char *p = text.p, *end = text.p + text.n;
    *out = (struct turn_words){arena_alloc(a, (text.n / 2 + 1) * sizeof(struct turn_word)), 0};
    if (!out->of)
        return false;
    if (text.n > 0)
        (void)skip_gap(&p, end);
    while (p < end) {
        struct turn_word *t = &out->of[out->n++];
        p = read_word(p, end, t);
        t->ends = skip_gap(&p, end);
    }
    return true;
}

/* The next word of words divided by single spaces; n is 0 at their end. */
static struct str next_word(const char **text)
{
    struct str word = {*text, strcspn(*text, " ")};
    *text += word.n;
    *text += **text == ' ';
    return word;
}

bool turn_word_is_among(const struct turn_word *t, const char *list)
{
    for (struct str word = next_word(&list); word.n > 0; word = next_word(&list))
        if (turn_word_hash(word) == t->hash)
            return true;
    return false;
}

void phrases_compile(struct phrases *p, const char *const *texts)
{
    *p = (struct phrases){0};
    for (; *texts && p->n < PHRASES_MAX; texts++) {
        struct phrase *one = &p->of[p->n++];
        const char *rest = one->text = *texts;
        for (struct str word = next_word(&rest); word.n > 0 && one->n < PHRASE_WORDS;
             word = next_word(&rest))
            one->term[one->n++] = turn_word_hash(word);
        p->first[one->term[0] >> 6 & 3] |= UINT64_C(1) << (one->term[0] & 63);
    }
}

static bool may_begin(const struct phrases *p, uint64_t hash)
{
    return p->first[hash >> 6 & 3] & UINT64_C(1) << (hash & 63);
}

static bool stands_at(const struct phrase *one, const struct turn_words *t, size_t at)
{
    if (at + one->n > t->n)
        return false;
    for (size_t i = 0; i < one->n; i++)
        if (t->of[at + i].hash != one->term[i] && t->of[at + i].singular != one->term[i])
            return false;
    return true;
}

int phrases_at(const struct phrases *p, const struct turn_words *t, size_t at)
{
    if (!may_begin(p, t->of[at].hash) && !may_begin(p, t->of[at].singular))
        return -1;
    for (size_t i = 0; i < p->n; i++)
        if (stands_at(&p->of[i], t, at))
            return (int)i;
    return -1;
}

int phrases_find(const struct phrases *p, const struct turn_words *t, size_t from, size_t to,
                 size_t *where)
{
    for (size_t at = from; at < t->n && at < to; at++) {
        int found = phrases_at(p, t, at);
        if (found >= 0) {
            *where = at;
            return found;
        }
    }
    return -1;
}
