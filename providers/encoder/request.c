#include "providers/encoder/request.h"

#include "server/json/write.h"

enum {
    QUOTES_AND_COMMA = 3,
    ESCAPE_BYTES = 5,    /* that "\u001f" has more than its character */
    BYTES_PER_TOKEN = 4, /* of text in Latin letters; others are a token a character, about */
    ENDS = 2,            /* tokens that models add */
};

struct text_size text_size_of(struct str text)
{
    struct text_size size = {.bytes = text.n + QUOTES_AND_COMMA, .tokens = ENDS};
    size_t plain = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char b = (unsigned char)text.p[i];
        size.bytes += b < ' ' ? ESCAPE_BYTES : b == '"' || b == '\\';
        plain += b < 0x80;
        size.tokens += b >= 0xc0; /* the first byte of a character of several */
    }
    size.tokens += (plain + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    return size;
}

static bool fits(const struct text_size *sum, const struct text_size *more, size_t bytes_max,
                 size_t tokens_max)
{
    return (bytes_max == 0 || sum->bytes + more->bytes <= bytes_max) &&
           (tokens_max == 0 || sum->tokens + more->tokens <= tokens_max);
}

static void write_texts(const char *name, const struct str *texts, size_t n, struct buf *out)
{
    json_key(out, name);
    json_open(out, '[');
    for (size_t i = 0; i < n; i++)
        json_str(out, texts[i]);
    json_close(out, ']');
}

/* The vectors are scaled here, where a zero can still be told from what is no number. */
static void write_tei(const struct str *texts, size_t n, struct buf *out)
{
    write_texts("inputs", texts, n, out);
    json_key(out, "truncate");
    json_bool(out, true);
    json_key(out, "normalize");
    json_bool(out, false);
}

static void write_openai(const struct encoder_settings *s, const struct str *texts, size_t n,
                         bool base64, struct buf *out)
{
    json_key(out, "model");
    json_z(out, s->model);
    write_texts("input", texts, n, out);
    if (base64) {
        json_key(out, "encoding_format");
        json_z(out, "base64");
    }
}

void request_write(const struct encoder_settings *s, const struct str *texts, size_t n, bool base64,
                   struct buf *out)
{
    json_open(out, '{');
    if (strcmp(s->kind, "tei") == 0)
        write_tei(texts, n, out);
    else
        write_openai(s, texts, n, base64, out);
    if (s->matryoshka && s->dimension > 0) {
        json_key(out, "dimensions");
        json_int(out, s->dimension);
    }
    json_close(out, '}');
}

/* Whether the server's count may show that the text is longer than the model reads: it counts all
 * texts of a call together, so that such a text goes alone. */
static bool goes_alone(const struct encoder *c, const struct text_size *size)
{
    size_t most = (size_t)c->settings.max_tokens;

    return most > 0 && !c->tei && size->tokens + size->tokens / 2 >= most;
}

size_t request_end(struct encoder *c, const struct str *texts, size_t n, size_t lo)
{
    size_t most = (size_t)atomic_load(&c->batch), bytes = atomic_load(&c->bytes);
    struct text_size sum = text_size_of(texts[lo]);
    size_t hi = lo + 1;

    if (c->offline)
        return n;
    if (goes_alone(c, &sum))
        return hi;
    for (; hi < n && hi - lo < most; hi++) {
        struct text_size more = text_size_of(texts[hi]);
        if (goes_alone(c, &more) || !fits(&sum, &more, bytes, (size_t)c->settings.batch_tokens))
            break;
        sum.bytes += more.bytes;
        sum.tokens += more.tokens;
    }
    return hi;
}

void request_learn_count(struct encoder *c, int n)
{
    int known = atomic_load(&c->batch);

    while (n < known && !atomic_compare_exchange_weak(&c->batch, &known, n))
        ;
}

void request_learn_bytes(struct encoder *c, size_t bytes)
{
    size_t known = atomic_load(&c->bytes);

    while ((known == 0 || bytes < known) && !atomic_compare_exchange_weak(&c->bytes, &known, bytes))
        ;
}
