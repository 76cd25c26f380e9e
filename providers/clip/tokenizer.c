#include "providers/clip/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "providers/clip/tokenizer_state.h"
#include "providers/clip/tokenizer_unicode.h"
#include "server/base/buf.h"
#include "server/base/cleanup.h"

enum { STACK_IDS = 256 };

/* Where the tokens of a text go: at most `room`, and whether there were more. */
struct sink {
    const struct clip_tokenizer *t;
    int32_t *ids;
    size_t n, room;
    bool over, failed;
};

static bool is_done(const struct sink *out)
{
    return out->over || out->failed;
}

static void put_ids(struct sink *out, const int32_t *ids, size_t n)
{
    size_t fits = out->room - out->n;

    out->over = n > fits;
    n = out->over ? fits : n;
    memcpy(out->ids + out->n, ids, n * sizeof(*ids));
    out->n += n;
}

static void put_word(struct sink *out, struct str word)
{
    int32_t few[STACK_IDS];
    _cleanup_(freep) int32_t *many = NULL;

    if (is_done(out))
        return;
    if (word.n > STACK_IDS)
        many = malloc(word.n * sizeof(*many));
    int32_t *ids = word.n > STACK_IDS ? many : few;
    ptrdiff_t n = ids ? clip_bpe_encode(&out->t->bpe, word, ids) : -1;
    if (n < 0)
        out->failed = true;
    else
        put_ids(out, ids, (size_t)n);
}

/* ---- words ---- */

/* The endings that are words of their own, by what follows the apostrophe. */
static size_t ending(struct str s)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (str_starts(s, str_of(endings[i])))
            return strlen(endings[i]);
    return 0;
}

/* Length of the characters of class k at the start of s. */
static size_t span(struct str s, enum clip_class k)
{
    size_t used, n = 0;

    while (n < s.n && clip_class_of(clip_code_point(str_from(s, n), &used)) == k)
        n += used;
    return n;
}

/* A name that is a word is cut once more where letters and signs meet. */
static size_t put_name(struct sink *out, struct str s)
{
    static const char *const names[] = {CLIP_BOS, CLIP_EOS};

    for (size_t i = 0; out->t->names_are_words && i < 2; i++) {
        struct str name = str_of(names[i]);
        if (!str_starts(s, name))
            continue;
        put_word(out, (struct str){name.p, 2});
        put_word(out, (struct str){name.p + 2, name.n - 4});
        put_word(out, (struct str){name.p + name.n - 2, 2});
        return name.n;
    }
    return 0;
}

/* The word at the start of s, which is not empty; white space is none. */
static size_t next_word(struct sink *out, struct str s)
{
    size_t used, n = 0;

    if (s.p[0] == '\'')
        n = ending(s);
    else if (s.p[0] == '<' && (n = put_name(out, s)) > 0)
        return n;
    if (n == 0) {
        enum clip_class k = clip_class_of(clip_code_point(s, &used));
        if (k == CLIP_SPACE)
            return used;
        n = k == CLIP_NUMBER ? used : span(s, k);
    }
    put_word(out, (struct str){s.p, n});
    return n;
}

static void put_words(struct sink *out, struct str s)
{
    while (s.n > 0 && !is_done(out))
        s = str_from(s, next_word(out, s));
}

/* ---- special tokens ---- */

/* The first special token of s, and of those that begin together the longest; NULL: none. */
static const struct clip_special *find_special(const struct clip_tokenizer *t, struct str s,
                                               bool normalised, size_t *at)
{
    const struct clip_special *found = NULL;

    *at = s.n;
    for (size_t i = 0; i < t->n_specials; i++) {
        const struct clip_special *k = &t->specials[i];
        if (k->normalised != normalised)
            continue;
        const char *p = memmem(s.p, s.n, k->text, k->n);
        size_t here = p ? (size_t)(p - s.p) : s.n;
        if (here < *at || (p && here == *at && found && k->n > found->n)) {
            found = k;
            *at = here;
        }
    }
    return found;
}

static void put_normalised(struct sink *out, struct str s)
{
    while (s.n > 0 && !is_done(out)) {
        size_t at;
        const struct clip_special *k = find_special(out->t, s, true, &at);
        put_words(out, (struct str){s.p, at});
        if (!k)
            return;
        if (!is_done(out))
            put_ids(out, &k->id, 1);
        s = str_from(s, at + k->n);
    }
}

static void put_text(struct sink *out, struct str s, struct buf *scratch)
{
    while (s.n > 0 && !is_done(out)) {
        size_t at;
        const struct clip_special *k = find_special(out->t, s, false, &at);
        buf_reset(scratch);
        clip_normalise((struct str){s.p, at}, scratch);
        out->failed = scratch->failed;
        if (!is_done(out))
            put_normalised(out, buf_str(scratch));
        if (!k)
            return;
        if (!is_done(out))
            put_ids(out, &k->id, 1);
        s = str_from(s, at + k->n);
    }
}

int clip_tokenize(const struct clip_tokenizer *t, struct str text, int limit, int32_t *ids,
                  bool *truncated)
{
    struct sink out = {.t = t, .ids = ids + 1, .room = (size_t)limit - 2};
    _cleanup_(buf_free) struct buf scratch = {0}, whole = {0};

    buf_init(&scratch, SIZE_MAX / 2);
    buf_init(&whole, SIZE_MAX / 2);
    if (!clip_is_utf8(text)) {
        clip_repair(text, &whole);
        out.failed = whole.failed;
        text = buf_str(&whole);
    }
    put_text(&out, text, &scratch);
    if (out.failed)
        return -1;
    ids[0] = t->bos;
    ids[out.n + 1] = t->eos;
    *truncated = out.over;
    return (int)out.n + 2;
}

int32_t clip_tokenizer_size(const struct clip_tokenizer *t)
{
    return t->size;
}

int32_t clip_tokenizer_bos(const struct clip_tokenizer *t)
{
    return t->bos;
}

int32_t clip_tokenizer_eos(const struct clip_tokenizer *t)
{
    return t->eos;
}

void clip_tokenizer_free(struct clip_tokenizer *t)
{
    if (!t)
        return;
    clip_bpe_free(&t->bpe);
    free(t);
}
