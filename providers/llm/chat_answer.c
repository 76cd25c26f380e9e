#include <jansson.h>

#include "providers/llm/chat.h"
#include "server/json/decode.h"

enum {
    NODES_MAX = 50000,
    TOKENS_MAX = 10000000, /* what a server may report for one call and be believed */
};

static struct str text_of(const json_t *value)
{
    if (!json_is_string(value))
        return (struct str){NULL, 0};
    return (struct str){json_string_value(value), json_string_length(value)};
}

/* A count, wrong ones clamped; negative when there is none. */
static int64_t tokens_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        return -1;
    json_int_t n = json_integer_value(value);
    return n < 0 ? 0 : n > TOKENS_MAX ? TOKENS_MAX : (int64_t)n;
}

/* The first that there is, at most `most`. */
static int64_t part_of(int64_t a, int64_t b, int64_t c, int64_t most)
{
    int64_t n = a >= 0 ? a : b >= 0 ? b : c >= 0 ? c : 0;

    return n < most ? n : most;
}

/* OpenAI, vLLM and SGLang; DeepSeek; llama-server. */
void chat_usage_read(const struct json_t *root, struct chat_usage *u)
{
    const json_t *usage = json_object_get(root, "usage");

    if (!json_is_object(usage))
        return;
    int64_t in = tokens_of(usage, "prompt_tokens"), out = tokens_of(usage, "completion_tokens");
    const json_t *in_details = json_object_get(usage, "prompt_tokens_details");
    const json_t *out_details = json_object_get(usage, "completion_tokens_details");
    u->in = in > 0 ? in : 0;
    u->out = out > 0 ? out : 0;
    u->cached =
        part_of(tokens_of(in_details, "cached_tokens"), tokens_of(usage, "prompt_cache_hit_tokens"),
                tokens_of(json_object_get(root, "timings"), "cache_n"), u->in);
    u->reasoning = part_of(tokens_of(out_details, "reasoning_tokens"),
                           tokens_of(usage, "reasoning_tokens"), -1, u->out);
    u->known = u->in + u->out > 0;
}

/* White space that models put around an answer, the three bytes of a byte order mark included. */
static struct str trimmed(struct str s)
{
    s = str_trim(s);
    if (str_starts(s, STR("\xef\xbb\xbf")))
        s = str_trim(str_from(s, 3));
    return s;
}

static struct str after_last(struct str s, struct str mark)
{
    ptrdiff_t at;

    while ((at = str_find(s, mark)) >= 0)
        s = str_from(s, (size_t)at + mark.n);
    return s;
}

/* The opening tag is often part of the prompt, so that only the closing one is seen. */
static struct str without_thoughts(struct str s)
{
    s = trimmed(after_last(after_last(s, STR("</think>")), STR("</thinking>")));
    if (str_starts(s, STR("<think>")) || str_starts(s, STR("<thinking>")))
        s.n = 0;
    return s;
}

static struct str without_fence(struct str s)
{
    if (!str_starts(s, STR("```")))
        return s;
    const char *line_end = memchr(s.p, '\n', s.n);
    if (!line_end)
        return s;
    struct str inner = str_trim(str_from(s, (size_t)(line_end - s.p) + 1));
    if (inner.n >= 3 && memcmp(inner.p + inner.n - 3, "```", 3) == 0)
        inner.n -= 3;
    return str_trim(inner);
}

struct str chat_strip(struct str text)
{
    return without_fence(without_thoughts(text));
}

static bool is_part_of_type(const json_t *part, const char *type)
{
    return str_is(text_of(json_object_get(part, "type")), type);
}

/* Joins the text parts of a content array into one string, which the message keeps. */
static struct str join_parts(json_t *message, const json_t *parts)
{
    struct buf joined;
    size_t i;
    json_t *part;

    buf_init(&joined, CHAT_REPLY_MAX);
    json_array_foreach(parts, i, part)
    {
        if (is_part_of_type(part, "text") || is_part_of_type(part, "output_text"))
            buf_adds(&joined, text_of(json_object_get(part, "text")));
    }
    json_t *text = json_stringn(joined.n > 0 ? joined.p : "", joined.n);
    buf_free(&joined);
    if (!text || json_object_set_new(message, "content", text) != 0)
        return (struct str){NULL, 0};
    return text_of(text);
}

