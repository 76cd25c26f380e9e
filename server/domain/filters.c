#include "server/domain/filters.h"

#include <stdio.h>

#include "server/json/write.h"

enum { STORED_NODES_MAX = 512 };

#define OFF  FILTER_OFF
#define FLAG FILTER_FLAG
#define DROP FILTER_DROP

const char *const filter_actions[] = {"off", "flag", "drop", NULL};
const char *const filter_presets[] = {"paper", "standard", "strict", NULL};

/* Each with its action, and each parameter with its range and its value, in paper, standard and
 * strict. */
const struct filter_row filter_rows[FILTER_COUNT] = {
    [FILTER_RESERVED_STRING] =
        {.name = "reserved_string",
         .help = "Holds a string that opens or ends a turn in a trainer's template, such as "
                 "<image> or </s>: it would break the loss mask of its whole sample.",
         .action = {DROP, DROP, DROP}},
    [FILTER_EMPTY] = {.name = "empty",
                      .help = "Has no word, or only one that stands for nothing, such as N/A.",
                      .action = {DROP, DROP, DROP}},
    [FILTER_MOJIBAKE] = {.name = "mojibake",
                         .help =
                             "Holds replacement characters, text decoded with the wrong character "
                             "set, or control, zero-width or bidirectional formatting characters.",
                         .action = {OFF, DROP, DROP}},
    [FILTER_REFUSAL] = {.name = "refusal",
                        .help = "Declines, or asks for a caption, instead of describing.",
                        .action = {OFF, DROP, DROP}},
    [FILTER_LANGUAGE] =
        {.name = "language",
         .help =
             "Is not English: more than the share other_scripts of its letters is not Latin, or, "
             "of eight words or more, fewer than the share stop_words are common English words.",
         .action = {OFF, DROP, DROP},
         .params = {{"other_scripts", false, 0, 1, {0.1, 0.1, 0.02}},
                    {"stop_words", false, 0, 1, {0.15, 0.15, 0.2}}}},
    [FILTER_FINISH_REASON] =
        {.name = "finish_reason",
         .help = "The model was cut off, by its token limit or by a content filter.",
         .action = {OFF, DROP, DROP}},
    [FILTER_LENGTH] = {.name = "length",
                       .help = "Has fewer than min_words or more than max_words words.",
                       .action = {OFF, DROP, DROP},
                       .params = {{"min_words", true, 1, 10000, {3, 3, 20}},
                                  {"max_words", true, 1, 10000, {600, 600, 400}}}},
    [FILTER_SHORT] = {.name = "short",
                      .help = "Has fewer than the words that a description needs.",
                      .action = {OFF, FLAG, DROP},
                      .params = {{"words", true, 1, 10000, {20, 20, 30}}}},
    [FILTER_PROMPT_TAG] = {.name = "prompt_tag",
                           .help =
                               "Holds a tag of a prompt, such as \"Caption:\", \"User:\" or ###.",
                           .action = {OFF, DROP, DROP}},
    [FILTER_ECHO] = {.name = "echo",
                     .help = "Repeats its instructions: so many words in a row of the prompt, or a "
                             "demand such as \"80 to 150 words\".",
                     .action = {OFF, DROP, DROP},
                     .params = {{"words", true, 3, 30, {7, 7, 7}}}},
    [FILTER_BOILERPLATE] = {.name = "boilerplate",
                            .help = "Speaks to the reader instead of describing: \"Sure!\", \"Here "
                                    "is the description\", \"I hope this helps\".",
                            .action = {OFF, DROP, DROP}},
    [FILTER_MARKUP] = {.name = "markup",
                       .help =
                           "Is not plain prose: lists, headings, Markdown, HTML, JSON or links.",
                       .action = {OFF, DROP, DROP}},
    [FILTER_LOOP] =
        {.name = "loop",
         .help = "Says the same words again and again: the same run of words so many times that "
                 "these make up the share of the text, or one character in a long row.",
         .action = {OFF, DROP, DROP},
         .params = {{"words", true, 2, 50, {6, 6, 6}},
                    {"times", true, 2, 100, {4, 4, 3}},
                    {"share", false, 0, 1, {0.4, 0.4, 0.3}}}},
    [FILTER_UNFINISHED] =
        {.name = "unfinished",
         .help = "Does not end with a full stop, an exclamation mark or a question mark.",
         .action = {OFF, FLAG, DROP}},
    [FILTER_NON_VISUAL] =
        {.name = "non_visual",
         .help = "Tells of sounds, smells, tastes, thoughts and moods, or hedges: more than so "
                 "many words in a hundred, and two at least, that the seed does not have.",
         .action = {OFF, FLAG, DROP},
         .params = {{"per_hundred", false, 0, 100, {3, 3, 3}}}},
    [FILTER_SEED_KEPT] =
        {.name = "seed_kept",
         .help = "Has less than the share of the seed's content words, in any of their forms. A "
                 "good model writes \"puppy\" for \"dog\": better not a reason to drop.",
         .action = {OFF, FLAG, FLAG},
         .params = {{"share", false, 0, 1, {0.5, 0.5, 0.5}}}},
    [FILTER_INVENTED_DIGITS] =
        {.name = "invented_digits",
         .help = "Holds a number in digits that the seed has neither in digits nor as a word.",
         .action = {OFF, FLAG, DROP}},
    [FILTER_INVENTED_QUOTES] = {.name = "invented_quotes",
                                .help =
                                    "Holds words in quotation marks that the seed does not have.",
                                .action = {OFF, FLAG, DROP}},
    [FILTER_FREQUENCY] = {.name = "frequency",
                          .help = "Of the last thousand captions that one process made for the "
                                  "run, so many have the same text, or the same first eight words.",
                          .action = {OFF, FLAG, DROP},
                          .params = {{"same_text", true, 2, 1000, {20, 20, 20}},
                                     {"same_opening", true, 2, 1000, {100, 100, 100}}}},
    [FILTER_EXACT_DUPLICATE] =
        {.name = "exact_duplicate",
         .help = "Another caption of the view has the same text; decided after the stage.",
         .action = {OFF, DROP, DROP}},
    [FILTER_NEAR_DUPLICATE] =
        {.name = "near_duplicate",
         .help = "Another caption of the view shares at least the share similarity of its runs of "
                 "five words, or label_similarity if both seeds have the same label and domain; "
                 "estimated by MinHash, decided after the stage.",
         .action = {OFF, DROP, DROP},
         .params = {{"similarity", false, 0.5, 1, {0.8, 0.8, 0.8}},
                    {"label_similarity", false, 0.5, 1, {0.95, 0.95, 0.95}}}},
};

