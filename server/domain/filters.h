/* The filters of captions: one table that says what they are called, what they take, and what the
 * presets do with them. They judge a text once, when it is made, and are no part of a recipe. */
#ifndef MONOCEROS_DOMAIN_FILTERS_H
#define MONOCEROS_DOMAIN_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/json/decode.h"

/* In the order in which they are asked: the first that drops a caption is the reason. */
enum filter_id {
    FILTER_RESERVED_STRING,
    FILTER_EMPTY,
    FILTER_MOJIBAKE,
    FILTER_REFUSAL,
    FILTER_LANGUAGE,
    FILTER_FINISH_REASON,
    FILTER_LENGTH,
    FILTER_SHORT,
    FILTER_PROMPT_TAG,
    FILTER_ECHO,
    FILTER_BOILERPLATE,
    FILTER_MARKUP,
    FILTER_LOOP,
    FILTER_UNFINISHED,
    FILTER_NON_VISUAL,
    FILTER_SEED_KEPT,
    FILTER_INVENTED_DIGITS,
    FILTER_INVENTED_QUOTES,
    FILTER_FREQUENCY,
    FILTER_EXACT_DUPLICATE,
    FILTER_NEAR_DUPLICATE,
    FILTER_COUNT,
};

enum filter_action { FILTER_OFF, FILTER_FLAG, FILTER_DROP };
extern const char *const filter_actions[]; /* off, flag, drop */

enum filter_preset { PRESET_PAPER, PRESET_STANDARD, PRESET_STRICT, PRESET_COUNT };
extern const char *const filter_presets[]; /* paper, standard, strict */

enum { FILTER_PARAMS_MAX = 3, FILTER_NAMES_TEXT = 32 * FILTER_COUNT };

struct filter_param {
    const char *name; /* NULL ends the list */
    bool whole;
    double min, max, value[PRESET_COUNT];
};

struct filter_row {
    const char *name, *help;
    enum filter_action action[PRESET_COUNT];
    struct filter_param params[FILTER_PARAMS_MAX + 1];
};

extern const struct filter_row filter_rows[FILTER_COUNT];

/* What holds in a run. Parameters in the order of the row. */
struct filter_setting {
    enum filter_action action;
    double param[FILTER_PARAMS_MAX];
};
struct filter_settings {
    enum filter_preset preset;
    struct filter_setting of[FILTER_COUNT];
};

/* What a request gives; all of it may be absent. */
struct filter_given {
    struct str action;
    union {
        struct opt_int whole;
        struct opt_number number;
    } param[FILTER_PARAMS_MAX];
};
struct filters_given {
    struct str preset;
    struct filter_given *of[FILTER_COUNT];
};
/* The table as fields of struct filters_given; filled before main() begins and never written
 * again. */
extern struct field filter_fields[FILTER_COUNT + 2];
/* The names in order, NULL at the end; likewise. */
extern const char *filter_names[FILTER_COUNT + 1];

void filters_preset(enum filter_preset preset, struct filter_settings *out);
/* The preset with what is given in its place; NULL gives `standard`. What does not fit together is
 * reported under the JSON pointer `at`. */
int filters_take(const struct filters_given *g, const char *at, struct filter_settings *out,
                 struct err *e);
/* Whether the pass over duplicates may drop captions, so that what follows has to wait for it. */
bool filters_drop_duplicates(const struct filter_settings *s);
/* From and to the JSON object that a run keeps: the preset's name, then each filter with its action
 * and all of its parameters. */
int filters_read(struct str json, struct arena *a, struct filter_settings *out, struct err *e);
void filters_write(const struct filter_settings *s, struct buf *json);

/* FILTER_COUNT for an unknown name. */
enum filter_id filter_by_name(struct str name);
/* The names of the filters whose bits are set, separated by commas. */
void filters_names(uint32_t set, char out[FILTER_NAMES_TEXT]);

/* The table as JSON, for the contract test. */
void filters_describe(struct buf *out);

#endif
