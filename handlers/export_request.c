#include "handlers/export_request.h"

#include <stdio.h>

#include "handlers/job.h"
#include "handlers/operations.h"
#include "handlers/run_request.h"
#include "handlers/vectors.h"
#include "server/base/hash.h"
#include "server/json/write.h"

#define SAFE_INTEGER_MAX 9007199254740991.0 /* 2^53 - 1: exact in every JSON reader */

enum { RECIPES_MAX = 1000, ID_CHARS = 32, TEXT_MAX = 1 << 20, GROUPS_MAX = 1024 };

static const char *const kinds[] = {"captions", "dialogues", "representations", NULL};
static const char *const vector_types_of_files[] = {"float32", "float16", "bfloat16", NULL};
static const char *const verdicts[] = {"accepted", NULL};

enum { LLAVA, LLAVA_ARRAY, CAPTIONS, NPY, SAFETENSORS, WEBDATASET, FORMATS };
static const char *const formats[] = {"llava",       "llava-array", "captions", "npy",
                                      "safetensors", "webdataset",  NULL};
/* What a format can hold: one of these it must have. */
static const bool holds[FORMATS][EXPORT_KINDS] = {
    [LLAVA] = {[WITH_CAPTIONS] = true, [WITH_DIALOGUES] = true},
    [LLAVA_ARRAY] = {[WITH_CAPTIONS] = true, [WITH_DIALOGUES] = true},
    [CAPTIONS] = {[WITH_CAPTIONS] = true},
    [NPY] = {[WITH_VECTORS] = true},
    [SAFETENSORS] = {[WITH_VECTORS] = true},
    [WEBDATASET] = {true, true, true},
};

static const struct field select_fields[] = {
    {FIELD_STRING, "source", .offset = offsetof(struct export_select, source), .max = 200},
    {FIELD_STRING, "domain", .offset = offsetof(struct export_select, domain), .max = 200},
    {FIELD_INT, "min_length", .offset = offsetof(struct export_select, min_length),
     .max = INT32_MAX},
    {FIELD_INT, "max_length", .offset = offsetof(struct export_select, max_length),
     .max = INT32_MAX},
    {FIELD_ENUM, "verdict", .offset = offsetof(struct export_select, verdict), .values = verdicts},
    {.type = FIELD_END},
};

const struct field export_fields[] = {
    {FIELD_STRINGS, "include", .offset = offsetof(struct export_body, include), .min = 1,
     .max = EXPORT_KINDS, .values = kinds},
    {FIELD_STRINGS, "formats", .required = true, .offset = offsetof(struct export_body, formats),
     .min = 1, .max = FORMATS, .values = formats},
    {FIELD_STRINGS, "view", .offset = offsetof(struct export_body, view), .min = 1,
     .max = RECIPES_MAX, .len_max = ID_CHARS},
    {FIELD_STRINGS, "dialogue_recipes", .offset = offsetof(struct export_body, dialogue_recipes),
     .max = RECIPES_MAX, .len_max = ID_CHARS},
    {FIELD_OBJECT, "select", .offset = offsetof(struct export_body, select),
     .fields = select_fields, .size = sizeof(struct export_select)},
    {FIELD_INT, "limit", .offset = offsetof(struct export_body, limit), .min = 1,
     .max = SAFE_INTEGER_MAX},
    {FIELD_OBJECT, "mix", .offset = offsetof(struct export_body, mix), .fields = mix_fields,
     .size = DIALOGUE_TASKS * sizeof(struct opt_number)},
    {FIELD_STRING, "transfer", .offset = offsetof(struct export_body, transfer), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_STRING, "encoder", .offset = offsetof(struct export_body, encoder), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_ENUM, "dtype", .offset = offsetof(struct export_body, dtype),
     .values = vector_types_of_files},
    {FIELD_INT, "files", .offset = offsetof(struct export_body, files), .min = 1,
     .max = GROUPS_MAX},
    {FIELD_BOOL, "allow_offline", .offset = offsetof(struct export_body, allow_offline)},
    {FIELD_LABELS, "labels", .offset = offsetof(struct export_body, labels), .max = LABELS_MAX,
     .len_max = LABEL_VALUE_MAX},
    {.type = FIELD_END},
};

