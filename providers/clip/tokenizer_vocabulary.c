#include "providers/clip/tokenizer_vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "providers/clip/tokenizer_unicode.h"
#include "server/base/buf.h"
#include "server/base/cleanup.h"

/* What transformers reads of merges.txt: as many as the original CLIP has, behind the first line.
 */
enum { MERGES_READ = 49152 - 256 - 2 };

int32_t clip_vocabulary_id(const json_t *vocabulary, struct str token)
{
    const json_t *id = json_object_getn(vocabulary, token.p, token.n);

    return id ? (int32_t)json_integer_value(id) : -1;
}

/* Bytes that print stand for themselves as code points, the rest for 256 and on. */
static uint32_t sign_of(uint8_t byte)
{
    uint32_t rest = 256;

    for (uint32_t b = 0; b <= byte; b++) {
        bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return prints ? b : rest;
        rest += !prints;
    }
    return 0;
}

/* A sign is below U+0800: one or two bytes. */
static size_t put_sign(uint8_t byte, char out[2])
{
    uint32_t c = sign_of(byte);

    out[0] = (char)(c < 0x80 ? c : 0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return c < 0x80 ? 1 : 2;
}

static int take_bytes(struct clip_tokenizer *t, const json_t *vocabulary, const char *file,
                      struct err *e)
{
    for (int b = 0; b < 256; b++) {
        char sign[8];
        size_t n = put_sign((uint8_t)b, sign);
        t->bpe.inner[b] = clip_vocabulary_id(vocabulary, (struct str){sign, n});
        memcpy(sign + n, "</w>", 4);
        t->bpe.last[b] = clip_vocabulary_id(vocabulary, (struct str){sign, n + 4});
        if (t->bpe.inner[b] < 0 || t->bpe.last[b] < 0)
            return err_set(e, ERR_VALIDATION,
                           "%s: the vocabulary has no token for the byte 0x%02x%s", file, b,
                           t->bpe.inner[b] < 0 ? "" : " at the end of a word");
    }
    return 0;
}

/* Ids are what the rows of a table are found by: small, and one token each. */
static int check_ids(struct clip_tokenizer *t, json_t *vocabulary, const char *file, struct err *e)
{
    _cleanup_(freep) uint8_t *seen = calloc(CLIP_TOKENS_MAX, 1);
    const char *token;
    json_t *id;

    if (!seen)
        return err_set(e, ERR_NO_MEMORY, "out of memory while reading %s", file);
    json_object_foreach(vocabulary, token, id)
    {
        json_int_t v = json_is_integer(id) ? json_integer_value(id) : -1;
        if (v < 0 || v >= CLIP_TOKENS_MAX)
            return err_set(e, ERR_VALIDATION, "%s: an id is not a number from 0 to %d", file,
                           CLIP_TOKENS_MAX - 1);
        if (seen[v]++)
            return err_set(e, ERR_VALIDATION, "%s: two tokens have the id %d", file, (int)v);
        if (v >= t->size)
            t->size = (int32_t)v + 1;
    }
    return 0;
}

int clip_vocabulary_take(struct clip_tokenizer *t, json_t *vocabulary, const char *file,
                         struct err *e)
{
    if (!json_is_object(vocabulary))
        return err_set(e, ERR_VALIDATION, "%s: the vocabulary is not an object", file);
    if (check_ids(t, vocabulary, file, e) < 0 || take_bytes(t, vocabulary, file, e) < 0)
        return -1;
    t->bos = clip_vocabulary_id(vocabulary, STR(CLIP_BOS));
    t->eos = clip_vocabulary_id(vocabulary, STR(CLIP_EOS));
    if (t->bos < 0 || t->eos < 0)
        return err_set(e, ERR_VALIDATION, "%s: the vocabulary has no token %s", file,
                       t->bos < 0 ? CLIP_BOS : CLIP_EOS);
    return 0;
}

int clip_vocabulary_merge(struct clip_tokenizer *t, const json_t *vocabulary, struct str left,
                          struct str right, uint32_t rank, struct clip_place at, struct err *e)
{
    _cleanup_(buf_free) struct buf joined = {.max = SIZE_MAX / 2};
    struct clip_merge m = {clip_vocabulary_id(vocabulary, left),
                           clip_vocabulary_id(vocabulary, right), rank, -1};

    buf_adds(&joined, left);
    buf_adds(&joined, right);
    if (joined.failed)
        return err_set(e, ERR_NO_MEMORY, "out of memory while reading %s", at.file);
    m.joined = clip_vocabulary_id(vocabulary, buf_str(&joined));
    if (m.left < 0 || m.right < 0 || m.joined < 0)
        return err_set(e, ERR_VALIDATION, "%s: %s %zu: %s is no token of the vocabulary", at.file,
                       at.what, at.number,
                       m.left < 0    ? "its first part"
                       : m.right < 0 ? "its second part"
                                     : "what it gives");
    if (!clip_bpe_add(&t->bpe, m))
        return err_set(e, ERR_VALIDATION, "%s: %s %zu stands there twice", at.file, at.what,
                       at.number);
    return 0;
}

/* ---- merges.txt ---- */

static struct str take_line(struct str *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    struct str line = {text->p, end ? (size_t)(end - text->p) : text->n};

    *text = str_from(*text, line.n + (end != NULL));
    return line;
}

/* A line is two tokens with white space between. */
static bool cut_line(struct str line, struct str *left, struct str *right)
{
    line = str_trim(line);
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
        n++;
    *left = (struct str){line.p, n};
    *right = str_trim(str_from(line, n));
    return left->n > 0 && right->n > 0 && !memchr(right->p, ' ', right->n) &&
           !memchr(right->p, '\t', right->n);
}

/* The file without white space at its ends counts; its first line is the version. */
int clip_vocabulary_lines(struct clip_tokenizer *t, const json_t *vocabulary, struct str text,
                          struct err *e)
{
    static const char file[] = "merges.txt";

    if (clip_bpe_init(&t->bpe, MERGES_READ) < 0)
        return err_set(e, ERR_NO_MEMORY, "out of memory while reading %s", file);
    text = str_trim(text);
    if (!clip_is_utf8(text))
        return err_set(e, ERR_VALIDATION, "%s is not UTF-8", file);
    if (text.n == 0)
        return err_set(e, ERR_VALIDATION, "%s is empty", file);
    take_line(&text);
    for (uint32_t rank = 0; text.n > 0 && rank < MERGES_READ; rank++) {
        struct str left, right;
        if (!cut_line(take_line(&text), &left, &right))
            return err_set(e, ERR_VALIDATION, "%s: line %u is not two tokens", file, rank + 2);
        struct clip_place at = {file, "line", rank + 2};
        if (clip_vocabulary_merge(t, vocabulary, left, right, rank, at, e) < 0)
            return -1;
    }
    return 0;
}
