#include "server/domain/dialogue_schema.h"

#include "server/domain/prompt.h"

static void text_schema(struct buf *json, const char *name, int most)
{
    buf_addf(json, "\"%s\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":%d}", name, most);
}

static void options_schema(struct buf *json)
{
    static const char *const letters[] = {"A", "B", "C", "D"};
    buf_addz(json, ",\"options\":{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < 4; i++) {
        buf_addz(json, i ? "," : "");
        text_schema(json, letters[i], SCHEMA_OPTION_MAX);
    }
    buf_addz(json, "},\"required\":[\"A\",\"B\",\"C\",\"D\"],\"additionalProperties\":false},"
                   "\"answer\":{\"type\":\"string\",\"enum\":[\"A\",\"B\",\"C\",\"D\"]}");
}

void dialogue_schema(int task, const struct turns *range, struct buf *json)
{
    bool options = strcmp(dialogue_tasks[task], "multiple_choice") == 0;
    bool reasoning = strcmp(dialogue_tasks[task], "complex_reasoning") == 0;
    buf_addf(json,
             "{\"type\":\"object\",\"properties\":{\"pairs\":{\"type\":\"array\",\"minItems\":%d,"
             "\"maxItems\":%d,\"items\":{\"type\":\"object\",\"properties\":{",
             range->min, range->max);
    text_schema(json, "question", SCHEMA_QUESTION_MAX);
    if (options) {
        options_schema(json);
    } else {
        buf_addc(json, ',');
        text_schema(json, "answer", reasoning ? SCHEMA_PARAGRAPH_MAX : SCHEMA_SENTENCE_MAX);
    }
    buf_addf(json,
             "},\"required\":[\"question\",%s\"answer\"],\"additionalProperties\":false}}},"
             "\"required\":[\"pairs\"],\"additionalProperties\":false}",
             options ? "\"options\"," : "");
}