struct field filter_fields[FILTER_COUNT + 2];
const char *filter_names[FILTER_COUNT + 1];
static struct field setting_fields[FILTER_COUNT][FILTER_PARAMS_MAX + 2];

static void fill_setting(const struct filter_row *row, struct field *f)
{
    *f++ = (struct field){FIELD_ENUM, "action", .offset = offsetof(struct filter_given, action),
                          .values = filter_actions};
    for (size_t i = 0; row->params[i].name; i++)
        *f++ = (struct field){row->params[i].whole ? FIELD_INT : FIELD_NUMBER, row->params[i].name,
                              .offset = offsetof(struct filter_given, param) +
                                        i * sizeof(((struct filter_given *)NULL)->param[0]),
                              .min = row->params[i].min, .max = row->params[i].max};
    *f = (struct field){.type = FIELD_END};
}

/* A table of fields must have an address that is known when the program is built, and this one
 * follows from another table. */
__attribute__((constructor)) static void fill_fields(void)
{
    struct field *f = filter_fields;
    *f++ = (struct field){FIELD_ENUM, "preset", .offset = offsetof(struct filters_given, preset),
                          .values = filter_presets};
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        filter_names[i] = filter_rows[i].name;
        fill_setting(&filter_rows[i], setting_fields[i]);
        *f++ = (struct field){FIELD_OBJECT, filter_rows[i].name,
                              .offset = offsetof(struct filters_given, of) + i * sizeof(void *),
                              .fields = setting_fields[i], .size = sizeof(struct filter_given)};
    }
    *f = (struct field){.type = FIELD_END};
}

void filters_preset(enum filter_preset preset, struct filter_settings *out)
{
    *out = (struct filter_settings){.preset = preset};
    for (int i = 0; i < FILTER_COUNT; i++) {
        out->of[i].action = filter_rows[i].action[preset];
        for (int k = 0; filter_rows[i].params[k].name; k++)
            out->of[i].param[k] = filter_rows[i].params[k].value[preset];
    }
}

