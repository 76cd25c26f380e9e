/* Chat completions as server-sent events. */
#include <jansson.h>
#include <stdio.h>

#include "providers/llm/chat.h"
#include "server/json/decode.h"

enum { LINE_MAX_BYTES = 1 << 20, NODES_MAX = 50000 };

void chat_stream_init(struct chat_stream *s)
{
    *s = (struct chat_stream){0};
    buf_init(&s->line, LINE_MAX_BYTES);
    buf_init(&s->content, CHAT_REPLY_MAX);
    buf_init(&s->reasoning, CHAT_REPLY_MAX);
    buf_init(&s->refusal, CHAT_REPLY_MAX);
    buf_init(&s->error, LINE_MAX_BYTES);
}

void chat_stream_free(struct chat_stream *s)
{
    buf_free(&s->line);
    buf_free(&s->content);
    buf_free(&s->reasoning);
    buf_free(&s->refusal);
    buf_free(&s->error);
}

void chat_stream_reset(struct chat_stream *s)
{
    struct chat_stream kept = *s;

    *s = (struct chat_stream){
        .line = kept.line,
        .content = kept.content,
        .reasoning = kept.reasoning,
        .refusal = kept.refusal,
        .error = kept.error,
    };
    buf_reset(&s->line);
    buf_reset(&s->content);
    buf_reset(&s->reasoning);
    buf_reset(&s->refusal);
    buf_reset(&s->error);
}

static void keep(char *out, size_t size, const json_t *value)
{
    size_t n = json_string_length(value);

    if (json_is_string(value) && n < size)
        (void)snprintf(out, size, "%s", json_string_value(value));
}

/* Adds a piece of text; whether there was one. */
static bool gather(struct chat_stream *s, struct buf *out, const json_t *piece)
{
    if (!json_is_string(piece) || json_string_length(piece) == 0)
        return false;
    buf_add(out, json_string_value(piece), json_string_length(piece));
    s->odd |= out->failed;
    return true;
}

static bool take_delta(struct chat_stream *s, const json_t *choice)
{
    const json_t *delta = json_object_get(choice, "delta");
    bool token = gather(s, &s->content, json_object_get(delta, "content"));

    token |= gather(s, &s->refusal, json_object_get(delta, "refusal"));
    if (!gather(s, &s->reasoning, json_object_get(delta, "reasoning")))
        token |= gather(s, &s->reasoning, json_object_get(delta, "reasoning_content"));
    else
        token = true;
    keep(s->finish_reason, sizeof(s->finish_reason), json_object_get(choice, "finish_reason"));
    s->loop = loops_look(&s->content_loops, buf_str(&s->content));
    if (s->loop == LOOP_NONE)
        s->loop = loops_look(&s->reasoning_loops, buf_str(&s->reasoning));
    return token;
}

static bool take_object(struct chat_stream *s, const json_t *root, struct str text)
{
    struct verdict v;

    if (verdict_of_error(root, &v)) {
        buf_adds(&s->error, text);
        return false;
    }
    keep(s->model, sizeof(s->model), json_object_get(root, "model"));
    chat_usage_read(root, &s->usage);
    return take_delta(s, json_array_get(json_object_get(root, "choices"), 0));
}

static bool take_event(struct chat_stream *s, struct str text)
{
    struct err e = {0};
    bool token = false;

    if (str_is(text, "[DONE]")) {
        s->ended = true;
        return false;
    }
    json_t *root = json_scan(text, NODES_MAX, &e) == 0 ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    if (json_is_object(root))
        token = take_object(s, root, text);
    if (!json_is_object(root)) {
        buf_adds(&s->error, text);
        s->odd = true;
    }
    json_decref(root);
    return token;
}

/* Other fields than data, and comments that keep the connection awake, say nothing. */
static bool take_line(struct chat_stream *s, struct str line)
{
    line = str_trim(line);
    if (!str_starts(line, STR("data:")))
        return false;
    struct str text = str_trim(str_from(line, 5));
    return text.n > 0 && take_event(s, text);
}

static bool is_over(const struct chat_stream *s)
{
    return s->odd || s->error.n > 0 || s->loop != LOOP_NONE;
}

bool chat_stream_feed(struct chat_stream *s, struct str piece, bool *token)
{
    *token = false;
    while (piece.n > 0 && !is_over(s)) {
        const char *end = memchr(piece.p, '\n', piece.n);
        size_t n = end ? (size_t)(end - piece.p) : piece.n;
        struct str line = {piece.p, n};
        if (!end || s->line.n > 0) {
            buf_adds(&s->line, line);
            line = buf_str(&s->line);
        }
        s->odd |= s->line.failed;
        if (!end)
            break;
        *token |= take_line(s, line);
        buf_reset(&s->line);
        piece = str_from(piece, n + 1);
    }
    return !is_over(s);
}

void chat_stream_read(struct chat_stream *s, struct chat_answer *a, struct verdict *v)
{
    *a = (struct chat_answer){
        .model = str_of(s->model),
        .finish_reason = str_of(s->finish_reason),
        .usage = s->usage,
    };
    struct chat_message m = {
        .content = buf_str(&s->content),
        .refusal = buf_str(&s->refusal),
        .thought = s->reasoning.n > 0,
        .loop = s->loop,
    };
    if (s->content.failed || s->reasoning.failed || s->refusal.failed || s->line.failed) {
        verdict_set(v, VERDICT_ROW, FAULT_NONE, "too_large", "the reply exceeds its bound");
    } else if (s->odd) {
        verdict_of_garbage(buf_str(&s->error), "an event is no JSON object", v);
    } else if (s->error.n > 0) {
        a->free = s->content.n + s->reasoning.n == 0;
        verdict_of_odd_body(buf_str(&s->error), "an error in the stream", v);
    } else if (!s->ended && s->finish_reason[0] == 0 && s->loop == LOOP_NONE) {
        verdict_set(v, VERDICT_AGAIN, FAULT_CALL, "invalid_reply", "the stream ended early");
    } else {
        chat_judge(&m, a, v);
    }
}
