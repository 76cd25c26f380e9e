/* The tables of a request for a run. */
#include "handlers/run_request.h"

#include "handlers/image_moments.h"
#include "handlers/operations.h"
#include "server/domain/transfer.h"

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

const char *const run_stages[] = {"captions", "dialogues", "representations", NULL};

static const char *const select_verdicts[] = {"rejected", NULL};

static const struct field select_fields[] = {
    {FIELD_STRING, "source", .offset = offsetof(struct run_select, source), .max = 200},
    {FIELD_STRING, "domain", .offset = offsetof(struct run_select, domain), .max = 200},
    {FIELD_STRINGS, "seed_ids", .offset = offsetof(struct run_select, seed_ids), .min = 1,
     .max = 1000, .len_max = 32},
    {FIELD_ENUM, "verdict", .offset = offsetof(struct run_select, verdict),
     .values = select_verdicts},
    {.type = FIELD_END},
};

static const struct field provider_share_fields[] = {
    {FIELD_STRING, "provider", .required = true, .offset = offsetof(struct run_share, name),
     .min = 1, .max = NAME_CHARS_MAX},
    {FIELD_NUMBER, "weight", .offset = offsetof(struct run_share, weight), .max = 1000000},
    {.type = FIELD_END},
};

static const struct field prompt_share_fields[] = {
    {FIELD_STRING, "prompt", .required = true, .offset = offsetof(struct run_share, name), .min = 1,
     .max = PROMPT_NAME_MAX},
    {FIELD_NUMBER, "weight", .offset = offsetof(struct run_share, weight), .max = 1000000},
    {.type = FIELD_END},
};

#define LLM_FIELDS                                                                                 \
    {FIELD_STRING, "provider", .offset = offsetof(struct run_llm, provider),                       \
     .max = NAME_CHARS_MAX},                                                                       \
        {FIELD_OBJECTS,                                                                            \
         "providers",                                                                              \
         .offset = offsetof(struct run_llm, providers),                                            \
         .min = 1,                                                                                 \
         .max = CHOICES_MAX,                                                                       \
         .fields = provider_share_fields,                                                          \
         .size = sizeof(struct run_share)},                                                        \
        {FIELD_STRING, "prompt", .offset = offsetof(struct run_llm, prompt),                       \
         .max = PROMPT_NAME_MAX},                                                                  \
        {FIELD_OBJECTS,                                                                            \
         "prompts",                                                                                \
         .offset = offsetof(struct run_llm, prompts),                                              \
         .min = 1,                                                                                 \
         .max = CHOICES_MAX,                                                                       \
         .fields = prompt_share_fields,                                                            \
         .size = sizeof(struct run_share)},                                                        \
        {FIELD_NUMBER, "temperature", .offset = offsetof(struct run_llm, temperature), .max = 2},  \
        {FIELD_NUMBER, "top_p", .offset = offsetof(struct run_llm, top_p), .max = 1},              \
        {FIELD_INT, "max_tokens", .offset = offsetof(struct run_llm, max_tokens), .min = 1,        \
         .max = 32768},                                                                            \
        {FIELD_INT, "seed", .offset = offsetof(struct run_llm, seed), .max = SAFE_INTEGER_MAX},    \
    {                                                                                              \
        FIELD_STRING, "salt", .offset = offsetof(struct run_llm, salt), .max = 64                  \
    }

static const struct field caption_fields[] = {
    LLM_FIELDS,
    {FIELD_INT, "variants", .offset = offsetof(struct run_llm, variants), .min = 1, .max = 8},
    {FIELD_OBJECT, "filters", .offset = offsetof(struct run_llm, filters), .fields = filter_fields,
     .size = sizeof(struct filters_given)},
    {.type = FIELD_END},
};

/* In the order of dialogue_tasks. */
const struct field mix_fields[] = {
    {FIELD_NUMBER, "multiple_choice", .offset = 0, .max = 1},
    {FIELD_NUMBER, "question_answering", .offset = sizeof(struct opt_number), .max = 1},
    {FIELD_NUMBER, "complex_reasoning", .offset = 2 * sizeof(struct opt_number), .max = 1},
    {.type = FIELD_END},
};

static const struct field target_fields[] = {
    {FIELD_INT, "multiple_choice", .offset = 0, .max = SAFE_INTEGER_MAX},
    {FIELD_INT, "question_answering", .offset = sizeof(struct opt_int), .max = SAFE_INTEGER_MAX},
    {FIELD_INT, "complex_reasoning", .offset = 2 * sizeof(struct opt_int), .max = SAFE_INTEGER_MAX},
    {.type = FIELD_END},
};

static const struct field turns_fields[] = {
    {FIELD_INT, "min", .required = true, .offset = offsetof(struct run_turns, min), .min = 1,
     .max = DIALOGUE_TURNS_MAX},
    {FIELD_INT, "max", .required = true, .offset = offsetof(struct run_turns, max), .min = 1,
     .max = DIALOGUE_TURNS_MAX},
    {.type = FIELD_END},
};

