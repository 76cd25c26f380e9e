#include <jansson.h>
#include <math.h>

#include "providers/llm.h"

enum {
    TEMPLATE_TOKENS = 64,  /* that a server puts around the messages */
    ANSWER_TOKENS = 32768, /* of an answer without a limit */
};

/* Dollars per million tokens are thousands of billionths per token. */
static int64_t price(int64_t tokens, double per_million, double otherwise)
{
    double dollars = per_million >= 0 ? per_million : otherwise;

    double billionths = ceil((double)tokens * dollars * 1e3);

    return dollars > 0 ? (int64_t)billionths : 0;
}

int64_t llm_cost(const struct llm_settings *s, const struct llm_usage *u)
{
    return price(u->tokens_in - u->tokens_cached, s->price_prompt, 0) +
           price(u->tokens_cached, s->price_cached, s->price_prompt) +
           price(u->tokens_out - u->tokens_reasoning, s->price_completion, 0) +
           price(u->tokens_reasoning, s->price_reasoning, s->price_completion);
}

/* The limit of an answer, wherever it is set; the number of answers, too, can be set. */
static int64_t most_tokens_out(const struct llm_settings *s, const struct llm_request *r)
{
    int64_t out = r->max_tokens > 0 ? r->max_tokens : ANSWER_TOKENS, n = 1;

    if (!s->extra_body)
        return out;
    json_t *extra = json_loads(s->extra_body, 0, NULL);
    static const char *const limits[] = {"max_tokens", "max_completion_tokens"};
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        if (json_is_integer(json_object_get(extra, limits[i])))
            out = (int64_t)json_integer_value(json_object_get(extra, limits[i]));
    if (json_is_integer(json_object_get(extra, "n")))
        n = (int64_t)json_integer_value(json_object_get(extra, "n"));
    json_decref(extra);
    return out * (n > 1 ? n : 1);
}

int64_t llm_call_bound(const struct llm_settings *s, const struct llm_request *r, int64_t *tokens)
{
    int64_t in = (int64_t)(r->system.n + r->user.n + r->schema.n) + TEMPLATE_TOKENS;
    int64_t out = most_tokens_out(s, r);

    *tokens = in + out;
    return price(in, fmax(s->price_prompt, s->price_cached), 0) +
           price(out, fmax(s->price_completion, s->price_reasoning), 0);
}
