/* The chat completions protocol: a request as JSON, and what a reply says. Pure functions. */
#ifndef MONOCEROS_PROVIDERS_LLM_CHAT_H
#define MONOCEROS_PROVIDERS_LLM_CHAT_H

#include "providers/llm.h"
#include "providers/verdict.h"
#include "server/base/buf.h"

enum {
    CHAT_REQUEST_MAX = 4 << 20,
    CHAT_REPLY_MAX = 4 << 20,
};

/* A reply taken apart. The views live in root, which chat_answer_free releases. */
struct chat_answer {
    struct json_t *root;
    struct str text, model, finish_reason;
    int tokens_in, tokens_out;
};

/* Writes the request but for its sampling seed and its end. -1 when it exceeds CHAT_REQUEST_MAX. */
int chat_request_open(const struct llm_settings *s, const struct llm_request *r, struct buf *out,
                      struct err *e);
/* Adds the seed, unless negative, and the end. */
void chat_request_close(struct buf *out, int64_t seed);

/* Reads a reply with status 200 into *a and says in *v what it is worth. */
void chat_answer_read(struct str body, struct chat_answer *a, struct verdict *v);
void chat_answer_free(struct chat_answer *a);

/* The answer without what a reasoning model thinks aloud and without a code fence around it. */
struct str chat_strip(struct str text);

#endif
