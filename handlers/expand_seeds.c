/* Seeds from labels: each label in some templates of a set. */
#include <stdio.h>

#include "handlers/bind.h"
#include "handlers/operations.h"
#include "handlers/seed_input.h"
#include "server/base/cleanup.h"
#include "server/base/text.h"
#include "server/domain/reserved.h"
#include "server/domain/seed_templates.h"
#include "server/json/write.h"

enum {
    LABELS_MAX = 10000,
    LABEL_CHARS_MAX = 200,
    LABEL_RAW_CHARS_MAX = 800,
    TEMPLATE_CHARS_MAX = 500,
    PER_LABEL_MAX = 50,
    PER_LABEL_DEFAULT = 10,
    EXPAND_NODES_MAX = 12000,
    BATCH_ROWS = 1000,
    COLUMN_BYTES_MAX = 16 << 20,
    LABEL_ARENA_BYTES = 4 << 20,
    REFUSED_SHOWN = 100,
    SALT_CHARS_MAX = 64,
    LOOK_UP_EVERY = 64, /* labels between two looks at whether the server ends */
};

struct expand_body {
    struct str domain, template_set, source, salt;
    struct list labels, templates;
    struct opt_int per_label;
};

const struct field expand_fields[] = {
    {FIELD_STRING, "domain", .required = true, .offset = offsetof(struct expand_body, domain),
     .min = 1, .max = SEED_LABEL_MAX},
    {FIELD_STRINGS, "labels", .required = true, .offset = offsetof(struct expand_body, labels),
     .min = 1, .max = LABELS_MAX, .len_max = LABEL_RAW_CHARS_MAX},
    {FIELD_INT, "per_label", .offset = offsetof(struct expand_body, per_label), .min = 1,
     .max = PER_LABEL_MAX},
    {FIELD_STRING, "template_set", .offset = offsetof(struct expand_body, template_set), .min = 1,
     .max = NAME_CHARS_MAX},
    {FIELD_STRINGS, "templates", .offset = offsetof(struct expand_body, templates), .min = 1,
     .max = SEED_TEMPLATES_MAX, .len_max = TEMPLATE_CHARS_MAX},
    {FIELD_STRING, "source", .offset = offsetof(struct expand_body, source), .max = SEED_LABEL_MAX},
    {FIELD_STRING, "salt", .offset = offsetof(struct expand_body, salt), .max = SALT_CHARS_MAX},
    {.type = FIELD_END},
};

struct refused_label {
    size_t index;
    const char *reason;
    char detail[160];
};

struct expansion {
    struct req *q;
    struct work_ctx *ctx;
    const char *dataset;
    struct str domain, source, salt;
    size_t n_templates, per_label;
    struct str templates[SEED_TEMPLATES_MAX];
    struct arena *arena; /* of the label at hand */
    struct seed_batch batch;
    int64_t received, refused;
    struct seed_counts stored;
    int n_shown;
    struct refused_label shown[REFUSED_SHOWN];
};

static int take_own_templates(struct req *q, const struct expand_body *b, struct expansion *x,
                              struct err *e)
{
    const struct str *given = b->templates.items;
    for (size_t i = 0; i < b->templates.n; i++) {
        char pointer[40];
        (void)snprintf(pointer, sizeof(pointer), "/templates/%zu", i);
        struct str t = text_normalise(q->arena, given[i]);
        if (!t.p)
            return err_set(e, ERR_NO_MEMORY, "no memory for the templates");
        const char *fault = seed_template_fault(t);
        if (!fault && reserved_string(t))
            fault = "has a reserved string, which ends or opens a turn in trainers' templates";
        for (size_t k = 0; !fault && k < x->n_templates; k++)
            if (str_eq(x->templates[k], t))
                fault = "is the same as one before it";
        if (fault)
            (void)err_field(e, pointer, "%s", fault);
        x->templates[x->n_templates++] = t;
    }
    return 0;
}

static void take_shipped_templates(const struct expand_body *b, struct expansion *x, struct err *e)
{
    const struct seed_template_set *set =
        seed_template_set_find(b->template_set.p ? b->template_set : x->domain);
    if (!set) {
        (void)err_field(e, "/template_set",
                        b->template_set.p
                            ? "is not a set of templates; GET /v1/seed-templates lists them"
                            : "is required without templates: no set is named like the domain; "
                              "GET /v1/seed-templates lists them");
        return;
    }
    for (; set->templates[x->n_templates]; x->n_templates++)
        x->templates[x->n_templates] = str_of(set->templates[x->n_templates]);
}

