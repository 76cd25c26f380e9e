#include "providers/offline/words.h"

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool ends_sentence(unsigned char c)
{
    return c == '.' || c == '!' || c == '?';
}

static void lower_copy(struct words *ws)
{
    for (size_t i = 0; i < ws->text.n; i++) {
        char c = ws->text.p[i];

        ws->lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
}

/* Hyphen and apostrophe belong to a word when letters stand on both sides. */
static size_t word_end(const struct words *ws, size_t i)
{
    size_t n = ws->text.n;

    while (i < n) {
        char c = ws->lower[i];
        bool joins =
            (c == '-' || c == '\'') && i + 1 < n && is_word_byte((unsigned char)ws->lower[i + 1]);

        if (!is_word_byte((unsigned char)c) && !joins)
            break;
        i++;
    }
    return i;
}

static void strip_possessive(struct word *w)
{
    if (w->s.n > 2 && memcmp(w->s.p + w->s.n - 2, "'s", 2) == 0) {
        w->s.n -= 2;
        w->possessive = true;
    }
}

/* The stem that the regular endings leave; short words keep theirs. */
static struct str stem(struct str s)
{
    static const char *const endings[] = {"ing", "es", "ed", "s", "e"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t n = strlen(endings[i]);

        if (s.n >= n + 3 && memcmp(s.p + s.n - n, endings[i], n) == 0)
            return (struct str){s.p, s.n - n};
    }
    return s;
}

static void split(struct words *ws)
{
    uint8_t sentence = 0;
    bool first = true, pause = false;
    size_t i = 0;

    while (i < ws->text.n && ws->n < WORDS_MAX) {
        unsigned char c = (unsigned char)ws->lower[i];
        struct word *w = &ws->w[ws->n];

        if (!is_word_byte(c)) {
            bool closing = ends_sentence(c) && ws->n > 0 && !first;

            sentence = (uint8_t)(sentence + (closing && sentence < UINT8_MAX));
            first = first || closing;
            pause = pause || (c != ' ' && c != '"' && c != '\'');
            i++;
            continue;
        }
        *w = (struct word){.at = (uint32_t)i, .sentence = sentence, .first = first, .pause = pause};
        w->s = (struct str){ws->lower + i, word_end(ws, i) - i};
        w->capital = ws->text.p[i] >= 'A' && ws->text.p[i] <= 'Z';
        i += w->s.n;
        strip_possessive(w);
        w->stem = stem(w->s);
        first = pause = false;
        ws->n++;
    }
}

/* The longest phrase that starts at word i and does not run over a pause. */
static size_t look_up(struct words *ws, size_t i)
{
    struct word *w = &ws->w[i];

    for (size_t span = LEX_WORDS_MAX; span > 0; span--) {
        struct str key = w->s;
        bool whole = i + span <= ws->n;

        for (size_t k = i + 1; whole && k < i + span; k++)
            whole = !ws->w[k].pause && !ws->w[k].first && !ws->w[k - 1].possessive;
        if (!whole)
            continue;
        key.n = (size_t)(ws->w[i + span - 1].s.p + ws->w[i + span - 1].s.n - key.p);
        w->lex = lex_find(key);
        if (w->lex) {
            w->span = (uint8_t)span;
            return span;
        }
    }
    w->span = 1;
    return 1;
}

void words_read(struct words *ws, struct str text)
{
    ws->text = text;
    if (ws->text.n > WORDS_BYTES_MAX)
        ws->text.n = WORDS_BYTES_MAX;
    ws->n = 0;
    lower_copy(ws);
    split(ws);
    for (size_t i = 0; i < ws->n;)
        i += look_up(ws, i);
}

const struct mod *word_mod(const struct words *ws, size_t i)
{
    return i < ws->n && ws->w[i].lex ? ws->w[i].lex->mod : NULL;
}

const struct noun *word_noun(const struct words *ws, size_t i)
{
    return i < ws->n && ws->w[i].lex ? ws->w[i].lex->noun : NULL;
}

const struct verb *word_verb(const struct words *ws, size_t i)
{
    return i < ws->n && ws->w[i].lex ? ws->w[i].lex->verb : NULL;
}

bool word_is(const struct words *ws, size_t i, const char *z)
{
    return i < ws->n && str_is(ws->w[i].s, z);
}

bool word_is_mod(const struct words *ws, size_t i, enum mod_class class)
{
    const struct mod *m = word_mod(ws, i);

    return m && m->class == class;
}

struct str words_slice(const struct words *ws, size_t first, size_t end)
{
    const struct word *a = &ws->w[first], *b = &ws->w[end - 1];

    return (struct str){ws->text.p + a->at, (size_t)(b->s.p + b->s.n - a->s.p)};
}

/* "spider-man" has the parts "spider" and "man". */
static bool has_part(struct str word, struct str wanted)
{
    const char *hyphen = memchr(word.p, '-', word.n);

    while (hyphen) {
        size_t n = (size_t)(hyphen - word.p);

        if (str_eq(stem((struct str){word.p, n}), wanted))
            return true;
        word = str_from(word, n + 1);
        hyphen = memchr(word.p, '-', word.n);
        if (!hyphen && str_eq(stem(word), wanted))
            return true;
    }
    return false;
}

bool words_have(const struct words *ws, struct str word)
{
    struct str wanted = stem(word);

    for (size_t i = 0; i < ws->n; i++)
        if (str_eq(ws->w[i].stem, wanted) || has_part(ws->w[i].s, wanted))
            return true;
    return false;
}

bool words_have_phrase(const struct words *ws, struct str phrase)
{
    for (size_t i = 0; i < ws->n; i++) {
        size_t at = ws->w[i].at, end = at + phrase.n;

        if (phrase.n == 0 || ws->lower[at] != phrase.p[0])
            continue;
        if (end <= ws->text.n && memcmp(ws->lower + at, phrase.p, phrase.n) == 0 &&
            (end == ws->text.n || !is_word_byte((unsigned char)ws->lower[end])))
            return true;
    }
    return false;
}
