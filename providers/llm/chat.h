/* The chat completions protocol: a request as JSON, and what a reply says, whole or as a stream of
 * events. Pure functions. */
#ifndef MONOCEROS_PROVIDERS_LLM_CHAT_H
#define MONOCEROS_PROVIDERS_LLM_CHAT_H

#include "providers/llm.h"
#include "providers/loops.h"
#include "providers/verdict.h"
#include "server/base/buf.h"

enum {
    CHAT_REQUEST_MAX = 4 << 20,
    CHAT_REPLY_MAX = 4 << 20,
    CHAT_MODEL_MAX = 200,
    CHAT_FINISH_MAX = 40,
};

struct json_t;

/* What is the same in all requests of a provider. */
struct chat_form {
    const char *model, *max_tokens_field;
    bool stream;
    struct buf extra; /* members of the settings' extra_body, without the braces */
    /* Which of our own these replace. */
    bool temperature, top_p, max_tokens, seed, response_format;
};

/* Settings' strings are kept by reference. -1 when extra_body cannot be used. */
int chat_form_init(struct chat_form *f, const struct llm_settings *s, struct err *e);
void chat_form_free(struct chat_form *f);

/* Writes the request as far as it stays the same: model, messages, sampling. -1 when it exceeds
 * CHAT_REQUEST_MAX. */
int chat_request_open(const struct chat_form *f, const struct llm_request *r, struct buf *out,
                      struct err *e);
/* The response format, as members to be given to chat_request_close. */
void chat_request_schema(const struct llm_request *r, struct buf *out);
/* Adds the schema, if any, the seed, unless negative, the extra members, and the end. */
void chat_request_close(const struct chat_form *f, struct str schema, int64_t seed,
                        struct buf *out);
/* Bytes that chat_request_close adds at most. */
size_t chat_request_tail(const struct chat_form *f, struct str schema);

/* What a reply says was used; all zero when it does not say. */
struct chat_usage {
    bool known;
    int64_t in, cached, out, reasoning; /* cached: of in; reasoning: of out */
};

/* A reply taken apart. The views live in root, or in the stream. */
struct chat_answer {
    struct json_t *root;
    struct str text, model, finish_reason;
    struct chat_usage usage;
    bool free; /* an error came in the place of an answer: nothing was generated */
};

/* Reads a reply with status 200 into *a and says in *v what it is worth. */
void chat_answer_read(struct str body, struct chat_answer *a, struct verdict *v);
void chat_answer_free(struct chat_answer *a);

/* The parts of a message, from wherever they came. */
struct chat_message {
    struct str content, refusal;
    bool thought; /* there is reasoning */
    enum loop_kind loop;
};
/* What a message is worth; sets a->text. a->finish_reason is set. */
void chat_judge(const struct chat_message *m, struct chat_answer *a, struct verdict *v);
void chat_usage_read(const struct json_t *root, struct chat_usage *u);

/* The answer without what a reasoning model thinks aloud and without a code fence around it. */
struct str chat_strip(struct str text);

/* A reply as a stream of server-sent events. */
struct chat_stream {
    struct buf line; /* the part of a line that has come */
    struct buf content, reasoning, refusal, error;
    struct loops content_loops, reasoning_loops;
    char model[CHAT_MODEL_MAX + 1], finish_reason[CHAT_FINISH_MAX + 1];
    struct chat_usage usage;
    bool ended; /* the server said that there is no more */
    bool odd;   /* an event is no JSON object, or something is too large */
    enum loop_kind loop;
};

void chat_stream_init(struct chat_stream *s);
void chat_stream_free(struct chat_stream *s); /* also of a zeroed one */
/* Forgets what came, for another try. */
void chat_stream_reset(struct chat_stream *s);
/* One more piece, cut anywhere. false when no more is wanted. *token says whether it had text. */
bool chat_stream_feed(struct chat_stream *s, struct str piece, bool *token);
/* What the stream was worth; the views of *a live in it. */
void chat_stream_read(struct chat_stream *s, struct chat_answer *a, struct verdict *v);

#endif