static int take_templates(struct req *q, const struct expand_body *b, struct expansion *x,
                          struct err *e)
{
    if (b->template_set.p && b->templates.set)
        return err_field(e, "/template_set", "goes without templates");
    if (!b->templates.set)
        take_shipped_templates(b, x, e);
    else if (take_own_templates(q, b, x, e) < 0)
        return -1;
    if (e->code != ERR_NONE)
        return -1;
    x->per_label = x->n_templates < PER_LABEL_DEFAULT ? x->n_templates : PER_LABEL_DEFAULT;
    if (b->per_label.set)
        x->per_label = (size_t)b->per_label.v;
    if (x->per_label > x->n_templates)
        return err_field(e, "/per_label", "is more than the %zu templates", x->n_templates);
    return 0;
}

static int take_body(struct req *q, struct expansion *x, struct err *e)
{
    const struct expand_body *b = op_body(q);
    struct str dataset = arena_str(q->arena, q->params[0]);
    x->domain = text_normalise(q->arena, b->domain);
    x->dataset = dataset.p;
    x->source = b->source;
    x->salt = b->salt.p ? b->salt : STR("");
    if (!x->domain.p || !dataset.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for an expansion");
    if (x->domain.n == 0)
        (void)err_field(e, "/domain", "has nothing but white space");
    return take_templates(q, b, x, e);
}

static void refuse(struct expansion *x, size_t index, const char *reason, const char *detail)
{
    x->refused++;
    if (x->n_shown == REFUSED_SHOWN)
        return;
    struct refused_label *r = &x->shown[x->n_shown++];
    r->index = index;
    r->reason = reason;
    (void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

/* Class names of datasets often have underscores for blanks. */
static struct str without_underscores(struct arena *a, struct str label)
{
    char *copy = arena_dup(a, label.p, label.n);
    for (size_t i = 0; copy && i < label.n; i++)
        if (copy[i] == '_')
            copy[i] = ' ';
    return copy ? text_normalise(a, (struct str){copy, label.n}) : (struct str){NULL, 0};
}

/* Control characters, of both sets that Unicode has. */
static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0))
            return true;
    }
    return false;
}

/* NULL, or why the label cannot be taken. */
static const char *label_fault(struct str label, char detail[160])
{
    size_t length = text_length(label);
    (void)snprintf(detail, 160, "the label has nothing but white space");
    if (label.n == 0)
        return "empty";
    (void)snprintf(detail, 160, "the label has %zu characters, %d are allowed", length,
                   LABEL_CHARS_MAX);
    if (length > LABEL_CHARS_MAX)
        return "too_long";
    (void)snprintf(detail, 160, "the label has a control character");
    if (has_control(label))
        return "control_character";
    (void)snprintf(detail, 160, "the label has a brace, which is for templates");
    if (memchr(label.p, '{', label.n) || memchr(label.p, '}', label.n))
        return "brace";
    (void)snprintf(detail, 160, "the label has a string that is reserved in trainers' templates");
    return reserved_string(label) ? "reserved_string" : NULL;
}

static struct str metadata_of(struct arena *a, struct str label, struct str template)
{
    struct buf b;
    buf_init(&b, SEED_METADATA_MAX);
    json_open(&b, '{');
    json_key(&b, "label");
    json_str(&b, label);
    json_key(&b, "template");
    json_str(&b, template);
    json_close(&b, '}');
    struct str s = b.failed ? (struct str){NULL, 0} : arena_str(a, buf_str(&b));
    buf_free(&b);
    return s;
}

/* The seed of a label in one template. NULL, or what is wrong with it, as seed_input_normalise. */
static const char *make_seed(struct expansion *x, struct str label, struct str template,
                             struct seed_input *seed, char detail[160])
{
    struct buf b;
    buf_init(&b, 1 << 20);
    seed_template_render(template, label, x->domain, &b);
    *seed = (struct seed_input){
        .text = b.failed ? (struct str){NULL, 0} : arena_str(x->arena, buf_str(&b)),
        .source = x->source,
        .domain = x->domain,
        .metadata = metadata_of(x->arena, label, template),
    };
    buf_free(&b);
    if (!seed->text.p || !seed->metadata.p)
        return "no_memory";
    return seed_input_normalise(seed, x->arena, detail);
}

