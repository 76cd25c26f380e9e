/* Whether a trainer takes a sample whole. Conversations are checked as they are stored, in one walk
 * over their text: the form is the one that this service writes, and what differs does not fit. */
#include "server/domain/reserved.h"
#include "server/domain/tokens.h"
#include "stages/export/writer.h"

static const struct str image = {"<image>", sizeof("<image>") - 1};

/* A walk over the JSON text of a dialogue. */
struct walk {
    struct str rest;
    struct buf plain; /* a value without its escapes */
    struct str value; /* the last one: in the text, or in plain */
    size_t tokens;
};

static bool take(struct walk *w, struct str literal)
{
    if (!str_starts(w->rest, literal))
        return false;
    w->rest = str_from(w->rest, literal.n);
    return true;
}

/* Of a \u escape in UTF-8; half of a pair as U+FFFD, which is as long as what it stands for. */
static bool unescape_code(struct str digits, struct buf *out)
{
    uint8_t bytes[2];
    if (digits.n < 4 || !hex_decode((struct str){digits.p, 4}, bytes, sizeof(bytes)))
        return false;
    unsigned code = (unsigned)bytes[0] << 8 | bytes[1];
    if (code >= 0xd800 && code < 0xe000)
        code = 0xfffd;
    if (code >= 0x800) {
        buf_addc(out, (char)(0xe0 | code >> 12));
        buf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
    } else if (code >= 0x80) {
        buf_addc(out, (char)(0xc0 | code >> 6));
    }
    buf_addc(out, (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code));
    return true;
}

static bool unescape(struct str text, struct buf *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    buf_reset(out);
    while (text.n > 0) {
        const char *slash = memchr(text.p, '\\', text.n);
        size_t run = slash ? (size_t)(slash - text.p) : text.n;
        buf_add(out, text.p, run);
        text = str_from(text, run + 1);
        if (!slash)
            break;
        const char *letter = text.n > 0 ? memchr(letters, text.p[0], sizeof(letters) - 1) : NULL;
        if (letter)
            buf_addc(out, meanings[letter - letters]);
        else if (text.n == 0 || text.p[0] != 'u' || !unescape_code(str_from(text, 1), out))
            return false;
        text = str_from(text, letter ? 1 : 5);
    }
    return !out->failed;
}

/* Bytes of a string's text up to the quote that ends it; -1 without one. */
static ptrdiff_t string_length(struct str s)
{
    for (size_t from = 0; from < s.n;) {
        const char *quote = memchr(s.p + from, '"', s.n - from);
        if (!quote)
            break;
        size_t at = (size_t)(quote - s.p), slashes = 0;
        while (slashes < at && s.p[at - 1 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return (ptrdiff_t)at;
        from = at + 1;
    }
    return -1;
}

static bool take_value(struct walk *w)
{
    ptrdiff_t n = string_length(w->rest);
    if (n < 0)
        return false;
    w->value = (struct str){w->rest.p, (size_t)n};
    w->rest = str_from(w->rest, (size_t)n + 1);
    if (!memchr(w->value.p, '\\', w->value.n))
        return true;
    if (!unescape(w->value, &w->plain))
        return false;
    w->value = buf_str(&w->plain);
    return true;
}

/* The trainer moves the picture to the front of its turn. */
static bool take_image(struct str *text)
{
    if (str_starts(*text, image)) {
        *text = str_from(*text, image.n);
        return true;
    }
    if (text->n < image.n || !str_starts(str_from(*text, text->n - image.n), image))
        return false;
    text->n -= image.n;
    return true;
}

/* Turn i: human and gpt in turns, the picture in the first and nowhere else. */
static bool walk_turn(struct walk *w, size_t i, bool counted)
{
    if (!take(w, i % 2 == 0 ? STR("{\"from\":\"human\",\"value\":\"")
                            : STR("{\"from\":\"gpt\",\"value\":\"")) ||
        !take_value(w) || !take(w, STR("}")))
        return false;
    struct str text = w->value;
    if (i == 0 && !take_image(&text))
        return false;
    if (counted)
        w->tokens += tokens_estimate(text);
    return !reserved_string(text);
}

/* A text has at most one token more than bytes, and what stands around a turn in JSON is longer
 * than what the template puts around it: short ones need not be counted. */
static bool conversations_fit(struct walk *w, struct str json)
{
    bool counted = json.n + SAMPLE_TOKENS_FRONT > SAMPLE_TOKENS_MAX;
    size_t turns = 0;
    w->rest = str_trim(json);
    w->tokens = SAMPLE_TOKENS_FRONT;
    if (!take(w, STR("[")))
        return false;
    do {
        if (!walk_turn(w, turns, counted))
            return false;
    } while (++turns && take(w, STR(",")));
    w->tokens += SAMPLE_TOKENS_TURN * (turns / 2);
    return take(w, STR("]")) && w->rest.n == 0 && turns % 2 == 0 && w->tokens <= SAMPLE_TOKENS_MAX;
}

static bool dialogues_fit(const struct export_sample *x)
{
    struct walk w = {.tokens = 0};
    bool fit = true;
    buf_init(&w.plain, SIZE_MAX);
    for (int i = 0; fit && i < x->n_dialogues; i++)
        fit = conversations_fit(&w, x->dialogues[i].conversations);
    buf_free(&w.plain);
    return fit;
}

static bool caption_fits(const struct export_sample *x)
{
    enum { AROUND = SAMPLE_TOKENS_FRONT + SAMPLE_TOKENS_TURN, QUESTION_BYTES_MAX = 100 };
    if (x->text.n == 0 || reserved_string(x->text))
        return false;
    if (x->text.n + AROUND + QUESTION_BYTES_MAX <= SAMPLE_TOKENS_MAX)
        return true;
    char id[CAPTION_ID_TEXT + 1];
    caption_id(x->seed, x->hash, id);
    const struct str turns[] = {str_of(pretrain_question(str_of(id))), x->text};
    return tokens_sample(turns, 2) <= SAMPLE_TOKENS_MAX;
}

bool export_fits(const struct export_settings *s, const struct export_sample *x)
{
    return (!s->with[EXPORT_WITH_CAPTIONS] || caption_fits(x)) &&
           (!s->with[EXPORT_WITH_DIALOGUES] || dialogues_fit(x));
}
