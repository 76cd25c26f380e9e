/* What provider.c (the public face) and call.c (one call on its way) share. */
#ifndef MONOCEROS_PROVIDERS_LLM_STATE_H
#define MONOCEROS_PROVIDERS_LLM_STATE_H

#include <pthread.h>

#include "providers/job.h"
#include "providers/llm.h"
#include "providers/llm/chat.h"
#include "providers/llm/structured.h"

struct llm_provider {
    struct llm_settings settings;
    bool offline;
    struct upstream *upstream;
    struct chat_form form;

    pthread_mutex_t mutex; /* guards what follows */
    struct structured structured[ENDPOINTS_MAX];
    char served[CHAT_MODEL_MAX + 1]; /* model as last reported */
    double answer_tokens;            /* of an answer, smoothed; 0: not known */
};

/* Whether the next request to the endpoint is to carry its schema, as structured_ask. */
unsigned provider_asks_schema(struct llm_provider *p, int endpoint);
/* The endpoint refused a schema and took the same request without it. */
void provider_schema_refused(struct llm_provider *p, int endpoint);
/* Takes note of an answer. Another model than before may treat schemas in another way. */
void provider_note_answer(struct llm_provider *p, struct str model, const struct chat_usage *u);
/* Tokens that a request is likely to use. */
double provider_expects(struct llm_provider *p, const struct llm_request *r);

#endif