static const struct field dialogue_fields[] = {
    LLM_FIELDS,
    {FIELD_OBJECT, "mix", .offset = offsetof(struct run_llm, mix), .fields = mix_fields,
     .size = DIALOGUE_TASKS * sizeof(struct opt_number)},
    {FIELD_OBJECT, "targets", .offset = offsetof(struct run_llm, targets), .fields = target_fields,
     .size = DIALOGUE_TASKS * sizeof(struct opt_int)},
    {FIELD_BOOL, "top_up", .offset = offsetof(struct run_llm, top_up)},
    {FIELD_OBJECT, "turns", .offset = offsetof(struct run_llm, turns), .fields = turns_fields,
     .size = sizeof(struct run_turns)},
    {FIELD_OBJECT, "reasoning_turns", .offset = offsetof(struct run_llm, reasoning_turns),
     .fields = turns_fields, .size = sizeof(struct run_turns)},
    {.type = FIELD_END},
};

static const struct field vector_fields[] = {
    {FIELD_STRING, "encoder", .offset = offsetof(struct run_vectors, encoder),
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "transfer", .offset = offsetof(struct run_vectors, transfer),
     .values = transfer_methods},
    {FIELD_OBJECT, "parameters", .offset = offsetof(struct run_vectors, parameters),
     .fields = transfer_parameter_fields, .size = sizeof(struct transfer_parameters)},
    {FIELD_STRING, "image_moments", .offset = offsetof(struct run_vectors, image_moments), .min = 1,
     .max = IMAGE_REFERENCE_MAX},
    {.type = FIELD_END},
};

static const struct field whole_fields[] = {
    {FIELD_ENUM, "method", .required = true, .offset = offsetof(struct run_transfer, method),
     .values = transfer_methods},
    {FIELD_OBJECT, "parameters", .offset = offsetof(struct run_transfer, parameters),
     .fields = transfer_parameter_fields, .size = sizeof(struct transfer_parameters)},
    {FIELD_STRING, "image_moments", .offset = offsetof(struct run_transfer, image_moments),
     .min = 1, .max = IMAGE_REFERENCE_MAX},
    {.type = FIELD_END},
};

const struct field vector_whole_fields[] = {
    {FIELD_STRING, "encoder", .offset = offsetof(struct run_vectors, encoder),
     .max = NAME_CHARS_MAX},
    {FIELD_OBJECT, "transfer", .offset = offsetof(struct run_vectors, whole),
     .fields = whole_fields, .size = sizeof(struct run_transfer)},
    {.type = FIELD_END},
};

const struct field budget_fields[] = {
    {FIELD_NUMBER, "cost_usd", .offset = offsetof(struct run_budget, cost_usd), .max = 1e9},
    {FIELD_INT, "tokens", .offset = offsetof(struct run_budget, tokens), .min = 1,
     .max = SAFE_INTEGER_MAX},
    {FIELD_STRING, "deadline", .offset = offsetof(struct run_budget, deadline), .min = 20,
     .max = 40},
    {.type = FIELD_END},
};

static const struct field dry_run_fields[] = {
    {FIELD_INT, "pilot", .required = true, .offset = offsetof(struct run_dry_run, pilot), .min = 2,
     .max = 10000},
    {.type = FIELD_END},
};

const struct field run_fields[] = {
    {FIELD_LABELS, "labels", .offset = offsetof(struct run_body, labels), .max = LABELS_MAX,
     .len_max = LABEL_VALUE_MAX},
    {FIELD_STRINGS, "stages", .required = true, .offset = offsetof(struct run_body, stages),
     .min = 1, .max = STAGE_COUNT, .values = run_stages},
    {FIELD_INT, "limit", .offset = offsetof(struct run_body, limit), .min = 1,
     .max = SAFE_INTEGER_MAX},
    {FIELD_OBJECT, "select", .offset = offsetof(struct run_body, select), .fields = select_fields,
     .size = sizeof(struct run_select)},
    {FIELD_NUMBER, "max_failed", .offset = offsetof(struct run_body, max_failed), .max = 1},
    {FIELD_OBJECT, "captions", .offset = offsetof(struct run_body, captions),
     .fields = caption_fields, .size = sizeof(struct run_llm)},
    {FIELD_OBJECT, "dialogues", .offset = offsetof(struct run_body, dialogues),
     .fields = dialogue_fields, .size = sizeof(struct run_llm)},
    {FIELD_OBJECT, "representations", .offset = offsetof(struct run_body, representations),
     .fields = vector_fields, .size = sizeof(struct run_vectors)},
    {FIELD_OBJECT, "budget", .offset = offsetof(struct run_body, budget), .fields = budget_fields,
     .size = sizeof(struct run_budget)},
    {FIELD_OBJECT, "dry_run", .offset = offsetof(struct run_body, dry_run),
     .fields = dry_run_fields, .size = sizeof(struct run_dry_run)},
    {.type = FIELD_END},
};
