/* Stage 2: one call per (caption, task). What a model answers is never trusted: shape, counts,
 * letters, wording and reserved strings are checked here, options are shuffled by a seeded hash,
 * and the sample is written in the trainer's form. */
#include <stdio.h>

#include "server/base/hash.h"
#include "server/base/text.h"
#include "server/json/decode.h"
#include "server/json/write.h"
#include "stages/stage.h"

enum {
    PAIRS_MAX = 8,
    PAIRS_MIN = 6,
    REASONING_PAIRS_MIN = 2,
    OPTIONS = 4,
    ANSWER_NODES_MAX = 400,
    /* One vector becomes 576 image tokens of the trainer's 2,048; the rest, less the template, is
     * about 1,470 text tokens, at no fewer than 3.5 bytes a token of English. */
    SAMPLE_BYTES_MAX = 5145,
    CONVERSATION_BYTES_MAX = 64 << 10,
    MULTIPLE_CHOICE = 0,
};

struct options {
    struct str letter[OPTIONS];
};

struct pair {
    struct str question, answer;
    struct options *options;
};

struct answer {
    struct list pairs;
};

static const struct field options_fields[] = {
    {FIELD_STRING, "A", .required = true, .offset = 0, .min = 1, .max = 200},
    {FIELD_STRING, "B", .required = true, .offset = sizeof(struct str), .min = 1, .max = 200},
    {FIELD_STRING, "C", .required = true, .offset = 2 * sizeof(struct str), .min = 1, .max = 200},
    {FIELD_STRING, "D", .required = true, .offset = 3 * sizeof(struct str), .min = 1, .max = 200},
    {.type = FIELD_END},
};

static const struct field choice_fields[] = {
    {FIELD_STRING, "question", .required = true, .offset = offsetof(struct pair, question),
     .min = 1, .max = 600},
    {FIELD_OBJECT, "options", .required = true, .offset = offsetof(struct pair, options),
     .fields = options_fields, .size = sizeof(struct options)},
    {FIELD_STRING, "answer", .required = true, .offset = offsetof(struct pair, answer), .min = 1,
     .max = 1},
    {.type = FIELD_END},
};

static const struct field open_fields[] = {
    {FIELD_STRING, "question", .required = true, .offset = offsetof(struct pair, question),
     .min = 1, .max = 600},
    {FIELD_STRING, "answer", .required = true, .offset = offsetof(struct pair, answer), .min = 1,
     .max = 3000},
    {.type = FIELD_END},
};

static const struct field choice_answer[] = {
    {FIELD_OBJECTS, "pairs", .required = true, .offset = offsetof(struct answer, pairs),
     .min = PAIRS_MIN, .max = PAIRS_MAX, .fields = choice_fields, .size = sizeof(struct pair)},
    {.type = FIELD_END},
};
static const struct field question_answer[] = {
    {FIELD_OBJECTS, "pairs", .required = true, .offset = offsetof(struct answer, pairs),
     .min = PAIRS_MIN, .max = PAIRS_MAX, .fields = open_fields, .size = sizeof(struct pair)},
    {.type = FIELD_END},
};
static const struct field reasoning_answer[] = {
    {FIELD_OBJECTS, "pairs", .required = true, .offset = offsetof(struct answer, pairs),
     .min = REASONING_PAIRS_MIN, .max = PAIRS_MAX, .fields = open_fields,
     .size = sizeof(struct pair)},
    {.type = FIELD_END},
};
static const struct field *const answer_fields[DIALOGUE_TASKS] = {choice_answer, question_answer,
                                                                  reasoning_answer};