/* The text of b in the arena; frees b. */
static const char *keep(struct req *q, struct buf *b, struct err *e)
{
    const char *text = b->failed ? NULL : arena_dup(q->arena, b->p, b->n);
    buf_free(b);
    if (!text)
        (void)err_set(e, ERR_NO_MEMORY, "no memory for the export");
    return text;
}

static void add_element(struct buf *b, struct str s)
{
    buf_addc(b, b->n ? ',' : '{');
    buf_adds(b, s);
}

/* Which of the names the list has, each once. */
static void take_names(const struct list *l, const char *const *names, const char *pointer,
                       bool *out, struct err *e)
{
    const struct str *given = l->items;
    for (size_t i = 0; i < l->n; i++)
        for (int k = 0; names[k]; k++) {
            if (!str_is(given[i], names[k]))
                continue;
            if (out[k])
                (void)err_field(e, pointer, "names %s twice", names[k]);
            out[k] = true;
        }
}

static const char *write_names(struct req *q, const bool *taken, const char *const *names,
                               struct err *e)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    for (int i = 0; names[i]; i++)
        if (taken[i])
            add_element(&b, str_of(names[i]));
    buf_addc(&b, '}');
    return keep(q, &b, e);
}

static void include_by_formats(const bool *taken, bool with[EXPORT_KINDS])
{
    with[WITH_CAPTIONS] = true;
    with[WITH_DIALOGUES] = taken[LLAVA] || taken[LLAVA_ARRAY] || taken[WEBDATASET];
    with[WITH_VECTORS] = taken[NPY] || taken[SAFETENSORS] || taken[WEBDATASET];
}

static void check_formats(const struct export_body *b, const bool with[EXPORT_KINDS], struct err *e)
{
    const struct str *given = b->formats.items;
    for (size_t i = 0; i < b->formats.n; i++)
        for (int f = 0; f < FORMATS; f++) {
            char pointer[40];
            bool any = false;
            for (int k = 0; k < EXPORT_KINDS; k++)
                any |= holds[f][k] && with[k];
            if (any || !str_is(given[i], formats[f]))
                continue;
            (void)snprintf(pointer, sizeof(pointer), "/formats/%zu", i);
            (void)err_field(e, pointer, "holds nothing of what is included");
        }
}

static void take_parts(struct req *q, const struct export_body *b, struct export_request *out,
                       struct err *e)
{
    bool taken[FORMATS] = {false};
    take_names(&b->formats, formats, "/formats", taken, e);
    if (b->include.set)
        take_names(&b->include, kinds, "/include", out->with, e);
    else
        include_by_formats(taken, out->with);
    check_formats(b, out->with, e);
    out->dtype = b->dtype.p ? b->dtype : STR("float16");
    if (taken[NPY] && str_is(out->dtype, "bfloat16"))
        (void)err_field(e, "/dtype", "numpy has no bfloat16: leave npy out of the formats");
    out->include = write_names(q, out->with, kinds, e);
    out->formats = write_names(q, taken, formats, e);
}

static const char *take_recipes(struct req *q, const struct list *l, const char *member,
                                struct err *e)
{
    const struct str *ids = l->items;
    struct buf b;
    if (!l->set)
        return NULL;
    buf_init(&b, TEXT_MAX);
    for (size_t i = 0; i < l->n; i++) {
        uint8_t id[SEED_ID_BYTES];
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/%s/%zu", member, i);
        if (!seed_id_parse(ids[i], id))
            (void)err_field(e, pointer, "must be an id of 32 hexadecimal digits");
        for (size_t k = 0; k < i; k++)
            if (str_eq(ids[i], ids[k]))
                (void)err_field(e, pointer, "stands twice");
        add_element(&b, ids[i]);
    }
    buf_addz(&b, l->n ? "}" : "{}");
    return keep(q, &b, e);
}