static int index_of(struct str name, const char *const *names, int otherwise)
{
    for (int i = 0; name.p && names[i]; i++)
        if (str_is(name, names[i]))
            return i;
    return otherwise;
}

static void take_setting(const struct filter_row *row, const struct filter_given *g,
                         struct filter_setting *out)
{
    int action = index_of(g->action, filter_actions, (int)out->action);
    out->action = (enum filter_action)action;
    for (int i = 0; row->params[i].name; i++) {
        if (row->params[i].whole && g->param[i].whole.set)
            out->param[i] = (double)g->param[i].whole.v;
        else if (!row->params[i].whole && g->param[i].number.set)
            out->param[i] = g->param[i].number.v;
    }
}

int filters_take(const struct filters_given *g, const char *at, struct filter_settings *out,
                 struct err *e)
{
    static const struct filters_given none;
    if (!g)
        g = &none;
    int preset = index_of(g->preset, filter_presets, PRESET_STANDARD);
    filters_preset((enum filter_preset)preset, out);
    for (int i = 0; i < FILTER_COUNT; i++)
        if (g->of[i])
            take_setting(&filter_rows[i], g->of[i], &out->of[i]);
    const double *words = out->of[FILTER_LENGTH].param;
    if (words[0] <= words[1])
        return 0;
    char pointer[80];
    (void)snprintf(pointer, sizeof(pointer), "%s/length/max_words", at);
    return err_field(e, pointer, "must be at least min_words, which is %.0f", words[0]);
}

bool filters_drop_duplicates(const struct filter_settings *s)
{
    return s->of[FILTER_EXACT_DUPLICATE].action == FILTER_DROP ||
           s->of[FILTER_NEAR_DUPLICATE].action == FILTER_DROP;
}

int filters_read(struct str json, struct arena *a, struct filter_settings *out, struct err *e)
{
    struct filters_given g;
    if (json_decode(json, filter_fields, STORED_NODES_MAX, a, &g, sizeof(g), e) < 0)
        return -1;
    return filters_take(&g, "", out, e);
}

void filters_write(const struct filter_settings *s, struct buf *json)
{
    json_open(json, '{');
    json_key(json, "preset");
    json_z(json, filter_presets[s->preset]);
    for (int i = 0; i < FILTER_COUNT; i++) {
        const struct filter_row *row = &filter_rows[i];
        json_key(json, row->name);
        json_open(json, '{');
        json_key(json, "action");
        json_z(json, filter_actions[s->of[i].action]);
        for (int k = 0; row->params[k].name; k++) {
            json_key(json, row->params[k].name);
            if (row->params[k].whole)
                json_int(json, (int64_t)s->of[i].param[k]);
            else
                json_double(json, s->of[i].param[k]);
        }
        json_close(json, '}');
    }
    json_close(json, '}');
}

enum filter_id filter_by_name(struct str name)
{
    for (int i = 0; i < FILTER_COUNT; i++)
        if (str_is(name, filter_rows[i].name))
            return (enum filter_id)i;
    return FILTER_COUNT;
}

void filters_names(uint32_t set, char out[FILTER_NAMES_TEXT])
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < FILTER_COUNT; i++)
        if (set & (1U << i))
            n += (size_t)snprintf(out + n, FILTER_NAMES_TEXT - n, "%s%s", n ? "," : "",
                                  filter_rows[i].name);
}

static void describe_params(const struct filter_param *p, struct buf *out)
{
    json_key(out, "parameters");
    json_open(out, '[');
    for (; p->name; p++) {
        json_open(out, '{');
        json_key(out, "name");
        json_z(out, p->name);
        for (int i = 0; i < PRESET_COUNT; i++) {
            json_key(out, filter_presets[i]);
            json_double(out, p->value[i]);
        }
        json_close(out, '}');
    }
    json_close(out, ']');
}

void filters_describe(struct buf *out)
{
    json_open(out, '[');
    for (int i = 0; i < FILTER_COUNT; i++) {
        const struct filter_row *row = &filter_rows[i];
        json_open(out, '{');
        json_key(out, "name");
        json_z(out, row->name);
        json_key(out, "help");
        json_z(out, row->help);
        for (int p = 0; p < PRESET_COUNT; p++) {
            json_key(out, filter_presets[p]);
            json_z(out, filter_actions[row->action[p]]);
        }
        describe_params(row->params, out);
        json_close(out, '}');
    }
    json_close(out, ']');
}