int dialogue_request(const struct run_settings *s, const struct item *it, struct arena *a,
                     struct llm_request *r, struct err *e)
{
    const struct call_settings *c = &s->dialogues;
    char id[CAPTION_ID_TEXT + 1];
    caption_id(it->seed, it->hash, id);
    struct str key = arena_str(a, str_of(id));
    const char *again = it->refusal ? "\n\nThe previous answer could not be used: " : "";
    const char *user =
        arena_printf(a, "%s%s" STR_FMT "%s%s", c->prompt->task[it->task], c->prompt->user_prefix,
                     STR_ARG(it->text), again, it->refusal ? it->refusal : "");
    if (!user || !key.p)
        return err_set(e, ERR_NO_MEMORY, "out of memory");
    *r = (struct llm_request){
        .task = (enum llm_task)(LLM_MULTIPLE_CHOICE + it->task),
        .id = key,
        .salt = c->salt,
        .variant = it->asked,
        .source = it->text,
        .system = str_of(c->prompt->system),
        .user = str_of(user),
        .schema_name = str_of(dialogue_tasks[it->task]),
        .schema = str_of(dialogue_schema(it->task)),
        .temperature = c->temperature,
        .top_p = c->top_p,
        .max_tokens = c->max_tokens,
        .seed = c->seed < 0 ? -1 : c->seed + 1000 * it->asked,
    };
    return 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether the phrase stands in the text as whole words; a plural counts as the word. */
static bool says(struct str text, struct str phrase)
{
    for (size_t from = 0; from < text.n;) {
        ptrdiff_t at = str_ifind(str_from(text, from), phrase);
        if (at < 0)
            return false;
        size_t start = from + (size_t)at, end = start + phrase.n;
        if (end < text.n && (text.p[end] == 's' || text.p[end] == 'S'))
            end++;
        if ((start == 0 || !is_letter(text.p[start - 1])) &&
            (end >= text.n || !is_letter(text.p[end])))
            return true;
        from = start + 1;
    }
    return false;
}

/* Turns speak as if looking at the picture: the words that give the source away. */
static const char *source_leak(struct str text)
{
    static const char *const words[] = {
        "caption",          "the text",      "the description", "the passage",   "as described",
        "the paragraph",    "as mentioned",  "is mentioned",    "are mentioned", "as stated",
        "according to the", "provided text", "the given text",  "the narrative",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (says(text, str_of(words[i])))
            return words[i];
    return NULL;
}

static int check_string(struct str *s, struct arena *a, struct err *e)
{
    *s = arena_str(a, text_normalise(a, *s));
    if (!s->p || s->n == 0)
        return err_set(e, ERR_VALIDATION, "a string is empty");
    const char *bad = reserved_string(*s);
    if (bad)
        return err_set(e, ERR_VALIDATION, "the reserved string %s", bad);
    bad = source_leak(*s);
    if (bad)
        return err_set(e, ERR_VALIDATION, "the words \"%s\" name the source", bad);
    return 0;
}

static int check_options(struct pair *p, struct arena *a, struct err *e)
{
    for (int i = 0; i < OPTIONS; i++) {
        if (check_string(&p->options->letter[i], a, e) < 0)
            return -1;
        for (int k = 0; k < i; k++)
            if (str_ieq(p->options->letter[i], p->options->letter[k]))
                return err_set(e, ERR_VALIDATION, "two options are the same");
    }
    if (p->answer.p[0] < 'A' || p->answer.p[0] > 'D')
        return err_set(e, ERR_VALIDATION, "an answer is not one of A to D");
    return 0;
}

static int check_pairs(struct answer *ans, int task, struct arena *a, struct err *e)
{
    struct pair *pairs = ans->pairs.items;
    for (size_t i = 0; i < ans->pairs.n; i++) {
        if (check_string(&pairs[i].question, a, e) < 0)
            return -1;
        if (task == MULTIPLE_CHOICE ? check_options(&pairs[i], a, e) < 0
                                    : check_string(&pairs[i].answer, a, e) < 0)
            return -1;
        for (size_t k = 0; k < i; k++)
            if (str_ieq(pairs[i].question, pairs[k].question))
                return err_set(e, ERR_VALIDATION, "two questions are the same");
    }
    return 0;
}

/* A seeded permutation of 0..3: hash in factorial base. */
static void permutation(struct str purpose, struct str id, int out[OPTIONS])
{
    uint64_t h = hash_choice(purpose, id) >> 8;
    for (int i = 0; i < OPTIONS; i++)
        out[i] = i;
    for (int i = OPTIONS - 1; i > 0; i--) {
        int k = (int)(h % (uint64_t)(i + 1));
        h /= (uint64_t)(i + 1);
        int swap = out[i];
        out[i] = out[k];
        out[k] = swap;
    }
}

/* Where the right option of question i goes: each block of four questions uses each letter once, so
 * that letters are balanced within a dialogue and over the whole set. */
static int right_place(struct str id, size_t i)
{
    char purpose[32];
    int letters[OPTIONS];
    (void)snprintf(purpose, sizeof(purpose), "letters:%zu", i / OPTIONS);
    permutation(str_of(purpose), id, letters);
    return letters[i % OPTIONS];
}

static char shuffle_options(const struct pair *p, struct str id, size_t i, struct str out[OPTIONS])
{
    char purpose[32];
    int order[OPTIONS], right = p->answer.p[0] - 'A', place = right_place(id, i), n = 0;
    (void)snprintf(purpose, sizeof(purpose), "options:%zu", i);
    permutation(str_of(purpose), id, order);
    out[place] = p->options->letter[right];
    for (int k = 0; k < OPTIONS; k++) {
        if (order[k] == right)
            continue;
        n += n == place;
        out[n++] = p->options->letter[order[k]];
    }
    return (char)('A' + place);
}

static void write_turn(struct buf *b, const char *from, const struct buf *value)
{
    json_open(b, '{');
    json_key(b, "from");
    json_z(b, from);
    json_key(b, "value");
    json_str(b, buf_str(value));
    json_close(b, '}');
}

/* Returns the bytes of text that the trainer sees. */
static size_t write_pair(struct buf *b, const struct pair *p, struct str id, size_t i)
{
    struct buf human, gpt;
    buf_init(&human, CONVERSATION_BYTES_MAX);
    buf_init(&gpt, CONVERSATION_BYTES_MAX);
    if (i == 0)
        buf_addz(&human, "<image>\n");
    buf_adds(&human, p->question);
    if (p->options) {
        struct str shuffled[OPTIONS];
        char letter = shuffle_options(p, id, i, shuffled);
        for (int k = 0; k < OPTIONS; k++)
            buf_addf(&human, "\n%c: " STR_FMT, 'A' + k, STR_ARG(shuffled[k]));
        buf_addc(&gpt, letter);
    } else {
        buf_adds(&gpt, p->answer);
    }
    write_turn(b, "human", &human);
    write_turn(b, "gpt", &gpt);
    size_t bytes = human.n + gpt.n;
    b->failed = b->failed || human.failed || gpt.failed;
    buf_free(&human);
    buf_free(&gpt);
    return bytes;
}

static int write_conversations(const struct answer *ans, struct item *it, struct arena *a,
                               struct err *e)
{
    const struct pair *pairs = ans->pairs.items;
    char id[CAPTION_ID_TEXT + 1];
    struct buf b;
    size_t bytes = 0;
    caption_id(it->seed, it->hash, id);
    buf_init(&b, CONVERSATION_BYTES_MAX);
    json_open(&b, '[');
    for (size_t i = 0; i < ans->pairs.n; i++)
        bytes += write_pair(&b, &pairs[i], str_of(id), i);
    json_close(&b, ']');
    it->result.text = b.failed ? (struct str){NULL, 0} : arena_str(a, buf_str(&b));
    buf_free(&b);
    if (!it->result.text.p)
        return err_set(e, ERR_NO_MEMORY, "the dialogue is too long");
    if (bytes > SAMPLE_BYTES_MAX)
        return err_set(e, ERR_VALIDATION, "the dialogue is longer than a trainer's sample can be");
    return 0;
}

static enum verdict refuse(struct item *it, const struct err *e, struct arena *a)
{
    it->refusal = arena_printf(a, "%s", e->msg);
    if (!it->refusal)
        it->refusal = "out of memory";
    return VERDICT_REFUSED;
}

enum verdict dialogue_accept(const struct run_settings *s, struct item *it,
                             const struct llm_reply *reply, struct arena *a)
{
    struct err e = {0};
    struct answer ans;
    if (json_decode(reply->text, answer_fields[it->task], ANSWER_NODES_MAX, a, &ans, sizeof(ans),
                    &e) < 0 ||
        check_pairs(&ans, it->task, a, &e) < 0)
        return refuse(it, &e, a);
    it->result = (struct result){
        .turns = (int)ans.pairs.n,
        .flags = "",
        .model = arena_str(a, reply->model),
        .finish_reason = arena_str(a, reply->finish_reason),
        .tokens_in = (int)reply->usage.tokens_in,
        .tokens_out = (int)reply->usage.tokens_out,
    };
    if (write_conversations(&ans, it, a, &e) < 0)
        return refuse(it, &e, a);
    dialogue_hash(s->dialogues.recipe, str_of(dialogue_tasks[it->task]), it->result.text,
                  it->result.hash);
    return VERDICT_TAKEN;
}
