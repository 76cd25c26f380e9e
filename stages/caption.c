/* Stage 1: one call per (seed, variant); the reply becomes a caption, flagged or dropped by the
 * filters, never altered beyond the normal form of its white space. */
#include "server/base/hash.h"
#include "server/base/text.h"
#include "stages/stage.h"

enum { WORDS_MIN = 3, WORDS_SHORT = 20, WORDS_MAX = 600, REPEAT_WORDS = 6, REPEAT_TIMES = 5 };

int caption_request(const struct run_settings *s, const struct item *it, struct arena *a,
                    struct llm_request *r, struct err *e)
{
    const struct call_settings *c = &s->captions;
    char id[SEED_ID_HEX + 1];
    hex_encode(it->seed, SEED_ID_BYTES, id);
    const char *user = arena_printf(a, "%s" STR_FMT, c->prompt->user_prefix, STR_ARG(it->text));
    struct str key = arena_str(a, str_of(id));
    if (!user || !key.p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *r = (struct llm_request){
        .task = LLM_CAPTION,
        .id = key,
        .salt = c->salt,
        .variant = it->variant,
        .source = it->text,
        .system = str_of(c->prompt->system),
        .user = str_of(user),
        .temperature = c->temperature,
        .top_p = c->top_p,
        .max_tokens = c->max_tokens,
        /* Variants and repeated calls must not sample the same answer. */
        .seed = c->seed < 0 ? -1 : c->seed + it->variant + 1000 * it->asked,
    };
    return 0;
}

static bool starts_like_refusal(struct str text)
{
    static const char *const openings[] = {
        "i'm sorry",         "i am sorry", "sorry, ",
        "i cannot",          "i can't",    "i'm unable",
        "i am unable",       "as an ai",   "as a language model",
        "unfortunately, i ",
    };
    struct str head = {text.p, text.n < 40 ? text.n : 40};
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++)
        if (str_ifind(head, str_of(openings[i])) == 0)
            return true;
    return false;
}

/* Skips to the end of `words` words from p; NULL when there are not as many. */
static const char *skip_words(const char *p, const char *end, int words)
{
    while (words-- > 0) {
        while (p < end && *p == ' ')
            p++;
        if (p == end)
            return NULL;
        while (p < end && *p != ' ')
            p++;
    }
    return p;
}

/* A model that loops says the same words again and again: six in a row, five times, and these make
 * up two fifths of the text. A long name of the main subject, often repeated, stays below that. */
static bool loops(struct str text)
{
    const char *end = text.p + text.n;
    size_t words = text_words(text);
    for (const char *p = text.p; p;) {
        const char *stop = skip_words(p, end, REPEAT_WORDS);
        if (!stop)
            return false;
        struct str gram = {p, (size_t)(stop - p)};
        size_t seen = 1;
        for (struct str rest = {stop, (size_t)(end - stop)};; seen++) {
            ptrdiff_t at = str_find(rest, gram);
            if (at < 0)
                break;
            rest = str_from(rest, (size_t)at + gram.n);
        }
        if (seen >= REPEAT_TIMES && seen * REPEAT_WORDS * 5 >= words * 2)
            return true;
        p = skip_words(p, end, 1);
    }
    return false;
}

static const char *filter(struct str text)
{
    size_t words = text_words(text);
    if (starts_like_refusal(text))
        return "refusal";
    if (words < WORDS_MIN)
        return "too_short";
    if (words > WORDS_MAX)
        return "too_long";
    if (reserved_string(text))
        return "reserved_string";
    if (loops(text))
        return "repetition";
    return NULL;
}

static bool has_digit_beyond(struct str text, struct str seed)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= '0' && text.p[i] <= '9' && str_find(seed, (struct str){text.p + i, 1}) < 0)
            return true;
    return false;
}

/* What a reader may want to look at; nothing is dropped for it. */
static const char *flags_of(struct str text, struct str seed, struct arena *a)
{
    bool digits = has_digit_beyond(text, seed);
    bool open_end = text.n == 0 || !strchr(".!?\")'", text.p[text.n - 1]);
    const char *flags = arena_printf(a, "%s%s%s", digits ? ",invented_number" : "",
                                     open_end ? ",no_final_stop" : "",
                                     text_words(text) < WORDS_SHORT ? ",short" : "");
    return flags && *flags ? flags + 1 : "";
}

enum verdict caption_accept(const struct run_settings *s, struct item *it,
                            const struct llm_reply *reply, struct arena *a)
{
    struct str text = arena_str(a, text_normalise(a, reply->text));
    if (!text.p || text.n == 0) {
        it->refusal = "empty";
        return VERDICT_REFUSED;
    }
    it->result = (struct result){
        .text = text,
        .dropped = filter(text),
        .flags = flags_of(text, it->text, a),
        .model = arena_str(a, reply->model),
        .finish_reason = arena_str(a, reply->finish_reason),
        .tokens_in = (int)reply->usage.tokens_in,
        .tokens_out = (int)reply->usage.tokens_out,
    };
    caption_hash(s->captions.recipe, it->variant, text, it->result.hash);
    return VERDICT_TAKEN;
}
