/* Language-model calls: many at once from one thread, each ending in exactly one reply.
 *
 * A provider (shared by all threads: settings, and what was learned about its endpoints, such as
 * how many calls they take, a pause asked for by Retry-After or a stop after an authentication
 * error) is used through an engine (one per thread: curl multi handles, epoll). The offline
 * provider composes inside engine_poll. Nothing here knows about the database. */
#ifndef MONOCEROS_PROVIDERS_LLM_H
#define MONOCEROS_PROVIDERS_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/engine.h"
#include "providers/waits.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/str.h"

enum llm_task {
    LLM_CAPTION,
    LLM_MULTIPLE_CHOICE,
    LLM_QUESTION_ANSWERING,
    LLM_COMPLEX_REASONING,
};

/* One call. Everything is copied by llm_submit. */
struct llm_request {
    enum llm_task task;
    struct str id;   /* seed or caption id: decides the offline composer's choices */
    struct str salt; /* of the recipe */
    int variant;
    struct str source; /* the seed's or the caption's text */
    struct str system; /* shared instructions, byte-identical in front of every call of a recipe */
    struct str user;   /* what differs */
    struct str schema_name, schema; /* JSON schema of the answer, or unset for free text */
    double temperature, top_p;      /* negative: not sent */
    int max_tokens;                 /* 0: not sent */
    int64_t seed;                   /* sampling seed; negative: not sent */
    int turns_min, turns_max;       /* of a dialogue, for the offline composer; 0: as usual */
    int paid_max; /* sendings that may cost something, after which the row fails; 0: no limit */
};

/* What the requests that were sent for one row have used, repeated ones included, as far as the
 * server said. */
struct llm_usage {
    int64_t tokens_in, tokens_cached, tokens_out, tokens_reasoning; /* cached: of in; reasoning: of
                                                                       out */
    int calls;                                                      /* requests that were sent */
    int unknown_calls;  /* of these, the ones of which nobody said what they used */
    int64_t latency_us; /* of the last one */
};

/* What became of a call. */
enum llm_outcome {
    LLM_OK,       /* text is the model's answer: valid UTF-8 without NUL, not empty */
    LLM_FAILED,   /* this row failed for good; reason and raw say why */
    LLM_RETURNED, /* not decided: the endpoint stopped or the call was cancelled; nothing counted */
};

/* The views are valid during the callback only. */
struct llm_reply {
    void *ctx; /* as given to llm_submit */
    enum llm_outcome outcome;
    struct str text; /* also of an answer that was cut, for "length" or a loop, as far as it goes */
    struct str raw;  /* the reply as it came, capped at 16 KiB; may be any bytes */
    const char *reason; /* stable code: "http_400", "timeout", "empty", "length", "refusal",
                           "invalid_reply", "content_filter", "too_large", "invalid_utf8",
                           "whitespace_loop", "repetition_loop", "queue_timeout", "hang" … */
    char detail[200];   /* one sentence, no secrets */
    struct llm_usage usage;
    struct str model;         /* as the server reports it, else the configured one */
    struct str finish_reason; /* as reported; "stop" from the composer */
    bool schema_asked;        /* the schema was sent: see llm_note_schema */
    unsigned schema_round;    /* for llm_note_schema */
    int url_index;            /* of the endpoint that answered last; -1: none did */
};

/* Settings of one declared provider; strings are owned by the caller and outlive the provider. */
struct llm_settings {
    const char *name;
    const char *kind; /* "openai" or "offline" */
    const char *url;  /* one or several base URLs, by commas or white space; each ends in /v1 */
    const char *model;
    const char *api_key; /* NULL for none; never logged */
    int max_in_flight;   /* of the process: all threads and URLs together */
    int timeout_s;       /* whole call, generation included */
    int queue_timeout_s; /* until the first byte, or the first token of a stream; 0: none */
    int connect_timeout_s;
    int attempts; /* of one row for faults that may pass (5xx, reset, bad JSON); not for 429 */
    const char *max_tokens_field; /* "max_tokens" or "max_completion_tokens" */
    int stop_after;         /* consecutive faults of an endpoint without a success that stop it */
    int rpm, tpm;           /* requests and tokens a minute, of all replicas together; 0: none */
    const char *extra_body; /* JSON object whose members end each request; NULL: none */
    bool stream;
    /* Dollars per million tokens; negative: not given. Without a price of their own cached tokens
     * cost what prompt tokens cost, and reasoning tokens what completion tokens cost. */
    double price_prompt, price_cached, price_completion, price_reasoning;
};

struct llm_provider;

/* What a text must be to be an extra_body; NULL when it is. */
const char *llm_extra_body_fault(struct str text);
/* Tells extra bodies apart, and shows nothing of them; empty without one. */
void llm_extra_body_id(const struct llm_settings *s, char hex[33]);

struct llm_provider *llm_provider_new(const struct llm_settings *s, struct err *e);
void llm_provider_free(struct llm_provider *p); /* accepts NULL */
const struct llm_settings *llm_provider_settings(const struct llm_provider *p);

/* Why the endpoint is stopped, for the run that pauses on it: false while it is not.
 * `reason` gets a sentence such as "llm: 401 Unauthorized: check the API key". Thread safe. */
bool llm_provider_stopped(struct llm_provider *p, char reason[200]);
/* Why calls to it wait: false when nothing outside the process holds them back. */
bool llm_provider_waits(struct llm_provider *p, struct waits *ret);
/* Forgets a stop and all pauses: what resuming a run does. Thread safe. */
void llm_provider_reset(struct llm_provider *p);

typedef void (*llm_done_fn)(void *arg, const struct llm_reply *reply);

/* Starts a call; `done(arg, reply)` is called from engine_poll exactly once, also after
 * engine_cancel. 0, or -1 when the window (max_in_flight) is full or memory is short. */
int llm_submit(struct engine *g, struct llm_provider *p, const struct llm_request *r, void *ctx,
               llm_done_fn done, void *arg, struct err *e);

/* Calls that may still be started now on this engine for p: 0 while stopped or full. The window is
 * shared by all engines. */
int llm_room(struct engine *g, struct llm_provider *p);

/* Whether an answer kept the schema, without repair: teaches whether to send it. Thread safe. */
void llm_note_schema(struct llm_provider *p, const struct llm_reply *reply, bool held);

/* Limits set by the operator, in place of those of the settings; 0: as configured. */
struct llm_limits {
    int max_in_flight, rpm;
    int64_t tpm;
};
/* In force at once; the limits per minute are divided by the number of replicas. Thread safe. */
void llm_set_limits(struct llm_provider *p, const struct llm_limits *l, int replicas);
/* A JSON object: what it is, what it does, what holds it back and who says so. Thread safe. */
void llm_describe(struct llm_provider *p, struct buf *json);

/* What the usage costs by the provider's prices, in billionths of a dollar. */
int64_t llm_cost(const struct llm_settings *s, const struct llm_usage *u);
/* What one request can cost at most, and in *tokens how many tokens it can use: no token is shorter
 * than a byte, and no answer longer than max_tokens. */
int64_t llm_call_bound(const struct llm_settings *s, const struct llm_request *r, int64_t *tokens);

#endif