static void put_text(struct buf *b, const char *name, struct str value)
{
    if (!value.p)
        return;
    json_key(b, name);
    json_str(b, value);
}

static void put_length(struct buf *b, const char *name, struct opt_int value)
{
    if (!value.set)
        return;
    json_key(b, name);
    json_int(b, value.v);
}

static const char *take_selection(struct req *q, const struct export_select *given, struct err *e)
{
    static const struct export_select everything;
    const struct export_select *s = given ? given : &everything;
    struct buf b;
    if (s->min_length.set && s->max_length.set && s->min_length.v > s->max_length.v)
        (void)err_field(e, "/select", "min_length must not be above max_length");
    buf_init(&b, TEXT_MAX);
    json_open(&b, '{');
    put_text(&b, "source", s->source);
    put_text(&b, "domain", s->domain);
    put_text(&b, "verdict", s->verdict);
    put_length(&b, "min_length", s->min_length);
    put_length(&b, "max_length", s->max_length);
    json_close(&b, '}');
    return keep(q, &b, e);
}

/* An element of bytea[]. Nine bytes of 0xff are greater than any hash of eight, which takes all. */
static void add_bound(struct buf *b, double share)
{
    uint8_t bound[9] = {[8] = 0xff};
    char hex[2 * sizeof(bound) + 1];
    bool all = false;
    share_bound(share, bound, &all);
    hex_encode(bound, all ? 9 : 8, hex);
    buf_addf(b, "%c\"\\\\x%s\"", b->n ? ',' : '{', hex);
}

static void take_mix(struct req *q, const struct opt_number *mix, struct export_request *out,
                     struct err *e)
{
    struct buf names, bounds, shares;
    if (!mix)
        return;
    buf_init(&names, TEXT_MAX);
    buf_init(&bounds, TEXT_MAX);
    buf_init(&shares, TEXT_MAX);
    json_open(&shares, '{');
    for (int i = 0; i < DIALOGUE_TASKS; i++) {
        if (!mix[i].set)
            continue;
        json_key(&shares, dialogue_tasks[i]);
        json_double(&shares, mix[i].v);
        if (!(mix[i].v > 0))
            continue;
        add_element(&names, str_of(dialogue_tasks[i]));
        add_bound(&bounds, mix[i].v);
    }
    json_close(&shares, '}');
    if (names.n == 0)
        (void)err_field(e, "/mix", "must have a share above 0");
    buf_addc(&names, '}');
    buf_addc(&bounds, '}');
    out->mix_tasks = keep(q, &names, e);
    out->mix_bounds = keep(q, &bounds, e);
    out->mix = keep(q, &shares, e);
}

static void refuse(bool given, const char *pointer, const char *of, struct err *e)
{
    if (given)
        (void)err_field(e, pointer, "is about %s, which are not included", of);
}

int export_request_make(struct req *q, const struct export_body *b, struct export_request *out,
                        struct err *e)
{
    *out = (struct export_request){.transfer = STR("mean_shift"), .encoder = b->encoder};
    take_parts(q, b, out, e);
    out->view = take_recipes(q, &b->view, "view", e);
    out->dialogue_recipes = take_recipes(q, &b->dialogue_recipes, "dialogue_recipes", e);
    out->selection = take_selection(q, b->select, e);
    take_mix(q, b->mix, out, e);
    if (b->transfer.p) {
        out->transfer = b->transfer;
        (void)transfer_parse(b->transfer, "/transfer", e);
    }
    if (!out->with[WITH_DIALOGUES]) {
        refuse(b->dialogue_recipes.set, "/dialogue_recipes", kinds[WITH_DIALOGUES], e);
        refuse(b->mix, "/mix", kinds[WITH_DIALOGUES], e);
    }
    if (!out->with[WITH_VECTORS]) {
        refuse(b->transfer.p, "/transfer", kinds[WITH_VECTORS], e);
        refuse(b->encoder.p, "/encoder", kinds[WITH_VECTORS], e);
    }
    return e->code == ERR_NONE ? 0 : -1;
}