static struct str refusal_of(const json_t *message)
{
    struct str refusal = text_of(json_object_get(message, "refusal"));
    const json_t *parts = json_object_get(message, "content");
    size_t i;
    json_t *part;

    json_array_foreach(parts, i, part)
    {
        if (refusal.n == 0 && is_part_of_type(part, "refusal"))
            refusal = text_of(json_object_get(part, "refusal"));
    }
    return refusal;
}

static bool has_reasoning(const json_t *message)
{
    return text_of(json_object_get(message, "reasoning")).n > 0 ||
           text_of(json_object_get(message, "reasoning_content")).n > 0;
}

/* What the server says about how the answer ended; true when that settles it. */
static bool judge_finish(const struct chat_message *m, struct str finish, struct verdict *v)
{
    struct str refusal = m->refusal;

    if (str_is(finish, "length") || str_is(finish, "max_tokens"))
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "length", "the answer was cut by its token limit");
    else if (str_is(finish, "content_filter"))
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "content_filter",
                    "the server's content filter ended the answer");
    else if (refusal.n > 0)
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "refusal", "%.*s",
                    refusal.n > 150 ? 150 : (int)refusal.n, refusal.p);
    else if (str_is(finish, "abort") || str_is(finish, "error"))
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "aborted", "the server aborted the answer");
    else
        return false;
    return true;
}

/* A loop that was cut off, here or by the token limit: one that the model has ended itself is for
 * the stages to judge. */
static enum loop_kind loop_in(const struct chat_message *m, struct str finish)
{
    struct loops l = {0};

    if (m->loop != LOOP_NONE)
        return m->loop;
    if (!str_is(finish, "length") && !str_is(finish, "max_tokens"))
        return LOOP_NONE;
    return loops_look(&l, m->content);
}

void chat_judge(const struct chat_message *m, struct chat_answer *a, struct verdict *v)
{
    enum loop_kind loop = loop_in(m, a->finish_reason);

    /* What was cut may be of use as far as it goes. */
    a->text = chat_strip(m->content);
    if (loop != LOOP_NONE) {
        verdict_set(v, VERDICT_AGAIN, FAULT_NONE, loop_reason(loop), "the answer %s",
                    loop == LOOP_WHITESPACE ? "is white space without end"
                                            : "says the same over and over");
        return;
    }
    if (judge_finish(m, a->finish_reason, v))
        return;
    if (a->text.n > 0)
        v->kind = VERDICT_OK;
    else
        verdict_set(v, VERDICT_AGAIN, FAULT_NONE, "empty",
                    m->content.n > 0 || m->thought ? "the answer has reasoning only"
                                                   : "the answer is empty");
}

static void read_envelope(struct chat_answer *a, struct verdict *v)
{
    json_t *choice = json_array_get(json_object_get(a->root, "choices"), 0);
    json_t *message = json_object_get(choice, "message");
    const json_t *content = json_object_get(message, "content");

    chat_usage_read(a->root, &a->usage);
    if (verdict_of_error(a->root, v)) {
        a->free = true;
        return;
    }
    if (!json_is_object(message)) {
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply",
                    "the reply has no choices[0].message");
        return;
    }
    a->model = text_of(json_object_get(a->root, "model"));
    if (a->model.n > CHAT_MODEL_MAX)
        a->model.n = 0;
    a->finish_reason = text_of(json_object_get(choice, "finish_reason"));
    if (a->finish_reason.n > CHAT_FINISH_MAX)
        a->finish_reason.n = 0;
    struct chat_message m = {
        .refusal = refusal_of(message),
        .thought = has_reasoning(message),
    };
    m.content = json_is_array(content) ? join_parts(message, content) : text_of(content);
    chat_judge(&m, a, v);
}

void chat_answer_read(struct str body, struct chat_answer *a, struct verdict *v)
{
    struct err e = {0};
    json_error_t error;

    *a = (struct chat_answer){0};
    if (json_scan(body, NODES_MAX, &e) != 0) {
        verdict_of_garbage(body, e.msg, v);
        return;
    }
    a->root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &error);
    if (a->root)
        read_envelope(a, v);
    else
        verdict_of_garbage(body, error.text, v);
}

void chat_answer_free(struct chat_answer *a)
{
    json_decref(a->root);
    *a = (struct chat_answer){0};
}