static int flush(struct expansion *x, struct err *e)
{
    struct seed_counts stored;
    if (x->batch.ids.n == 0)
        return 0;
    if (seed_batch_store(&x->batch, x->q, x->ctx, x->dataset, &stored, e) < 0)
        return -1;
    x->stored.created += stored.created;
    x->stored.duplicate += stored.duplicate;
    x->stored.differs += stored.differs;
    return 0;
}

/* All seeds of a label, or none and the label is refused. */
static int expand_label(struct expansion *x, size_t index, struct str given, struct err *e)
{
    struct seed_input seeds[PER_LABEL_MAX];
    size_t chosen[PER_LABEL_MAX];
    char detail[160];
    arena_reset(x->arena);
    struct str label = without_underscores(x->arena, given);
    if (!label.p)
        return err_set(e, ERR_NO_MEMORY, "no memory for a label");
    const char *fault = label_fault(label, detail);
    if (!fault && !seed_templates_choose(x->templates, x->n_templates, x->per_label, x->domain,
                                         label, x->salt, chosen))
        return err_set(e, ERR_NO_MEMORY, "no memory for a label");
    for (size_t i = 0; !fault && i < x->per_label; i++)
        fault = make_seed(x, label, x->templates[chosen[i]], &seeds[i], detail);
    if (fault && strcmp(fault, "no_memory") == 0)
        return err_set(e, ERR_NO_MEMORY, "no memory for a label");
    if (fault) {
        refuse(x, index, fault, detail);
        return 0;
    }
    for (size_t i = 0; i < x->per_label; i++) {
        uint8_t id[SEED_ID_BYTES];
        seed_batch_add(&x->batch, &seeds[i], id);
        x->received++;
    }
    return x->batch.ids.n + PER_LABEL_MAX <= BATCH_ROWS ? 0 : flush(x, e);
}

static int expand_all(struct req *q, struct expansion *x, struct err *e)
{
    const struct expand_body *b = op_body(q);
    const struct str *labels = b->labels.items;
    for (size_t i = 0; i < b->labels.n; i++) {
        if (i % LOOK_UP_EVERY == 0 && !request_pool_sleep(x->ctx->pool, 0))
            return err_set(e, ERR_UNAVAILABLE, "the server is ending");
        if (expand_label(x, i, labels[i], e) < 0)
            return -1;
    }
    return flush(x, e);
}

static void render(struct req *q, const struct expansion *x)
{
    const struct expand_body *body = op_body(q);
    struct buf *b = &q->res.body;
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {
        {"labels", (int64_t)body->labels.n},
        {"received", x->received},
        {"new", x->stored.created},
        {"duplicate", x->stored.duplicate},
        {"duplicate_differs", x->stored.differs},
        {"refused", x->refused},
    };
    res_json(q, 200);
    json_open(b, '{');
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_key(b, counts[i].name);
        json_int(b, counts[i].n);
    }
    json_key(b, "refused_labels");
    json_open(b, '[');
    for (int i = 0; i < x->n_shown; i++) {
        json_open(b, '{');
        json_key(b, "index");
        json_int(b, (int64_t)x->shown[i].index);
        json_key(b, "reason");
        json_z(b, x->shown[i].reason);
        json_key(b, "detail");
        json_z(b, x->shown[i].detail);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
}

static int expand_work(struct req *q, struct work_ctx *ctx, struct err *e)
{
    _cleanup_(freep) struct expansion *x = calloc(1, sizeof(*x));
    _cleanup_(arena_freep) struct arena *arena = arena_new(LABEL_ARENA_BYTES);
    if (!x || !arena)
        return err_set(e, ERR_NO_MEMORY, "no memory for an expansion");
    x->q = q;
    x->ctx = ctx;
    x->arena = arena;
    if (take_body(q, x, e) < 0 || require_dataset(q, ctx, e) < 0)
        return -1;
    seed_batch_init(&x->batch, COLUMN_BYTES_MAX);
    int rc = expand_all(q, x, e);
    seed_batch_free(&x->batch);
    seed_metrics(x->stored.created, x->stored.duplicate, x->refused);
    if (rc == 0)
        render(q, x);
    return rc;
}

const struct operation op_expand_seeds = {
    .work = expand_work, .body_size = sizeof(struct expand_body), .max_nodes = EXPAND_NODES_MAX};
